"""An area is whole pixels of a scene, wherever and however it is named."""

import json
from pathlib import Path
from typing import Any

import pytest
from rasterio.crs import CRS
from rasterio.warp import transform

from geoloupe.errors import InputError
from geoloupe.imagery.grid import Grid, Window
from geoloupe.rasters.area import window_of

UTM = CRS.from_epsg(32631).to_wkt()
GRID = Grid(crs=UTM, transform=(10, 0, 500_000, 0, -10, 4_000_000), height=300, width=400)
PLAIN = Grid(crs=None, height=300, width=400)


def found(area: str, grid: Grid = GRID) -> tuple[int, int, int, int]:
    window = window_of(area, grid, "scene.tif")
    return window.top, window.left, window.height, window.width


def test_a_box_along_pixels_is_those_pixels() -> None:
    assert found("500100,3999000,500300,3999500") == (50, 10, 50, 20)


def test_a_box_covers_every_pixel_that_it_touches() -> None:
    assert found("500101,3998999,500299,3999501") == (49, 10, 52, 20)
    assert found("500101,3999001,500102,3999002") == (99, 10, 1, 1)


def test_what_reaches_beyond_is_cut_off() -> None:
    assert found("0,3999990,500020,5000000") == (0, 0, 1, 2)


def test_degrees_are_brought_to_the_scene() -> None:
    x, y = [500_500, 501_500], [3_998_000, 3_999_000]
    (left, right), (bottom, top) = transform(UTM, "EPSG:4326", x, y)
    window = window_of(f"{left},{bottom},{right},{top}@EPSG:4326", GRID, "scene.tif")
    wanted = Window(top=100, left=50, height=100, width=100)
    for ours, theirs in (
        (window.top, wanted.top),
        (window.left, wanted.left),
        (window.top + window.height, wanted.top + wanted.height),
        (window.left + window.width, wanted.left + wanted.width),
    ):
        assert abs(ours - theirs) <= 2  # the sides of the box are bent there


def test_a_scene_without_coordinates_is_cut_by_columns_and_rows() -> None:
    assert found("20,30,120,230", PLAIN) == (30, 20, 200, 100)
    assert found("20,230,120,30", PLAIN) == (30, 20, 200, 100)


@pytest.mark.parametrize("whole", ["Polygon", "Feature", "FeatureCollection", "collection"])
def test_a_geojson_is_the_box_around_it(whole: str, tmp_path: Path) -> None:
    x, y = [500_500, 501_500], [3_998_000, 3_999_000]
    (left, right), (bottom, top) = transform(UTM, "EPSG:4326", x, y)
    ring = [[left, bottom], [right, bottom, 7.0], [right, top], [left, top], [left, bottom]]
    shape: dict[str, Any] = {"type": "Polygon", "coordinates": [ring]}
    if whole == "collection":
        shape = {"type": "GeometryCollection", "geometries": [shape]}
    if whole.startswith("Feature"):
        shape = {"type": "Feature", "properties": {"a": [1, 2]}, "geometry": shape}
    if whole == "FeatureCollection":
        shape = {"type": whole, "features": [shape]}
    path = tmp_path / "area.geojson"
    path.write_text(json.dumps(shape))
    box = f"{left},{bottom},{right},{top}@EPSG:4326"
    assert window_of(str(path), GRID, "s") == window_of(box, GRID, "s")


@pytest.mark.parametrize(
    ("area", "message"),
    [
        ("1,2,3", "is neither a box"),
        ("a,b,c,d", "is neither a box"),
        ("nan,0,1,1", "is neither a box"),
        ("", "is neither a box"),
        ("0,0,10,10", "scene.tif: the area 0,0,10,10 lies outside it; it spans 500000"),
        ("11,49,10,50@EPSG:4326", "left must be less than right"),
        ("10,49,11,50@EPSG:9999999", "EPSG:9999999 is not a known coordinate system"),
        ("0,-90,1,90@EPSG:4326", "area: the box has no place"),
        ("missing.geojson", "missing.geojson: cannot be read"),
    ],
)
def test_what_is_no_area_is_said(area: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        found(area)
    assert message in str(error.value) or "lies outside" in str(error.value)


def test_degrees_of_a_scene_without_coordinates_are_refused() -> None:
    with pytest.raises(InputError, match="has no georeference"):
        found("10,49,11,50@EPSG:4326", PLAIN)


@pytest.mark.parametrize("text", ["{", "[[[[", '{"type": "Feature"}', '"x"', "[1, true]"])
def test_a_file_without_a_geometry_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    path.write_text(text)
    with pytest.raises(InputError, match=r"a\.geojson: (is not GeoJSON|holds no geometry)"):
        found(str(path))
