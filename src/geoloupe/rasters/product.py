"""Results as files: raw planes, copied into the final format, read back, published."""

import logging
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from rasterio._err import CPLE_BaseError  # GDAL's complaints that rasterio does not translate
from rasterio.crs import CRS
from rasterio.errors import CRSError, RasterioError
from rasterio.windows import Window as RasterioWindow

from geoloupe.errors import InputError, RunError
from geoloupe.imagery.grid import Grid
from geoloupe.imagery.image import Image
from geoloupe.rasters.facts import BandFacts, Facts
from geoloupe.rasters.planes import Layout, Planes
from geoloupe.rasters.raster import quiet
from geoloupe.storage.beside import LAYERS, beside, check_targets, ours
from geoloupe.storage.publish import publish
from geoloupe.storage.sizes import size_text
from geoloupe.system.allocator import give_back_freed_memory
from geoloupe.system.memory import available, resident

_log = logging.getLogger(__name__)

_CACHE = 64  # megabytes that GDAL may hold
_BLOCK = 2**24  # bytes of a file's block: a larger one is a burden to readers
_AT_ONCE = 2**25  # bytes that are read back at once
_ENDLESS = 10**12  # bytes of a result from which a lack of room is checked first
_PACKING = 2**28  # most bytes that threads take while packing or unpacking blocks
_BLOCKS_HELD = 6  # blocks one of them was seen to hold


@dataclass(frozen=True, kw_only=True)
class Format:
    """A kind of file that a result can become."""

    driver: str
    options: dict[str, str]
    dtypes: tuple[str, ...] | None = None  # None: any
    counts: tuple[int, ...] | None = None  # of bands, without alpha
    alpha: bool = True
    exact: bool = True  # returns exactly the same numbers
    placed: bool = False  # carries georeference, names and tags


_COG = Format(
    driver="COG",
    options={
        "compress": "DEFLATE",
        # Level 6 takes half as long again and saves half a per cent.
        "level": "1",
        "predictor": "YES",
        "bigtiff": "IF_SAFER",
        "overviews": "FORCE_USE_EXISTING",
    },
    placed=True,
)
_PNG = Format(driver="PNG", options={}, dtypes=("uint8", "uint16"), counts=(1, 3))
_JPEG = Format(
    driver="JPEG",
    options={"quality": "95"},
    dtypes=("uint8",),
    counts=(1, 3),
    alpha=False,
    exact=False,
)
FORMATS = {".tif": _COG, ".tiff": _COG, ".png": _PNG, ".jpg": _JPEG, ".jpeg": _JPEG}


@dataclass(frozen=True, eq=False)
class Product:
    """A result while it is written, strip by strip from the top."""

    path: Path
    planes: Planes

    @property
    def layout(self) -> Layout:
        """What it will be."""
        return self.planes.layout

    def write(self, image: Image, *, top: int) -> None:
        """Write a full-width image whose first row is row `top` of the result."""
        with gdal_errors_as_run_errors(self.path):
            self.planes.write(image, top=top)


def check_output(
    path: Path,
    layout: Layout,
    *,
    overwrite: bool = False,
    there: int = 0,
    folder: Path | None = None,
) -> Format:
    """Refuse a target that cannot hold the result, before any work is done for it.

    `there` bytes of the pixels' space are on disk already. `folder` is where it is made.
    """
    known = FORMATS.get(path.suffix.lower())
    if known is None:
        raise InputError(f"{path}: results are written as {', '.join(FORMATS)}")
    dtype, bands = layout.radiometry.dtype, len(layout.facts.bands)
    marked = layout.facts.mask != "none" or layout.radiometry.nodata is not None
    for fits, what in (
        (known.dtypes is None or dtype in known.dtypes, f"{dtype} values"),
        (known.counts is None or bands in known.counts, f"{bands} bands"),
        (known.alpha or layout.facts.mask != "alpha", "transparency"),
        (known.placed or known.alpha or not marked, "a mark for missing pixels"),
    ):
        if not fits:
            raise InputError(f"{path}: {known.driver} cannot hold {what}; write a .tif instead")
    check_targets(path, layout.beside, overwrite=overwrite, folder=folder)
    files = [path, *(beside(path, name) for name in layout.beside)]
    if not overwrite:
        for side in (side for file in files for side in _companions(file)):
            raise InputError(
                f"{side}: would be read together with the new {path.name}; delete it, or "
                "overwrite=true"
            )
    check_room(path, layout.peak_disk_bytes - there)
    return known


def check_room(path: Path, size: int, *, word: str = "up to") -> None:
    """Refuse what does not fit on the target's disk."""
    free = shutil.disk_usage(path.parent).free
    if size > free:
        raise RunError(
            f"{path}: takes {word} {size_text(size)} to make, but the disk has {size_text(free)} "
            "left"
        )


def admit_product(path: Path, grid: Grid, dtype: str) -> None:
    """Refuse a result that no disk could hold, even with one band, before anything is read for it.

    A scene can claim any size in a few bytes. Smaller ones are refused later, with all they take.
    """
    size = grid.height * grid.width * np.dtype(dtype).itemsize
    if size > _ENDLESS:
        with suppress(OSError):  # a missing folder is refused later, and named
            check_room(path, size, word="at least")


def fitting(layout: Layout, path: Path) -> Layout:
    """Give a layout the one way a format can mark missing pixels."""
    missing = layout.radiometry.nodata is not None or layout.facts.mask == "mask"
    if path.suffix.lower() == ".png" and missing and len(layout.facts.bands) in (1, 3):
        return replace(layout, facts=replace(layout.facts, mask="alpha"))
    return layout


def _companions(path: Path) -> list[Path]:
    """List the files beside an old result that GDAL would take for parts of a new one."""
    names = (path.with_name(path.name + suffix) for suffix in (".aux.xml", ".msk", ".ovr"))
    return [name for name in names if os.path.lexists(name)]


@contextmanager
def create(path: Path, layout: Layout, *, overwrite: bool = False) -> Iterator[Product]:
    """Make a result: whole, read back and equal to what was written, or not at all."""
    check_output(path, layout, overwrite=overwrite)
    folder = path.with_name(f".{path.name[:80]}.{secrets.token_hex(4)}.work")
    try:
        with gdal_errors_as_run_errors(path):
            folder.mkdir()
            planes = Planes.create(folder, layout)
        yield Product(path, planes)
        publish_planes(planes, path, overwrite=overwrite)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish_planes(
    planes: Planes, path: Path, *, overwrite: bool = False, memory: int | None = None
) -> None:
    """Copy finished pixels into the format of a new file, and read it back before it counts.

    `memory` is what the whole process may hold; by default, a part of what is free.
    """
    check_output(
        path,
        planes.layout,
        overwrite=overwrite,
        there=planes.layout.size,
        folder=planes.folder,
    )
    for left in planes.folder.glob(".*.part.*"):
        left.unlink(missing_ok=True)  # by a run that was killed while it copied
    with ExitStack() as files:
        files.enter_context(_file(planes, path, overwrite=overwrite, memory=memory))
        for layer in planes.beside:
            side = beside(path, layer.name)
            replacing = overwrite or ours(side, planes.folder, layer.name)
            files.enter_context(_file(layer, side, overwrite=replacing, memory=memory))
        # All are made. They appear last to first: where the product is, they are too.


@contextmanager
def _file(planes: Planes, path: Path, *, overwrite: bool, memory: int | None) -> Iterator[None]:
    """Make one file of a product, which appears when the `with` block ends."""
    kind = FORMATS[path.suffix.lower()]
    kind = replace(kind, options=kind.options | _packing(kind, planes.layout, memory))
    layer = planes.name if planes.name in LAYERS else ""
    with publish(path, overwrite=overwrite, folder=planes.folder, layer=layer) as part:
        with gdal_errors_as_run_errors(path):
            _copy(planes, part, kind)
        give_back_freed_memory()  # by threads that packed
        _check(part, path, planes, kind)
        yield
        for old in _companions(path):
            old.unlink()
        beside = part.with_name(f"{part.name}.aux.xml")
        if beside.exists():  # what the format itself cannot hold, such as rare projections
            beside.replace(path.with_name(f"{path.name}.aux.xml"))


def write_image(
    path: Path, image: Image, *, facts: Facts | None = None, overwrite: bool = False
) -> None:
    """Write a whole image at once."""
    facts = facts or Facts(bands=tuple(BandFacts(description=b.name or None) for b in image.bands))
    layout = Layout(grid=image.grid, radiometry=image.radiometry, facts=facts)
    with create(path, layout, overwrite=overwrite) as product:
        product.write(image, top=0)


@contextmanager
def gdal_errors_as_run_errors(path: Path) -> Iterator[None]:
    """Turn what a disk or GDAL says into one sentence; GDAL does not report a full disk."""
    try:
        with quiet():
            yield
    except (RasterioError, CRSError, CPLE_BaseError, OSError) as error:
        if isinstance(error, OSError) and error.strerror:
            raise RunError(f"{path}: could not be written ({error.strerror})") from None
        cause = str(error.__cause__ or error).strip().rstrip(".")
        raise RunError(f"{path}: could not be written; is the disk full? ({cause})") from None


def _copy(planes: Planes, part: Path, kind: Format) -> None:
    settings = {
        # Pictures get no .aux.xml: it would be a second file, and not whole or absent.
        "GDAL_PAM_ENABLED": kind.placed,
        "GDAL_TIFF_INTERNAL_MASK": True,
        "GDAL_CACHEMAX": _CACHE,
        # Else each block of the result would read whole rows of the planes.
        "GDAL_ONE_BIG_READ": True,
        "GDAL_VRT_RAWRASTERBAND_ALLOWED_SOURCE": "SIBLING_OR_CHILD_OF_VRT_PATH",
    }
    with rasterio.Env(**settings):
        rasterio.shutil.copy(planes.as_vrt(), part, driver=kind.driver, **kind.options)


def _check(part: Path, path: Path, planes: Planes, kind: Format) -> None:
    """Open the file as anyone would and compare it with what was intended and written."""
    layout = planes.layout
    threads = {name: text for name, text in kind.options.items() if name == "num_threads"}
    with (
        gdal_errors_as_run_errors(path),
        rasterio.Env(GDAL_CACHEMAX=_CACHE),
        rasterio.open(part, **threads) as dataset,
    ):
        found = (dataset.count, dataset.height, dataset.width, dataset.dtypes[0])
        meant = (layout.count, layout.grid.height, layout.grid.width, layout.radiometry.dtype)
        same = found == meant
        if kind.placed:
            same &= _placed_alike(dataset, layout) and _crs_alike(dataset.crs, layout.grid, path)
        if kind.exact and same:
            same = all(_same(dataset, planes, *place) for place in _places(layout, kind))
    if not same:
        raise RunError(f"{path}: the written file differs from the result; is the disk faulty?")


def _pixel(layout: Layout) -> int:
    """Count the bytes of a pixel in all bands."""
    return layout.count * np.dtype(layout.radiometry.dtype).itemsize


def _side(layout: Layout) -> int:
    """Choose the side of a file's blocks: smaller with more bands, to the format's minimum."""
    pixel = _pixel(layout)
    return next((side for side in (512, 256) if side**2 * pixel <= _BLOCK), 128)


def packing_memory(layout: Layout) -> int:
    """Return the least bytes a thread takes while packing the blocks of a GeoTIFF."""
    own = _BLOCKS_HELD * _side(layout) ** 2 * _pixel(layout)
    return max([own, *(packing_memory(layer) for layer in layout.beside.values())])


def _packing(kind: Format, layout: Layout, memory: int | None) -> dict[str, str]:
    """Choose how large blocks are and how many threads pack them."""
    if not kind.placed:
        return {}
    side = _side(layout)
    room = available() // 2 if memory is None else memory - resident() - _CACHE * 10**6
    most = min(room, _PACKING) // packing_memory(layout)
    threads = max(min(most, os.cpu_count() or 1), 1)
    options = {"blocksize": str(side), "num_threads": str(threads)}
    if layout.radiometry.dtype in ("int64", "uint64"):
        options["predictor"] = "NO"  # which libtiff accepts for 64 bits only after 4.3
    return options


def _places(layout: Layout, kind: Format) -> Iterator[tuple[slice, slice]]:
    """Cut the result into pieces that need little memory, along the blocks or lines of the file."""
    height, width = layout.grid.height, layout.grid.width
    pixel = _pixel(layout)
    tall, wide = max(_AT_ONCE // (width * pixel), 1), width
    if kind.placed:
        tall = _side(layout)
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
    grid, nodata = layout.grid, layout.radiometry.nodata
    return bool(
        (not grid.georeferenced or _same_corners(dataset, grid))
        and (nodata is None) == (dataset.nodata is None)
        and (nodata is None or np.isclose(dataset.nodata, nodata, rtol=1e-6, equal_nan=True))
        and list(dataset.descriptions[: len(layout.facts.bands)])
        == [band.description for band in layout.facts.bands]
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
