"""A coarse scene and a finer one aligned, never by resampling the finer one."""

import logging
import math
from dataclasses import replace

from rasterio.crs import CRS

from geoloupe.errors import InputError, errors_named
from geoloupe.imagery.grid import Grid
from geoloupe.imagery.meeting import Meeting
from geoloupe.rasters.raster import is_raster
from geoloupe.rasters.source import Source
from geoloupe.rasters.warping import outline_on, warped

_log = logging.getLogger(__name__)

_MIN_FACTOR = 1.05  # least times finer than the coarse pixels a guide must be
_MAX_FACTOR = 32.0  # most times finer: beyond, coarse pixels say nothing about fine ones


def met(coarse: Source, fine: Source) -> tuple[Source, Meeting]:
    """Return a coarse scene and how it lies on a finer one's grid.

    If it has another coordinate system or is rotated, it is warped to pixels of its own size,
    aligned with the finer grid.
    """
    with errors_named(coarse.name):
        _refuse_half_placed(coarse, fine)
        meeting = Meeting.of(coarse.grid, fine.grid) if _same_crs(coarse.grid, fine.grid) else None
        if meeting is None:
            coarse = _in_line(coarse, fine)
            meeting = Meeting.of(coarse.grid, fine.grid)
        assert meeting is not None
        _refuse_factor(meeting, fine)
    return coarse, meeting


def _refuse_half_placed(coarse: Source, fine: Source) -> None:
    if coarse.grid.georeferenced != fine.grid.georeferenced:
        lost = coarse if fine.grid.georeferenced else fine
        raise InputError(
            f"cannot be aligned with {fine.name}: {lost.name} does not say where it lies; give it "
            "a georeference, as with gdal_edit, or crop both to one outline and remove it from both"
        )


def _refuse_factor(meeting: Meeting, fine: Source) -> None:
    ratio = meeting.ratio
    if ratio < _MIN_FACTOR:
        raise InputError(
            f"{fine.name} has pixels {1 / ratio:.3g} times the size of this one's, so it is not "
            "finer; name the finer image as the guide"
        )
    if ratio > _MAX_FACTOR:
        raise InputError(
            f"{fine.name} is {ratio:.3g} times finer, and at most {_MAX_FACTOR:g} times can be "
            "done at once; make the guide coarser first, as with gdalwarp -r average"
        )


def _same_crs(one: Grid, other: Grid) -> bool:
    if one.crs == other.crs or not (one.crs and other.crs):
        return True
    return bool(CRS.from_wkt(one.crs) == CRS.from_wkt(other.crs))


def _in_line(coarse: Source, fine: Source) -> Source:
    """Warp a scene to its own pixel size on a grid aligned with a finer one."""
    if not is_raster(coarse):
        raise InputError("is rotated against the guide, and only rasters can be warped")
    place = warped(coarse, _around(coarse, fine.grid), covering=False)
    _log.warning(
        "%s: has another coordinate system than %s, or is rotated against it, and is resampled "
        "to pixels of its own size there: it gets a little softer",
        *(coarse.name, fine.name),
    )
    return place


def _around(coarse: Source, fine: Grid) -> Grid:
    """Return a grid of the coarse pixel size aligned with the fine one, where both have pixels."""
    side, (least, greatest) = outline_on(coarse, fine)
    top, left = (max(math.floor(corner), 0) for corner in least)
    bottom, right = (
        min(math.ceil(corner), length)
        for corner, length in zip(greatest, (fine.height, fine.width), strict=True)
    )
    if bottom <= top or right <= left:
        raise InputError("shows another place: the images do not overlap")
    a, b, _, d, e, _ = fine.transform
    c, f = fine.place(top, left)
    return replace(
        fine,
        transform=(a * side, b * side, c, d * side, e * side, f),
        height=math.ceil((bottom - top) / side),
        width=math.ceil((right - left) / side),
    )
