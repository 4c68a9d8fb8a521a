"""Where a grid lies, in the words of catalogues: an outline in degrees, and the name of its CRS."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from rasterio._err import CPLE_BaseError  # GDAL's complaints that rasterio does not translate
from rasterio.crs import CRS
from rasterio.enums import WktVersion
from rasterio.errors import CRSError, RasterioError
from rasterio.warp import transform_geom

from geoloupe.imagery.grid import Grid

_STEPS = 16  # parts of a side: straight in one projection is bent in another
_BENT = 1e-6  # of a degree, from which it is not taken for straight: a decimetre
_DIGITS = 7  # of a degree: a centimetre


@dataclass(frozen=True)
class Footprint:
    """Where a raster lies: a polygon, or several where the date line cuts it."""

    geometry: dict[str, Any]
    bbox: tuple[float, float, float, float]  # west, south, east, north; west > east across the line


def footprint(grid: Grid) -> Footprint | None:
    """Return the outline of a grid; None where it is not placed on earth."""
    if not grid.crs:
        return None
    plain, bent = _outline(grid, 1), _outline(grid, _STEPS)
    if plain is None or bent is None:
        return None
    straight = np.abs(np.subtract(plain.bbox, bent.bbox)).max() < _BENT
    return plain if straight else bent


def _outline(grid: Grid, steps: int) -> Footprint | None:
    """Return the outline with every side in so many parts."""
    down, across = np.linspace(0, grid.height, steps + 1), np.linspace(0, grid.width, steps + 1)
    ring = [
        *(grid.place(row, 0) for row in down),
        *(grid.place(grid.height, column) for column in across[1:]),
        *(grid.place(row, grid.width) for row in down[-2::-1]),
        *(grid.place(0, column) for column in across[-2::-1]),
    ]
    outline = {"type": "Polygon", "coordinates": [ring]}
    try:
        found = transform_geom(
            CRS.from_wkt(grid.crs or ""), CRS.from_epsg(4326), outline, precision=_DIGITS
        )
    except (CRSError, RasterioError, CPLE_BaseError, ValueError):
        return None
    polygons = found["coordinates"]
    if found["type"] == "Polygon":
        polygons = [polygons]
    rings = [_counterclockwise(polygon[0]) for polygon in polygons]
    if not rings or not np.isfinite(np.concatenate(rings)).all():
        return None
    geometry = {"type": "Polygon", "coordinates": [rings[0].tolist()]}
    if len(rings) > 1:
        geometry = {"type": "MultiPolygon", "coordinates": [[ring.tolist()] for ring in rings]}
    return Footprint(geometry, _bbox(rings))


def code_of(crs: str) -> str | None:
    """Return the code of a coordinate system, such as EPSG:32633; None if it has none."""
    authority = CRS.from_wkt(crs).to_authority()
    return ":".join(authority) if authority else None


def wkt2_of(crs: str) -> str:
    """Return a coordinate system in the WKT of ISO 19162."""
    return str(CRS.from_wkt(crs).to_wkt(version=WktVersion.WKT2_2019))


def _counterclockwise(ring: Any) -> Any:
    points = np.array(ring, float)
    x, y = points.T
    area = np.sum(x[:-1] * y[1:] - x[1:] * y[:-1])
    return points if area >= 0 else points[::-1]


def _bbox(rings: list[Any]) -> tuple[float, float, float, float]:
    points = np.concatenate(rings)
    (west, south), (east, north) = points.min(0), points.max(0)
    if west == -180 and east == 180 and len(rings) > 1:
        west = min(ring[:, 0].min() for ring in rings if ring[:, 0].max() == 180)
        east = max(ring[:, 0].max() for ring in rings if ring[:, 0].min() == -180)
    return float(west), float(south), float(east), float(north)
