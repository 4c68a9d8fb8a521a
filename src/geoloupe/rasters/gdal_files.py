"""Results as files of GDAL's: planes copied by one of its drivers, and read back."""

import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from rasterio._err import CPLE_BaseError  # GDAL's complaints that rasterio does not translate
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.windows import Window as RasterioWindow

from geoloupe.errors import InputError
from geoloupe.imagery.grid import Grid
from geoloupe.rasters.formats import COG, Format, compression_of
from geoloupe.rasters.planes import Layout, Planes
from geoloupe.rasters.raster import quiet
from geoloupe.rasters.storing import Compression
from geoloupe.system.memory import available, resident

_log = logging.getLogger(__name__)

CACHE = 64  # megabytes that GDAL may hold
_BLOCK = 2**24  # bytes of a file's block: a larger one is a burden to readers
_AT_ONCE = 2**25  # bytes that are read back at once
_PACKING = 2**28  # most bytes that threads take while packing or unpacking blocks
_BLOCKS_HELD = 6  # blocks one of them was seen to hold
_LEVELS: dict[Compression, str] = {"deflate": "1", "zstd": "9"}
_NO_PREDICTOR = ("int64", "uint64")  # libtiff accepts one for 64 bits only after 4.3


def copy(planes: Planes, part: Path, kind: Format, *, memory: int | None) -> None:
    """Copy finished pixels into a file of a format, with overviews where it has them."""
    settings = {
        # Pictures get no .aux.xml: it would be a second file, and not whole or absent.
        "GDAL_PAM_ENABLED": kind.placed,
        "GDAL_TIFF_INTERNAL_MASK": True,
        "GDAL_CACHEMAX": CACHE,
        # Else each block of the result would read whole rows of the planes.
        "GDAL_ONE_BIG_READ": True,
        "GDAL_VRT_RAWRASTERBAND_ALLOWED_SOURCE": "SIBLING_OR_CHILD_OF_VRT_PATH",
    }
    options = kind.options | packing_options(kind, planes.layout, memory)
    with rasterio.Env(**settings):
        vrt = planes.as_vrt(overviews=kind.overviews)
        rasterio.shutil.copy(vrt, part, driver=kind.driver, **options)


def same(part: Path, path: Path, planes: Planes, kind: Format, *, memory: int | None) -> bool:
    """Open a file as anyone would and compare it with what was intended and written."""
    layout = planes.layout
    threads = {"num_threads": str(_threads(layout, memory))} if kind.placed else {}
    with rasterio.Env(GDAL_CACHEMAX=CACHE), quiet(), rasterio.open(part, **threads) as dataset:
        found = (dataset.count, dataset.height, dataset.width, dataset.dtypes[0])
        meant = (layout.count, layout.grid.height, layout.grid.width, layout.radiometry.dtype)
        alike = found == meant
        if kind.placed:
            alike &= _placed_alike(dataset, layout) and _crs_alike(dataset.crs, layout.grid, path)
        if kind.exact and alike:
            alike = all(_same(dataset, planes, *place) for place in places(layout, kind))
    return alike


def _pixel(layout: Layout) -> int:
    """Count the bytes of a pixel in all bands."""
    return layout.count * np.dtype(layout.radiometry.dtype).itemsize


def side(layout: Layout) -> int:
    """Choose the side of a file's blocks: smaller with more bands, to the format's minimum."""
    if layout.packing.blocksize is not None:
        return layout.packing.blocksize
    pixel = _pixel(layout)
    return next((side for side in (512, 256) if side**2 * pixel <= _BLOCK), 128)


def packing_memory(layout: Layout) -> int:
    """Return the least bytes a thread takes while packing the blocks of a GeoTIFF."""
    own = _BLOCKS_HELD * side(layout) ** 2 * _pixel(layout)
    return max([own, *(packing_memory(layer) for layer in layout.beside.values())])


def packing_options(kind: Format, layout: Layout, memory: int | None) -> dict[str, str]:
    """Choose how large blocks are, how they are compressed and how many threads do it."""
    if not kind.placed:
        return {}
    sides = ("blocksize",) if kind is COG else ("blockxsize", "blockysize")
    threads = {"num_threads": str(_threads(layout, memory))}
    return threads | _compression(kind, layout) | {name: str(side(layout)) for name in sides}


def _threads(layout: Layout, memory: int | None) -> int:
    room = available() // 2 if memory is None else memory - resident() - CACHE * 10**6
    most = min(room, _PACKING) // packing_memory(layout)
    return max(min(most, os.cpu_count() or 1), 1)


def _compression(kind: Format, layout: Layout) -> dict[str, str]:
    """Return how one of GDAL's drivers for GeoTIFF is told to compress."""
    method, dtype = compression_of(kind, layout), np.dtype(layout.radiometry.dtype)
    found = {"compress": method.upper()}
    if method in _LEVELS:
        own = {"deflate": "zlevel", "zstd": "zstd_level"}[method]
        found["level" if kind is COG else own] = _LEVELS[method]
    if method == "none" or dtype.name in _NO_PREDICTOR:
        found["predictor"] = "NO" if kind is COG else "1"
    elif kind is not COG and dtype.kind == "f":
        found["predictor"] = "3"
    return found


def refuse_missing_codec(path: Path, kind: Format, layout: Layout) -> None:
    """Refuse to compress a GeoTIFF as the GDAL that is here does not."""
    method = compression_of(kind, layout)
    if not _compresses(method):
        raise InputError(
            f"{path}: the GDAL that is installed here has no compress={method}; choose "
            "compress=deflate"
        )


@cache
def _compresses(method: Compression) -> bool:
    """Return whether the GDAL that is here compresses so: not every one was built to."""
    if method in ("deflate", "none"):
        return True
    name = f"/vsimem/{secrets.token_hex(8)}.tif"
    size = {"width": 16, "height": 16, "count": 1, "dtype": "uint8"}
    try:
        with quiet(), rasterio.open(name, "w", driver="GTiff", compress=method, **size) as made:
            made.write(np.zeros((1, 16, 16), np.uint8))
        with quiet(), rasterio.open(name) as dataset:
            return dataset.compression is not None
    except (RasterioError, CPLE_BaseError):
        return False
    finally:
        with suppress(RasterioError, CPLE_BaseError):
            rasterio.shutil.delete(name)


def places(layout: Layout, kind: Format) -> Iterator[tuple[slice, slice]]:
    """Cut the result into pieces that need little memory, along the blocks or lines of the file."""
    height, width = layout.grid.height, layout.grid.width
    pixel = _pixel(layout)
    tall, wide = max(_AT_ONCE // (width * pixel), 1), width
    if kind.placed:
        tall = side(layout)
        wide = max(_AT_ONCE // (tall**2 * pixel), 1) * tall
    for top in range(0, height, tall):
        for left in range(0, width, wide):
            yield slice(top, min(top + tall, height)), slice(left, min(left + wide, width))


def _same(dataset: Any, planes: Planes, rows: slice, columns: slice) -> bool:
    """Compare bytes, so that NaN equals NaN."""
    window = RasterioWindow.from_slices(rows, columns)
    found = dataset.read(window=window)
    same = all(
        found[band].tobytes() == planes.read(band, rows, columns).tobytes()
        for band in range(planes.layout.count)
    )
    if planes.masked:
        mask = planes.read_mask(rows, columns)
        same &= bool((dataset.read_masks(1, window=window) == mask).all())
    return same


def _placed_alike(dataset: Any, layout: Layout) -> bool:
    grid, nodata, bands = layout.grid, layout.radiometry.nodata, layout.facts.bands
    lines = [(band.scale, band.offset) for band in bands]
    found = list(zip(dataset.scales, dataset.offsets, strict=True))[: len(bands)]
    return bool(
        (not grid.georeferenced or _same_corners(dataset, grid))
        and (nodata is None) == (dataset.nodata is None)
        and (nodata is None or np.isclose(dataset.nodata, nodata, rtol=1e-6, equal_nan=True))
        and list(dataset.descriptions[: len(bands)]) == [band.description for band in bands]
        and np.allclose(found, lines, rtol=1e-12, atol=0, equal_nan=True)
    )


def _same_corners(dataset: Any, grid: Grid) -> bool:
    """Return whether every corner lies within a thousandth of a pixel of its intended place."""
    stored = replace(grid, transform=tuple(dataset.transform)[:6])
    corners = [(row, column) for row in (0, grid.height) for column in (0, grid.width)]
    found, meant = (np.array([one.place(*corner) for corner in corners]) for one in (stored, grid))
    return bool(np.abs(found - meant).max() <= 1e-3 * min(grid.pixel_size))


def _crs_alike(found: CRS | None, grid: Grid, path: Path) -> bool:
    meant = CRS.from_wkt(grid.crs) if grid.georeferenced and grid.crs else None
    if (found or None) == meant:
        return True
    if meant is None or (found or None) != _held(meant):
        return False
    message = "%s: a GeoTIFF holds only part of the scene's coordinate system (%.60s...)"
    _log.warning(f"{message}; its pixels lie where they did", path, grid.crs)
    return True


def _held(crs: CRS) -> CRS | None:
    """Return what a coordinate system becomes in a GeoTIFF: rare ones lose parts."""
    name = f"/vsimem/{secrets.token_hex(8)}"
    size = {"width": 1, "height": 1, "count": 1, "dtype": "uint8"}
    rasterio.open(f"{name}.vrt", "w", driver="VRT", crs=crs, **size).close()
    try:
        rasterio.shutil.copy(f"{name}.vrt", f"{name}.tif", driver="COG")
        with rasterio.open(f"{name}.tif") as dataset:
            return dataset.crs or None
    finally:
        rasterio.shutil.delete(f"{name}.vrt")
        rasterio.shutil.delete(f"{name}.tif")
