"""A cube in a .mat file as a Source: `cube.mat`, or `cube.mat:name` where it holds several."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from geoloupe.errors import InputError, errors_named
from geoloupe.imagery.grid import Grid, Window
from geoloupe.imagery.image import Image
from geoloupe.imagery.nodata import Read, settle
from geoloupe.imagery.radiometry import Radiometry, infer
from geoloupe.imagery.spectra import Band
from geoloupe.rasters.facts import BandFacts, Facts, refuse_many_bands
from geoloupe.rasters.matlab import MatFile, open_mat
from geoloupe.rasters.opening import PLAIN, Opening

_ROWS = 64  # that the range of a cube is measured on, spread over all of it
_SAMPLE = 4_000_000  # values of them, roughly


@dataclass(frozen=True, kw_only=True, eq=False)
class MatSource:
    """An open .mat file; see `Source` for what each part means. It lies nowhere on the ground."""

    name: str
    grid: Grid
    radiometry: Radiometry
    facts: Facts
    indexes: tuple[int, ...]  # of the cube's bands
    rows: Any  # (top, bottom) -> values (B,h,W) of all bands
    _stack: ExitStack = field(repr=False)

    @property
    def bands(self) -> tuple[Band, ...]:
        """The bands that `read` gives."""
        return tuple(facts.band for facts in self.facts.bands)

    @property
    def files(self) -> tuple[str, ...]:
        """The file itself."""
        name = mat_name(self.name)
        return (str(name[0]),) if name else ()

    def read(self, window: Window | None = None) -> Image:
        """Read a window that lies inside, or all."""
        part = window or Window(top=0, left=0, height=self.grid.height, width=self.grid.width)
        rows = self.rows(part.top, part.top + part.height)
        values = rows[list(self.indexes), :, part.left : part.left + part.width]
        return Image.of(
            np.ascontiguousarray(values),
            radiometry=self.radiometry,
            grid=self.grid.window(part),
            bands=self.bands,
        )

    def select(self, indexes: Sequence[int]) -> Self:
        """Return the same scene with these bands (from 0) in this order; both close together."""
        return replace(
            self,
            facts=self.facts.select(indexes),
            radiometry=self.radiometry.select(indexes),
            indexes=tuple(self.indexes[index] for index in indexes),
        )

    def with_range(self, low: float, high: float) -> Self:
        """Return the same scene with the stored values low and high as a network's 0 and 1."""
        return replace(self, radiometry=replace(self.radiometry, low=(low,), high=(high,)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()


def mat_name(name: str) -> tuple[Path, str | None] | None:
    """Return a .mat file and the array in it that a person names, or None for anything else."""
    if name.lower().endswith(".mat"):
        return Path(name), None
    path, colon, key = name.rpartition(":")
    return (Path(path), key) if colon and path.lower().endswith(".mat") else None


def open_mat_source(path: Path, key: str | None, opening: Opening = PLAIN) -> MatSource:
    """Open a .mat file of any version with one cube, or the array of this name."""
    name = f"{path}:{key}" if key else str(path)
    try:
        stream = path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    with ExitStack() as stack:
        file = stack.enter_context(open_mat(stream, str(path), trust=opening.trust))
        with errors_named(path):
            rows, (height, width, count), dtype = _reader(file, key)
        refuse_many_bands(name, count)
        grid = Grid(crs=None, height=height, width=width)
        opening.admit(grid, dtype)
        tops = range(0, height, max(height // _ROWS, 1))
        step = max(len(tops) * width * count // _SAMPLE, 1)
        sample = np.concatenate([rows(top, top + 1)[..., ::step].copy() for top in tops], axis=1)
        missing = settle(
            name,
            opening.nodata,
            None,
            dtype=sample.dtype.name,
            size=(count, height, width),
            read=_part_reader(rows),
        )
        value = None if missing is None else missing.value
        return MatSource(
            name=name,
            grid=grid,
            radiometry=infer(sample.dtype.name, value, sample=sample),
            facts=Facts(bands=(BandFacts(),) * count),
            indexes=tuple(range(count)),
            rows=rows,
            _stack=stack.pop_all(),
        )


def _reader(file: MatFile, key: str | None) -> tuple[Any, tuple[int, int, int], str]:
    """Return what reads rows (B,h,W), the number of rows, columns and bands, and their type."""
    if key is not None and key not in file.shapes:
        raise InputError.unknown("array", key, file.shapes)
    scene = file.matrix() if key is None else None
    if scene is not None:
        count, height, width = scene.shape
        values = _kept(scene)
        size = (height, width, count)
        return lambda top, bottom: values[:, top:bottom], size, values.dtype.name
    key = key or file.cube()
    shape = file.shapes[key]
    if len(shape) not in (2, 3) or 0 in shape:
        raise InputError(f"{key} is {' x '.join(map(str, shape))}: no image")
    size = (shape[0], shape[1], shape[2] if len(shape) == 3 else 1)
    if file.in_parts:
        dtype = file.file[key].dtype
        name = "uint8" if dtype.kind == "b" else dtype.name
        return lambda top, bottom: _kept(file.read(key, top, bottom)), size, name
    whole = _kept(file.read(key))
    return lambda top, bottom: whole[:, top:bottom], size, whole.dtype.name


def _part_reader(rows: Any) -> Read:
    def read(window: Window) -> NDArray[Any]:
        whole = rows(window.top, window.top + window.height)
        return np.asarray(whole[..., window.left : window.left + window.width])

    return read


def _kept(values: NDArray[Any]) -> NDArray[Any]:
    """Keep types that rasters have; truth values become bytes."""
    if values.dtype.kind == "b":
        return values.astype(np.uint8)
    return values.astype(values.dtype.newbyteorder("="), copy=False)
