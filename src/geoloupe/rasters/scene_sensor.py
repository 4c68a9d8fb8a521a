"""The sensor of an open scene, and the size of its pixels on the ground."""

import math

from rasterio._err import CPLE_BaseError  # GDAL's complaints that rasterio does not translate
from rasterio.crs import CRS
from rasterio.errors import CRSError, RasterioError
from rasterio.warp import transform

from geoloupe.imagery.grid import Grid
from geoloupe.imagery.sensors.recognition import Recognised, SceneFacts, recognise
from geoloupe.rasters.source import Source

_RADIUS = 6_371_000.0  # m, of the earth


def sensor_of(source: Source) -> Recognised | None:
    """Return which sensor took a scene, or None where the file leaves it open."""
    return recognise(
        SceneFacts(
            tags=source.facts.tags,
            bands=source.bands,
            pixel=ground_pixel(source.grid),
            name=source.name,
        )
    )


def ground_pixel(grid: Grid) -> float | None:
    """Measure the side in metres of a pixel in the middle, in any CRS; None if not on earth.

    Degrees and the pixels of Web Mercator shrink towards the poles; feet are not metres.
    """
    if grid.crs is None:
        return None
    row, column = grid.height / 2, grid.width / 2
    corners = [grid.place(row, column), grid.place(row, column + 1), grid.place(row + 1, column)]
    try:
        x, y = transform(CRS.from_wkt(grid.crs), CRS.from_epsg(4326), *zip(*corners, strict=True))
    except (CRSError, RasterioError, CPLE_BaseError):
        return None
    here, right, below = zip(x, y, strict=True)
    side = math.sqrt(_metres(here, right) * _metres(here, below))
    return side if math.isfinite(side) and side > 0 else None


def _metres(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Measure the distance between two near places, longitude and latitude in degrees."""
    (west, south), (east, north) = a, b
    across = math.radians(east - west) * math.cos(math.radians((south + north) / 2))
    return _RADIUS * math.hypot(across, math.radians(north - south))
