"""A cube in a .mat file as a Source: `cube.mat`, or `cube.mat:name` where it holds several."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoloupe.errors import InputError, errors_named
from geoloupe.imagery.grid import Grid, Window
from geoloupe.imagery.nodata import Read, settle
from geoloupe.imagery.radiometry import infer
from geoloupe.rasters.facts import BandFacts, Facts, refuse_many_bands
from geoloupe.rasters.matlab import MatFile, open_mat
from geoloupe.rasters.source import PLAIN, Opening, Source

_ROWS = 64  # on which a cube's range is measured, spread over all of it
_LEAST_BAND_PX = 8  # pixels a side from which a table of numbers is taken for a band
_SAMPLE = 4_000_000  # values of them, roughly

Rows = Callable[[int, int], NDArray[Any]]  # (top, bottom) -> values (B,h,W) of all bands


@dataclass(frozen=True)
class MatReader:
    """Reads an open .mat file by whole rows."""

    rows: Rows
    stack: ExitStack

    def read(self, indexes: Sequence[int], window: Window) -> tuple[NDArray[Any], None]:
        """Read these bands of a window; nothing is marked as missing."""
        rows = self.rows(window.top, window.top + window.height)
        part = rows[list(indexes), :, window.left : window.left + window.width]
        return np.ascontiguousarray(part), None

    def close(self) -> None:
        """Close the file."""
        self.stack.close()


def open_mat_source(path: Path, key: str | None, opening: Opening = PLAIN) -> Source:
    """Open a .mat file of any version with one cube or one band, or the array of this name."""
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
        return Source(
            name=name,
            grid=grid,
            radiometry=infer(sample.dtype.name, value, sample=sample),
            facts=Facts(bands=(BandFacts(),) * count),
            indexes=tuple(range(count)),
            reader=MatReader(rows, stack.pop_all()),
            files=(str(path),),
        )


def _reader(file: MatFile, key: str | None) -> tuple[Rows, tuple[int, int, int], str]:
    """Return what reads rows (B,h,W), the number of rows, columns and bands, and their type."""
    if key is not None and key not in file.shapes:
        raise InputError.unknown("array", key, file.shapes)
    scene = file.matrix() if key is None else None
    if scene is not None:
        count, height, width = scene.shape
        values = _kept(scene)
        size = (height, width, count)
        return lambda top, bottom: values[:, top:bottom], size, values.dtype.name
    key = key or _only_band(file) or file.cube()
    shape = file.shapes[key]
    if len(shape) not in (2, 3) or 0 in shape:
        raise InputError(f"{key} is {' x '.join(map(str, shape))}: not an image")
    size = (shape[0], shape[1], shape[2] if len(shape) == 3 else 1)
    if file.in_parts:
        dtype = file.file[key].dtype
        name = "uint8" if dtype.kind == "b" else dtype.name
        return lambda top, bottom: _kept(file.read(key, top, bottom)), size, name
    whole = _kept(file.read(key))
    return lambda top, bottom: whole[:, top:bottom], size, whole.dtype.name


def _only_band(file: MatFile) -> str | None:
    """Name the one array that is an image of a single band, where there is no cube beside it."""
    sizes = {key: shape for key, shape in file.shapes.items() if len(shape) in (2, 3)}
    images = [key for key, shape in sizes.items() if min(shape) >= _LEAST_BAND_PX]
    alone = len(images) == 1 and not any(len(shape) == 3 for shape in sizes.values())
    return images[0] if alone else None


def _part_reader(rows: Rows) -> Read:
    def read(window: Window) -> NDArray[Any]:
        whole = rows(window.top, window.top + window.height)
        return np.asarray(whole[..., window.left : window.left + window.width])

    return read


def _kept(values: NDArray[Any]) -> NDArray[Any]:
    """Keep types that rasters have; truth values become bytes."""
    if values.dtype.kind == "b":
        return values.astype(np.uint8)
    return values.astype(values.dtype.newbyteorder("="), copy=False)
