"""Results as files: raw planes, copied into the final format, read back, published."""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
from rasterio._err import CPLE_BaseError  # GDAL's complaints that rasterio does not translate
from rasterio.errors import CRSError, RasterioError

from geoloupe.errors import InputError, RunError
from geoloupe.imagery.grid import Grid
from geoloupe.imagery.image import Image
from geoloupe.rasters import gdal_files, zarr_stores
from geoloupe.rasters.facts import BandFacts, Facts
from geoloupe.rasters.formats import ZARR, Format, format_of, refuse_unfit
from geoloupe.rasters.planes import Layout, Planes
from geoloupe.rasters.raster import quiet
from geoloupe.rasters.storing import Packing
from geoloupe.storage.beside import ITEM, LAYERS, beside, check_targets, ours
from geoloupe.storage.lock import locked
from geoloupe.storage.moving import patiently, remove
from geoloupe.storage.publish import publish
from geoloupe.storage.sizes import size_text
from geoloupe.system.allocator import give_back_freed_memory

_ENDLESS = 10**12  # bytes of a result from which a lack of room is checked first


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
    known = format_of(path, layout.packing.format)
    refuse_unfit(path, known, layout)
    if known is ZARR:
        zarr_stores.refuse_unfit(path, layout)
    elif known.placed:
        gdal_files.refuse_missing_codec(path, known, layout)
    check_targets(path, layout.names_beside, overwrite=overwrite, folder=folder)
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


def _companions(path: Path) -> list[Path]:
    """List the files beside an old result that GDAL would take for parts of a new one."""
    names = (path.with_name(path.name + suffix) for suffix in (".aux.xml", ".msk", ".ovr"))
    return [name for name in names if os.path.lexists(name)]


@contextmanager
def create(path: Path, layout: Layout, *, overwrite: bool = False) -> Iterator[Product]:
    """Make a result: whole, read back and equal to what was written, or not at all."""
    check_output(path, layout, overwrite=overwrite)
    folder = path.with_name(f".{path.name[:80]}.{crc32(os.fsencode(path.name)):08x}.work")
    with locked(folder, busy=f"{path}: another process is writing it; wait, or name another file"):
        shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed
        try:
            with gdal_errors_as_run_errors(path):
                folder.mkdir()
                planes = Planes.create(folder, layout)
            yield Product(path, planes)
            publish_planes(planes, path, overwrite=overwrite)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def publish_planes(
    planes: Planes,
    path: Path,
    *,
    overwrite: bool = False,
    memory: int | None = None,
    item: str | None = None,
) -> None:
    """Copy finished pixels into the format of a new file, and read it back before it counts.

    `memory` is what the whole process may hold; by default, a part of what is free. `item` is the
    text of the STAC item of a layout that has one.
    """
    check_output(
        path,
        planes.layout,
        overwrite=overwrite,
        there=planes.layout.size,
        folder=planes.folder,
    )
    for left in planes.folder.glob(".*.part.*"):
        remove(left)  # by a run that was killed while it copied
    with ExitStack() as files:
        files.enter_context(_file(planes, path, overwrite=overwrite, memory=memory))
        for layer in planes.beside:
            side = beside(path, layer.name)
            replacing = overwrite or ours(side, planes.folder, layer.name)
            files.enter_context(_file(layer, side, overwrite=replacing, memory=memory))
        if item is not None:
            side = beside(path, ITEM)
            replacing = overwrite or ours(side, planes.folder, ITEM)
            part = files.enter_context(
                publish(side, overwrite=replacing, folder=planes.folder, layer=ITEM)
            )
            with gdal_errors_as_run_errors(side):
                part.write_text(item, encoding="utf-8", newline="\n")
        # All are made. They appear last to first: where the product is, they are too.


@contextmanager
def _file(planes: Planes, path: Path, *, overwrite: bool, memory: int | None) -> Iterator[None]:
    """Make one file of a product, which appears when the `with` block ends."""
    kind = format_of(path, planes.layout.packing.format)
    layer = planes.name if planes.name in LAYERS else ""
    with publish(path, overwrite=overwrite, folder=planes.folder, layer=layer) as part:
        with gdal_errors_as_run_errors(path):
            if kind is ZARR:
                zarr_stores.write(planes, part)
            else:
                gdal_files.copy(planes, part, kind, memory=memory)
        give_back_freed_memory()  # by threads that packed
        with gdal_errors_as_run_errors(path):
            if kind is ZARR:
                same = zarr_stores.same(part, planes)
            else:
                same = gdal_files.same(part, path, planes, kind, memory=memory)
        if not same:
            raise RunError(f"{path}: the written file differs from the result; is the disk faulty?")
        yield
        for old in _companions(path):
            remove(old)
        beside = part.with_name(f"{part.name}.aux.xml")
        if beside.exists():  # what the format itself cannot hold, such as rare projections
            moved = path.with_name(f"{path.name}.aux.xml")
            patiently(lambda: beside.replace(moved))


def write_image(
    path: Path,
    image: Image,
    *,
    facts: Facts | None = None,
    packing: Packing | None = None,
    overwrite: bool = False,
) -> None:
    """Write a whole image at once."""
    facts = facts or Facts(bands=tuple(BandFacts(description=b.name or None) for b in image.bands))
    layout = Layout(
        grid=image.grid,
        radiometry=image.radiometry,
        facts=facts,
        packing=packing or Packing(),
    )
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
