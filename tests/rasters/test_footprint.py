"""Outlines of grids in degrees: closed, counterclockwise, cut where the date line runs."""

import numpy as np
import pytest
from rasterio.crs import CRS
from rasterio.warp import transform_bounds

from geoloupe.imagery.grid import Grid
from geoloupe.rasters.footprint import footprint


def grid(epsg: int, x: float, y: float, step: float, *, tilt: float = 0, up: int = -1) -> Grid:
    """Place a square of pixels whose first corner is (x, y)."""
    wkt = CRS.from_epsg(epsg).to_wkt()
    return Grid(crs=wkt, transform=(step, tilt, x, -tilt, up * step, y), height=100, width=100)


def area(ring: list[list[float]]) -> float:
    x, y = np.array(ring).T
    return float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1])) / 2


@pytest.mark.parametrize(
    "placed",
    [
        grid(32633, 481500, 5402250, 2.5),
        grid(32633, 481500, 5402250, 2.5, up=1),  # the first row is the southernmost
        grid(32633, 481500, 5402250, 2.5, tilt=1.5),
        grid(4326, 14.0, 48.0, 0.001),
        grid(3857, 1_600_000, 6_200_000, 10),
    ],
)
def test_an_outline_is_a_ring_around_every_corner(placed: Grid) -> None:
    found = footprint(placed)
    assert found is not None
    assert found.geometry["type"] == "Polygon"
    (ring,) = found.geometry["coordinates"]
    assert ring[0] == ring[-1]
    assert len(ring) == 5  # straight enough
    assert area(ring) > 0
    truth = transform_bounds(CRS.from_wkt(placed.crs or ""), "EPSG:4326", *placed.bounds)
    wide = np.array(truth) + np.array([-1, -1, 1, 1]) * 1e-6
    assert (np.array(found.bbox[:2]) >= wide[:2]).all()
    assert (np.array(found.bbox[2:]) <= wide[2:]).all()
    if placed.transform[1] == 0:
        assert found.bbox == pytest.approx(truth, abs=1e-6)


def test_long_sides_are_bent() -> None:
    placed = grid(3035, 2_500_000, 5_500_000, 40_000)  # all of Europe
    found = footprint(placed)
    assert found is not None
    (ring,) = found.geometry["coordinates"]
    assert len(ring) > 50
    truth = transform_bounds("EPSG:3035", "EPSG:4326", *placed.bounds)
    assert found.bbox == pytest.approx(truth, abs=0.2)


def test_the_date_line_cuts_an_outline() -> None:
    found = footprint(grid(32601, 100_000, 1_000_000, 1000))  # 180 west of the line, and on
    assert found is not None
    assert found.geometry["type"] == "MultiPolygon"
    rings = [polygon[0] for polygon in found.geometry["coordinates"]]
    assert len(rings) == 2
    assert all(area(ring) > 0 for ring in rings)
    assert all(np.ptp(np.array(ring)[:, 0]) < 2 for ring in rings)  # none spans the world
    west, south, east, north = found.bbox
    assert 179 < west < 180
    assert -180 < east < -179
    assert south < north


def test_what_lies_nowhere_on_earth_has_none() -> None:
    assert footprint(Grid(crs=None, height=5, width=5)) is None
    moon = (
        'GEOGCS["Moon",DATUM["D_Moon",SPHEROID["Moon",1737400,0]],'
        'PRIMEM["Reference",0],UNIT["degree",0.0174532925199433]]'
    )
    assert footprint(Grid(crs=moon, transform=(1, 0, 0, 0, -1, 0), height=5, width=5)) is None
