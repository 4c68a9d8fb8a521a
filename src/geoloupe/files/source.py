"""Where images are read from: any file, told by its content, behind one small interface."""

import re
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from geoloupe.errors import InputError
from geoloupe.files.facts import Facts
from geoloupe.files.mat_source import mat_name, open_mat_source
from geoloupe.files.raster import RasterSource, open_raster, warped
from geoloupe.files.sentinel2 import open_product, product_name
from geoloupe.imagery.grid import Grid, Window
from geoloupe.imagery.image import Image
from geoloupe.imagery.nodata import Nodata
from geoloupe.imagery.radiometry import Radiometry
from geoloupe.imagery.spectra import Band

# A part of a file in GDAL's own words, such as NETCDF:cube.nc:reflectance.
_DRIVER = re.compile(r"[A-Za-z0-9_]{3,}:")


class Source(Protocol):
    """An open scene: facts at once, pixels window by window. Not for several threads."""

    @property
    def name(self) -> str:
        """The file as the person named it, for messages."""
        ...

    @property
    def grid(self) -> Grid:
        """The place and the size of all of it."""
        ...

    @property
    def radiometry(self) -> Radiometry:
        """What its numbers mean, the same in every window."""
        ...

    @property
    def facts(self) -> Facts:
        """What else it says of itself."""
        ...

    @property
    def bands(self) -> tuple[Band, ...]:
        """The bands that `read` gives."""
        ...

    @property
    def files(self) -> tuple[str, ...]:
        """The files that it is read from, so that none of them is written over."""
        ...

    def read(self, window: Window | None = None) -> Image:
        """Read a window that lies inside, or all."""
        ...

    def select(self, indexes: Sequence[int]) -> Self:
        """Give the same scene with these bands (from 0) in this order; both close together."""
        ...

    def ranging(self, low: float, high: float) -> Self:
        """Give the same scene with the stored values low and high as a network's 0 and 1."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def is_address(name: str) -> bool:
    """Tell whether a name is in GDAL's own words: on a network, in an archive, a part of a file."""
    return "://" in name or name.startswith("/vsi") or bool(_DRIVER.match(name))


def stem_of(name: str) -> str:
    """Name a scene for its results: without folders and suffix, with the part that is meant."""
    path, colon, part = name.rstrip("/").rpartition(":")
    if not colon or "/" in part or "\\" in part:
        path, part = name.rstrip("/"), ""
    stem = Path(path).name.removesuffix(".zip")
    stem = Path(stem).stem if "." in stem[1:] else stem
    return f"{stem}_{part}" if part else stem


def open_source(path: str | Path, *, alpha: bool = True, nodata: Nodata = None) -> Source:
    """Open a scene for reading, whatever its suffix says; use it in a `with` statement.

    With `alpha` False, a band that is marked as transparency is a band like others. `nodata` is
    what missing pixels hold, or "none"; else it is what the scene declares or plainly shows.
    """
    name = str(path)
    product, cube = product_name(name), mat_name(name)
    if product is not None:
        _refuse_plainly_wrong(product[0], folder=True)
        return open_product(*product, nodata=nodata)
    if cube is not None:
        _refuse_plainly_wrong(cube[0])
        return open_mat_source(*cube, nodata=nodata)
    if not is_address(name):
        _refuse_plainly_wrong(Path(path), folder=name.rstrip("/").lower().endswith(".zarr"))
    return open_raster(name, alpha=alpha, nodata=nodata)


def aligned(source: Source, grid: Grid) -> Source:
    """Give an open scene on another grid; without a place in common it must have that size."""
    placed = grid.georeferenced and source.grid.georeferenced
    if placed and isinstance(source, RasterSource):
        return warped(source, grid)
    if (source.grid.height, source.grid.width) != (grid.height, grid.width):
        raise InputError(
            f"{source.name}: {source.grid.width} x {source.grid.height} pixels, but without "
            f"georeference a guide must have {grid.width} x {grid.height}"
        )
    return source


def _refuse_plainly_wrong(path: Path, *, folder: bool = False) -> None:
    try:
        if path.is_dir() and not folder:
            raise InputError(f"{path}: is a folder; name a raster file in it")
        if not path.exists():
            raise InputError(f"{path}: no such file")
        if path.is_file() and path.stat().st_size == 0:
            raise InputError(f"{path}: is empty; was its download or copy cut short?")
    except OSError as error:
        raise InputError(f"{path}: cannot be opened ({error.strerror})") from None
