"""Real files say which sensor took them, and pixels are measured on the ground."""

from pathlib import Path

import numpy as np
import pytest
from rasterio.crs import CRS

from geoloupe.imagery.grid import Grid
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import Radiometry
from geoloupe.rasters.facts import BandFacts, Facts
from geoloupe.rasters.opening import open_source
from geoloupe.rasters.product import write_image
from geoloupe.rasters.scene_sensor import ground_pixel, sensor_of
from tests.real_data import DATA


def grid(epsg: int, step: float, x: float, y: float) -> Grid:
    transform = (step, 0.0, x, 0.0, -step, y)
    return Grid(crs=CRS.from_epsg(epsg).to_wkt(), transform=transform, height=100, width=100)


@pytest.mark.parametrize(
    ("where", "metres"),
    [
        (grid(32633, 10, 500_000, 5_800_000), 10),
        (grid(32633, 20, 300_000, 100_000), 20),
        (grid(4326, 1e-4, 13, 0), 11.12),
        (grid(4326, 1e-4, 13, 60), 11.12 * 0.5**0.5),  # half as wide as high
        (grid(3857, 20, 1_500_000, 8_399_738), 10),  # at 60 degrees
        (grid(2263, 10, 980_000, 200_000), 3.048),  # feet
    ],
)
def test_pixels_are_measured_on_the_ground(where: Grid, metres: float) -> None:
    assert ground_pixel(where) == pytest.approx(metres, rel=0.01)


def test_pixels_that_lie_nowhere_have_no_size() -> None:
    assert ground_pixel(Grid(crs=None, height=9, width=9)) is None
    local = 'LOCAL_CS["mine",UNIT["metre",1]]'
    assert ground_pixel(Grid(crs=local, height=9, width=9)) is None
    assert ground_pixel(grid(32633, 10, 1e12, 1e12)) is None


def write(path: Path, names: str, *, step: float = 10, **tags: str) -> Path:
    bands = tuple(BandFacts(description=name) for name in names.split())
    where = grid(32633, step, 500_000, 5_800_000)
    values = np.zeros((len(bands), 100, 100), np.uint16)
    image = Image.of(values, radiometry=Radiometry(dtype="uint16"), grid=where)
    write_image(path, image, facts=Facts(bands=bands, tags=tags))
    return path


def test_a_file_is_told_by_its_bands_its_tags_and_its_name(tmp_path: Path) -> None:
    for name, names, step, tags, sensor in (
        ("a.tif", "B02 B03 B04", 10.0, {}, "sentinel-2"),
        ("b.tif", "B02 B03 B04", 30.0, {}, None),
        ("c.tif", "red green", 30.0, {"SPACECRAFT_ID": "LANDSAT_7"}, "landsat-7"),
        ("LC09_L2SP_017051_20221008_20221016_02_T1.tif", "one two", 30.0, {}, "landsat-9"),
    ):
        with open_source(write(tmp_path / name, names, step=step, **tags)) as source:
            found = sensor_of(source)
            assert (found and found.sensor.name) == sensor, name


REAL = {
    "scenes/*.tif": None,
    "more/pan/*.tif": None,
    "more/s2/l1b_*.tif": None,
    "more/s2/ben_*.tif": "sentinel-2",
    "more/s2/dsen2_*.tif": "sentinel-2",
    "more/s2/majortom_*.tif": "sentinel-2",
    "more/s2/ssl4eo_*.tif": "sentinel-2",
    "more/cross/landsat8_byte.tif": "landsat-8",
    "more/cross/sentinel2_b432_byte.tif": "sentinel-2",
    "more/cross/ngi_*.tif": None,
}


@pytest.mark.parametrize("pattern", REAL)
def test_real_files_are_told_where_they_say_it(pattern: str) -> None:
    paths = sorted(DATA.glob(pattern))
    if not paths:
        pytest.skip(f"no {pattern} below {DATA}")
    for path in paths[:6]:
        with open_source(path) as source:
            found = sensor_of(source)
            assert (found and found.sensor.name) == REAL[pattern], path.name
            assert all(
                found.sensor.find(band) for band in source.bands if found and band.name[:1] == "B"
            )
