"""A result's pixels on their way to a file: raw planes on disk, any part at any time.

GDAL sees them through a .vrt, overviews included, and copies them into the final format. Averaging
overviews here is many times faster than leaving it to GDAL.
"""

import errno
import os
import stat
import sys
import zlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice, product
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.transform import Affine

from geoloupe.errors import InputError, RunError
from geoloupe.imagery.grid import Grid
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import Radiometry
from geoloupe.rasters.facts import Facts, write_facts
from geoloupe.rasters.raster import quiet
from geoloupe.rasters.storing import Packing
from geoloupe.storage.beside import ITEM
from geoloupe.storage.moving import remove
from geoloupe.storage.publish import write_new

PIXELS = "pixels.raw"
_MIN_OVERVIEW_PX = 512  # pixels per side that need no coarser overview
_AT_ONCE = 2**18  # overview pixels a thread averages at once
_THREADS = 8  # threads that do so, at most
_ALL = slice(None)
_GDAL_TYPES = {
    **{"uint8": "Byte", "int8": "Int8", "uint16": "UInt16", "int16": "Int16"},
    **{"uint32": "UInt32", "int32": "Int32", "uint64": "UInt64", "int64": "Int64"},
    **{"float32": "Float32", "float64": "Float64"},
}
_ORDER = "LSB" if sys.byteorder == "little" else "MSB"
# Only Windows has text files, and it has no way to refuse opening a link.
_PLAIN = getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
# What a disk says that cannot reserve a file's space before it is written.
_UNABLE = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENODEV, errno.ENOSYS)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What a result will be, known before its first pixel."""

    grid: Grid
    radiometry: Radiometry
    facts: Facts
    beside: Mapping[str, "Layout"] = field(default_factory=dict)  # layers that are files of its own
    packing: Packing = field(default_factory=Packing)

    @property
    def names_beside(self) -> tuple[str, ...]:
        """What its files beside the product are named after."""
        return (*self.beside, ITEM) if self.packing.item else tuple(self.beside)

    @property
    def count(self) -> int:
        """The number of stored bands, alpha included."""
        return len(self.facts.bands) + (self.facts.mask == "alpha")

    @property
    def peak_disk_bytes(self) -> int:
        """The most disk bytes that making it takes: pixels, overviews, the file itself."""
        return 2 * self.size + self.size // 3

    @property
    def own(self) -> int:
        """The number of bytes of its own pixels."""
        item = np.dtype(self.radiometry.dtype).itemsize
        return self.count * self.grid.height * self.grid.width * item

    @property
    def size(self) -> int:
        """The number of bytes of all pixels, including those of the layers beside it."""
        return self.own + sum(layer.size for layer in self.beside.values())

    def stored(self, image: Image) -> NDArray[Any]:
        """Return the bands (count,h,w) of an image as they are stored, alpha last if any."""
        if self.facts.mask != "alpha":
            return image.values
        dtype = image.values.dtype
        opaque = np.iinfo(dtype).max if dtype.kind in "iu" else 1
        alpha = (image.valid * dtype.type(opaque)).astype(dtype)
        return np.concatenate([image.values, alpha[None]])


@dataclass(frozen=True, kw_only=True, eq=False)
class Planes:
    """Stored values (count,H,W) and, where the layout has a mask, what is valid (H,W)."""

    folder: Path
    layout: Layout
    name: str = "pixels"

    @classmethod
    def create(cls, folder: Path, layout: Layout, name: str = "pixels") -> Self:
        """Make the files, all zero; a full disk is noticed now, not when they are written."""
        planes = cls(folder=folder, layout=layout, name=name)
        for file in planes._sizes:
            remove(file)
        return cls.open(folder, layout, name)

    @classmethod
    def open(cls, folder: Path, layout: Layout, name: str = "pixels") -> Self:
        """Take up files left by a stopped run, whole or not; zeros fill what they lack."""
        planes = cls(folder=folder, layout=layout, name=name)
        for file, size in planes._sizes.items():
            _reserve(file, size)
        for layer in planes.beside:
            cls.open(folder, layer.layout, layer.name)
        return planes

    @property
    def beside(self) -> tuple["Planes", ...]:
        """The layers beside it, in their order."""
        layers = self.layout.beside.items()
        return tuple(Planes(folder=self.folder, layout=each, name=name) for name, each in layers)

    @property
    def masked(self) -> bool:
        """Whether there is a mask besides nodata and alpha."""
        return self.layout.facts.mask == "mask"

    def read(self, band: int, rows: slice, columns: slice = _ALL) -> NDArray[Any]:
        """Read a rectangle (h,w) of a stored band (from 0)."""
        return self._read("", band, rows, columns)

    def read_mask(self, rows: slice, columns: slice = _ALL) -> NDArray[np.uint8]:
        """Read a rectangle (h,w) of the mask: 255 where pixels are valid and 0 elsewhere."""
        return self._read(".mask", 0, rows, columns)

    def write(self, image: Image, *, top: int) -> None:
        """Store a full-width image whose first row is row `top`."""
        self.put(self.layout.stored(image), image.valid, top=top)

    def put(
        self, values: NDArray[Any], valid: NDArray[np.bool_], *, top: int, left: int = 0
    ) -> None:
        """Store values (count,h,w) as they are, and which are valid (h,w)."""
        dtype = np.dtype(self.layout.radiometry.dtype)
        for band, plane in enumerate(values):
            self._write("", band, top, left, plane.astype(dtype, copy=False))
        if self.masked:
            self._write(".mask", 0, top, left, valid * np.uint8(255))

    def checksum(self, *, top: int, left: int, height: int, width: int) -> int:
        """Return the checksum of what is stored in a rectangle, layer after layer."""
        checksum = 0
        rows, columns = slice(top, top + height), slice(left, left + width)
        for band in range(self.layout.count):
            checksum = zlib.crc32(self.read(band, rows, columns).data, checksum)
        if self.masked:
            checksum = zlib.crc32(self.read_mask(rows, columns).data, checksum)
        for layer in self.beside:
            for band in range(layer.layout.count):
                checksum = zlib.crc32(layer.read(band, rows, columns).data, checksum)
        return checksum

    def as_vrt(self, *, overviews: bool = True) -> Path:
        """Average the overviews, and write the .vrt by which GDAL opens all of it."""
        coarser: list[Planes] = []
        while overviews and max((finest := (coarser or [self])[-1])._sides) > _MIN_OVERVIEW_PX:
            coarser.append(finest._coarser(f"overview{len(coarser) + 1}"))
            coarser[-1]._write_vrt(())
        vrt = self._write_vrt(coarser)
        grid, layout = self.layout.grid, self.layout
        with quiet(), rasterio.open(vrt, "r+") as dataset:
            if grid.georeferenced:
                if grid.crs:
                    dataset.crs = CRS.from_wkt(grid.crs)
                dataset.transform = Affine(*grid.transform)
            if layout.radiometry.nodata is not None:
                dataset.nodata = layout.radiometry.nodata
            write_facts(dataset, layout.facts)
        return vrt

    @property
    def _sides(self) -> tuple[int, int]:
        return self.layout.grid.height, self.layout.grid.width

    @property
    def _sizes(self) -> dict[Path, int]:
        """The bytes of each file."""
        height, width = self._sides
        mask = {self._file(".mask"): height * width} if self.masked else {}
        return {self._file(""): self.layout.own} | mask

    def _file(self, suffix: str) -> Path:
        return self.folder / f"{self.name}{suffix}.raw"

    def _coarser(self, name: str) -> "Planes":
        """Average 2 x 2 pixels, only those with data."""
        height, width = ((side + 1) // 2 for side in self._sides)
        grid = Grid(crs=None, height=height, width=width)
        layout = replace(self.layout, grid=grid, beside={})
        coarse = Planes.create(self.folder, layout, name)
        step = max(_AT_ONCE // width, 1)
        threads = min(os.cpu_count() or 1, _THREADS)

        def share(first: int) -> None:
            """Do one thread's parts: a list of all parts would be long."""
            parts = product(range(0, height, step), range(self.layout.count))
            for top, band in islice(parts, first, None, threads):
                self._average_rows(coarse, band, slice(top, min(top + step, height)))

        with ThreadPoolExecutor(max_workers=threads) as pool:
            list(pool.map(share, range(threads)))
        return coarse

    def _average_rows(self, coarse: "Planes", band: int, rows: slice) -> None:
        """Fill rows of a band of the next overview, and for the first band those of its mask."""
        finer = slice(2 * rows.start, min(2 * rows.stop, self._sides[0]))
        values = _paired(self.read(band, finer))
        nodata = self.layout.radiometry.nodata
        absent = Radiometry(dtype=values.dtype.name, nodata=nodata).missing(values)
        if self.masked:
            mask = _paired(self.read_mask(finer))
            absent |= mask == 0
            if band == 0:
                coarse._write(".mask", 0, rows.start, 0, _greatest(mask))
        coarse._write("", band, rows.start, 0, _means(values, absent, nodata))

    def _read(self, suffix: str, band: int, rows: slice, columns: slice) -> NDArray[Any]:
        """Read a rectangle: whole rows at once, parts of rows no more than requested."""
        height, width = self._sides
        dtype = np.dtype(np.uint8 if suffix else self.layout.radiometry.dtype)
        left, right, _ = columns.indices(width)
        values = np.empty((rows.stop - rows.start, right - left), dtype)
        lines = values if right - left < width else values.reshape(1, -1)
        first = ((band * height + rows.start) * width + left) * dtype.itemsize
        file = self._file(suffix)
        with _opened(file, os.O_RDONLY) as stream:
            for index, line in enumerate(lines):
                stream.seek(first + index * width * dtype.itemsize)
                if not _read_all(stream, line):
                    raise RunError(
                        f"{file}: was truncated while in use; run the same again to continue"
                    )
        return values

    def _write(self, suffix: str, band: int, top: int, left: int, values: NDArray[Any]) -> None:
        """Write a rectangle row by row: a mapped file could not report a full disk."""
        height, width = self._sides
        item = values.dtype.itemsize
        first = ((band * height + top) * width + left) * item
        rows = values if values.shape[1] < width else values.reshape(1, -1)
        with _opened(self._file(suffix), os.O_RDWR) as file:
            for index, row in enumerate(rows):
                file.seek(first + index * width * item)
                _write_all(file, np.ascontiguousarray(row))

    def _write_vrt(self, overviews: Sequence["Planes"]) -> Path:
        """Describe the raw files to GDAL."""
        height, width = self._sides
        dtype = np.dtype(self.layout.radiometry.dtype)
        pixel = (_GDAL_TYPES[dtype.name], dtype.itemsize)
        bands = [
            self._band(number, pixel, "", [(f"{o.name}.vrt", f"{number}") for o in overviews])
            for number in range(1, self.layout.count + 1)
        ]
        if self.masked:
            masks = [(f"{overview.name}.vrt", "mask,1") for overview in overviews]
            bands.append(f"<MaskBand>{self._band(1, ('Byte', 1), '.mask', masks)}</MaskBand>")
        vrt = self.folder / f"{self.name}.vrt"
        size = f'rasterXSize="{width}" rasterYSize="{height}"'
        write_new(vrt, f"<VRTDataset {size}>{''.join(bands)}</VRTDataset>")
        return vrt

    def _band(
        self, number: int, pixel: tuple[str, int], suffix: str, overviews: list[tuple[str, str]]
    ) -> str:
        height, width = self._sides
        kind, item = pixel
        coarser = "".join(
            f'<Overview><SourceFilename relativeToVRT="1">{file}</SourceFilename>'
            f"<SourceBand>{band}</SourceBand></Overview>"
            for file, band in overviews
        )
        return (
            f'<VRTRasterBand dataType="{kind}" band="{number}" subClass="VRTRawRasterBand">'
            f'{coarser}<SourceFilename relativeToVRT="1">{self._file(suffix).name}</SourceFilename>'
            f"<ImageOffset>{(number - 1) * height * width * item}</ImageOffset>"
            f"<PixelOffset>{item}</PixelOffset><LineOffset>{width * item}</LineOffset>"
            f"<ByteOrder>{_ORDER}</ByteOrder></VRTRasterBand>"
        )


def _opened(path: Path, flags: int) -> BinaryIO:
    """Open a file that is not a link, unbuffered, for access to any part."""
    descriptor = os.open(path, flags | _PLAIN, 0o666)
    return os.fdopen(descriptor, "rb" if flags == os.O_RDONLY else "r+b", buffering=0)


def _read_all(file: BinaryIO, values: NDArray[Any]) -> bool:
    """Fill an array from a file; False where the file ends before."""
    rest = values.reshape(-1).view(np.uint8)
    while rest.size:  # a disk may return less at once
        count = file.readinto(rest.data)  # type: ignore[attr-defined]
        if not count:
            return False
        rest = rest[count:]
    return True


def _write_all(file: BinaryIO, values: NDArray[Any]) -> None:
    rest = values.reshape(-1).view(np.uint8)
    while rest.size:  # a disk may take less at once
        rest = rest[file.write(rest.data) :]


def _reserve(path: Path, size: int) -> None:
    """Bring a file to its size and reserve its space on disk; what it lacks becomes zeros."""
    new = not os.path.lexists(path)
    try:
        with _opened(path, os.O_RDWR | os.O_CREAT) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise InputError(f"{path}: is not a plain file; delete it")
            if status.st_nlink > 1:
                raise InputError(
                    f"{path}: has a second name, which would change with it; delete this one"
                )
            file.truncate(size)
            _allocate(file.fileno(), size)
    except OSError:
        if new:  # closed by now, without which Windows would not delete it
            path.unlink(missing_ok=True)
        raise


def _allocate(descriptor: int, size: int) -> None:
    """Reserve a file's space on disk, where system and disk can."""
    if not hasattr(os, "posix_fallocate"):
        return
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if error.errno not in _UNABLE:
            raise


def _means(values: NDArray[Any], absent: NDArray[np.bool_], nodata: float | None) -> NDArray[Any]:
    whole = values.dtype.kind in "iu" and values.dtype.itemsize <= 4
    narrow = np.int64 if values.dtype.itemsize == 4 else np.int32
    wide = values.astype(narrow if whole else np.result_type(values.dtype, np.float32), copy=False)
    if not absent.any():
        total = _sums(wide)
        means = (total + 2) >> 2 if whole else total / 4
        return _stored(means, values, absent, nodata)
    count = _sums((~absent).astype(np.int32))
    total = _sums(np.where(absent, 0, values).astype(np.float64))
    means = _stored(total / np.maximum(count, 1), values, absent, nodata)
    return np.where(count == 0, 0 if nodata is None else nodata, means).astype(values.dtype)


def _stored(
    means: NDArray[Any], values: NDArray[Any], absent: NDArray[np.bool_], nodata: float | None
) -> NDArray[Any]:
    """Store means like the values, so that none reads as missing by chance."""
    if values.dtype.kind not in "iu":
        return means.astype(values.dtype, copy=False)
    if values.dtype.itemsize == 8:  # the largest integer is not a float, and would wrap
        limits = np.iinfo(values.dtype)
        means = means.clip(limits.min, np.nextafter(float(limits.max), 0))
    means = (np.rint(means) if means.dtype.kind == "f" else means).astype(values.dtype)
    if nodata is None or not (means == nodata).any():
        return means
    greatest = _greatest(np.where(absent, np.iinfo(values.dtype).min, values))
    return np.where(means == nodata, greatest, means)


def _paired(values: NDArray[Any]) -> NDArray[Any]:
    """Repeat the last row and column of (h,w) where their count is odd."""
    height, width = values.shape
    if height % 2 or width % 2:
        return np.pad(values, ((0, height % 2), (0, width % 2)), "edge")
    return values


def _sums(values: NDArray[Any]) -> NDArray[Any]:
    rows = values[::2] + values[1::2]
    total: NDArray[Any] = rows[:, ::2] + rows[:, 1::2]
    return total


def _greatest(values: NDArray[Any]) -> NDArray[Any]:
    rows = np.maximum(values[::2], values[1::2])
    return np.maximum(rows[:, ::2], rows[:, 1::2])
