"""Rasters on the grids of others, by GDAL's warper."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import rasterio
import rasterio.shutil
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, Resampling
from rasterio.transform import Affine
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform, transform_bounds

from geoloupe.errors import InputError
from geoloupe.imagery.grid import Grid
from geoloupe.rasters.raster import gdal_errors_as_input_errors, reader_of
from geoloupe.rasters.source import Source

_NOWHERE = 'LOCAL_CS["pixels"]'  # GDAL warps only between coordinate systems
Corners = tuple[tuple[float, float], tuple[float, float]]


def warped(source: Source, grid: Grid, *, covering: bool = True) -> Source:
    """Resample an open raster to `grid`; smooth where finer, else averaged.

    Both have a coordinate system, or neither has one. Beyond its edge and where it has no data,
    the result has none; with `covering`, it must not end inside the grid.
    """
    if covering:
        _check_cover(source, grid)
    finer = min(grid.pixel_size) < 1.5 * min(_size_in(source.grid, grid))
    marked = source.facts.mask == "alpha" or source.radiometry.nodata is not None
    with gdal_errors_as_input_errors(source.name), _unmarked(source) as dataset:
        vrt = WarpedVRT(
            dataset,
            src_crs=None if dataset.crs else source.grid.crs or _NOWHERE,
            src_transform=None if dataset.crs else _transform_of(source),
            crs=grid.crs or _NOWHERE,
            transform=Affine(*grid.transform),
            height=grid.height,
            width=grid.width,
            resampling=Resampling.cubic if finer else Resampling.average,
            src_nodata=source.radiometry.nodata,  # which may be inferred rather than declared
            add_alpha=not marked,
        )
    reader = replace(reader_of(source), dataset=vrt)
    if marked:
        return replace(source, reader=reader, grid=grid, corner=(0, 0))
    facts = replace(source.facts, mask="alpha")
    reader = replace(reader, mask="alpha", alpha=vrt.count)
    return replace(source, reader=reader, grid=grid, corner=(0, 0), facts=facts)


def _transform_of(source: Source) -> Affine:
    """Return the transform of all that a source's reader reads, of which it may be a part."""
    top, left = source.corner
    return Affine(*source.grid.transform) @ Affine.translation(-left, -top)


@contextmanager
def _unmarked(source: Source) -> Iterator[Any]:
    """Yield the dataset without data marked as transparency: GDAL would follow the mark.

    What is made from it stays open as long as a warped dataset needs it.
    """
    reader = reader_of(source)
    colours = reader.dataset.colorinterp
    if reader.alpha is not None or ColorInterp.alpha not in colours:
        yield reader.dataset
        return
    name = f"/vsimem/{secrets.token_hex(8)}.vrt"
    rasterio.shutil.copy(reader.dataset, name, driver="VRT")
    try:
        with rasterio.open(name, "r+") as copy:
            copy.colorinterp = [
                ColorInterp.undefined if colour is ColorInterp.alpha else colour
                for colour in colours
            ]
        with rasterio.open(name) as copy:
            yield copy
    finally:
        rasterio.shutil.delete(name)


def outline_on(source: Source, grid: Grid, *, along: int = 21) -> tuple[float, Corners]:
    """Place a raster on another grid: its pixels' side, and its first and last corner.

    All are in pixels of that grid: the side, then (top, left) and (bottom, right).
    """
    own = source.grid
    middle = own.height / 2, own.width / 2
    steps = [index / (along - 1) for index in range(along)]
    border = [(own.height * s, own.width * t) for s in steps for t in steps]
    pixel = [middle, (middle[0] + 1, middle[1]), (middle[0], middle[1] + 1)]
    with gdal_errors_as_input_errors(source.name):
        rows, columns = _pixels(own, grid, [*pixel, *border])
    (row, below, right), (column, under, beside) = rows[:3], columns[:3]
    area = abs((below - row) * (beside - column) - (right - row) * (under - column))
    side = area**0.5
    least, greatest = (min(rows[3:]), min(columns[3:])), (max(rows[3:]), max(columns[3:]))
    return side, (least, greatest)


def _pixels(
    own: Grid, grid: Grid, places: list[tuple[float, float]]
) -> tuple[list[float], list[float]]:
    """Map positions in pixels of one grid to rows and columns of another."""
    x, y = (list(part) for part in zip(*(own.place(*place) for place in places), strict=True))
    if own.crs and grid.crs:
        x, y = transform(CRS.from_wkt(own.crs), CRS.from_wkt(grid.crs), x, y)
    found = [grid.position(*place) for place in zip(x, y, strict=True)]
    rows, columns = zip(*found, strict=True)
    return list(rows), list(columns)


def _size_in(grid: Grid, other: Grid) -> tuple[float, float]:
    """Return the pixel size of a grid in the units of another's CRS, roughly."""
    left, bottom, right, top = _bounds_in(grid, other)
    return (right - left) / grid.width, (top - bottom) / grid.height


def _bounds_in(grid: Grid, other: Grid) -> tuple[float, float, float, float]:
    if grid.crs == other.crs or not (grid.crs and other.crs):
        return grid.bounds
    bounds = transform_bounds(CRS.from_wkt(grid.crs), CRS.from_wkt(other.crs), *grid.bounds)
    left, bottom, right, top = (float(value) for value in bounds)
    return left, bottom, right, top


def _check_cover(source: Source, grid: Grid) -> None:
    """Refuse a guide that does not cover the scene; up to four of its pixels are forgiven."""
    with gdal_errors_as_input_errors(source.name):
        left, bottom, right, top = _bounds_in(source.grid, grid)
    scene_left, scene_bottom, scene_right, scene_top = grid.bounds
    if left >= scene_right or right <= scene_left or bottom >= scene_top or top <= scene_bottom:
        raise InputError(f"{source.name}: shows another place than the scene; they do not overlap")
    slack = 4 * max(grid.pixel_size)
    gap = max(left - scene_left, bottom - scene_bottom, scene_right - right, scene_top - top)
    if gap > slack:
        raise InputError(
            f"{source.name}: ends {gap:g} map units inside the scene; crop the scene to the guide"
        )
