"""Where an image in a Zarr store lies: by its coordinates, `spatial_ref`, or GeoZarr's words."""

import math
from collections.abc import Mapping
from typing import Any

from rasterio.crs import CRS
from rasterio.errors import CRSError

from geoloupe.errors import InputError
from geoloupe.imagery.grid import Grid
from geoloupe.rasters.zarr_arrays import DAMAGE, Stored, why
from geoloupe.rasters.zarr_stores import PLACE

Transform = tuple[float, float, float, float, float, float]

AXES = {
    *(("y", "x"), ("lat", "lon"), ("latitude", "longitude"), ("northing", "easting")),
}
"""The last two dimensions of an image, down and across."""

_NEAR = 0.02  # pixels by which two words of a place may differ


def grid_of(
    image: Stored,
    beside: Mapping[str, Stored],
    about: Mapping[str, Any],
    shape: tuple[int, int, int],
    *,
    trust: bool,
) -> Grid:
    """Return where an image (B,H,W) lies; `about` is what its group says of itself."""
    _, height, width = shape
    place = beside.get(str(image.attributes.get("grid_mapping", PLACE)), beside.get(PLACE))
    said: Mapping[str, Any] = {} if place is None else place.attributes
    transform = _stated(said, about)
    axes = _axes(image, beside, (height, width), trust=trust)
    if axes is not None and not (transform and _same(transform, axes, height, width)):
        # Whoever cut a part out of an image may have left the transform of the whole.
        transform = axes
    crs = _crs(said, about)
    # Coordinates may be no more than the numbers of rows and columns.
    numbered = crs is None and transform is axes and transform is not None
    if transform is None or (numbered and (transform[0], transform[4]) == (1, 1)):
        return Grid(crs=None, height=height, width=width)
    return Grid(crs=crs, transform=transform, height=height, width=width)


def _stated(said: Mapping[str, Any], about: Mapping[str, Any]) -> Transform | None:
    """Return the transform that stands beside an image in numbers."""
    words = said.get("GeoTransform")
    try:
        if words is not None:  # as GDAL orders them
            c, a, b, f, d, e = (float(word) for word in str(words).split())
        elif (numbers := about.get("spatial:transform")) is not None:
            a, b, c, d, e, f = (float(number) for number in numbers[:6])
        else:
            return None
    except DAMAGE:
        raise InputError("its GeoTransform is not six numbers") from None
    return a, b, c, d, e, f


def _axes(
    image: Stored, beside: Mapping[str, Stored], sides: tuple[int, int], *, trust: bool
) -> Transform | None:
    """Return the transform that the coordinates of pixels' middles say; None if they do not."""
    names = image.about.get("dimension_names")
    if not isinstance(names, list):
        return None
    lines = []
    for name, side in zip(names[-2:], sides, strict=True):
        axis = beside.get(str(name))
        if axis is None or axis.about.get("shape") != [side] or side < 2:
            return None
        lines.append(_line(axis, side, trust=trust))
    (f, e), (c, a) = lines
    return a, 0.0, c, 0.0, e, f


def _line(axis: Stored, side: int, *, trust: bool) -> tuple[float, float]:
    """Return the outer edge and the step of evenly spaced coordinates."""
    array = axis.open(trust=trust)
    try:
        places = (0, 1, side // 2, side - 1)
        first, second, middle, last = (float(array[place]) for place in places)
    except DAMAGE as error:
        raise InputError(f"{axis.path}: cannot be read; damaged? ({why(error)})") from None
    step = (last - first) / (side - 1)
    found = ((1, second), (side // 2, middle))
    if not all(abs(first + step * place - value) <= abs(step) / 4 for place, value in found):
        raise InputError(
            f"its coordinate {axis.path.name} is not evenly spaced, so its pixels form no grid"
        )
    return first - step / 2, step


def _same(one: Transform, other: Transform, height: int, width: int) -> bool:
    """Return whether two transforms place an image alike."""
    grids = [Grid(crs=None, transform=each, height=height, width=width) for each in (one, other)]
    corners = [(0, 0), (0, width), (height, 0)]
    pairs = [[grid.place(*corner) for grid in grids] for corner in corners]
    near = _NEAR * min(grids[0].pixel_size)
    return all(math.dist(*pair) <= near for pair in pairs)


def _crs(said: Mapping[str, Any], about: Mapping[str, Any]) -> str | None:
    """Return the coordinate system, wherever it is named; None where it is not."""
    words = (
        *(said.get("crs_wkt"), said.get("spatial_ref"), said.get("epsg_code")),
        *(about.get("proj:wkt2"), about.get("proj:code"), about.get("proj:epsg")),
    )
    word = next((word for word in words if word), None)
    if word is None:
        return None
    try:
        return str(CRS.from_user_input(word).to_wkt())
    except (CRSError, ValueError, TypeError):
        raise InputError(f"names no known coordinate system ({str(word)[:40]!r})") from None
