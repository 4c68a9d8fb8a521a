"""Cubes in .mat files as parts of scenes, whole or cut, read in blocks."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoloupe.datasets.scenes import SceneArray
from geoloupe.errors import InputError
from geoloupe.imagery.grid import Window
from geoloupe.imagery.radiometry import Radiometry
from geoloupe.imagery.spectra import Band
from geoloupe.rasters.matlab import MatFile, open_mat
from geoloupe.storage.tree import Tree


@dataclass(frozen=True, kw_only=True, eq=False)
class MatCube:
    """A cube (rows, columns, bands) in a .mat file."""

    tree: Tree
    name: str
    keys: tuple[str, ...] = ()
    bands: tuple[Band, ...] = ()  # (): any number, without names
    size: tuple[int, int] | None = None  # rows and columns, if fixed
    crop: Window | None = None  # what is used of it
    high: float | None = None  # stored value of unit 1; None: the maximum of what is used

    @cached_property
    def shape(self) -> tuple[int, int, int]:
        """Rows, columns and bands of the file; a mismatch is an InputError."""
        with self._open() as file:
            height, width, count = file.shapes[file.cube(*self.keys)]
        wanted = (*(self.size or (height, width)), len(self.bands) or count)
        if (height, width, count) != wanted:
            raise InputError(
                f"{self.tree.place(self.name)}: holds {height} x {width} x {count} values where "
                f"{wanted[0]} x {wanted[1]} x {wanted[2]} (rows x columns x bands) are expected"
            )
        return height, width, count

    def part(self, window: Window | None = None) -> SceneArray:
        """Return a window of what is used, or all of it."""
        used = self._used
        window = window or Window(top=0, left=0, height=used.height, width=used.width)
        dtype = next(self._rows(used.top, used.top + 1)).dtype
        return SceneArray(
            height=window.height,
            width=window.width,
            bands=self.bands or (Band(),) * self.shape[2],
            radiometry=Radiometry(dtype=dtype.name, high=(self.high or self.greatest,)),
            blocks=lambda: self._blocks(window),
        )

    @cached_property
    def greatest(self) -> float:
        """The maximum of what is used: a pass through all of it."""
        used = self._used
        whole = Window(top=0, left=0, height=used.height, width=used.width)
        # Values that are not numbers are found, and their place named, when written.
        found = max(float(np.nanmax(block, initial=0)) for block in self._blocks(whole))
        if not (np.isfinite(found) and found > 0):
            raise InputError(
                f"{self.tree.place(self.name)}: its greatest value is {found:g}; a cube of light "
                "is expected"
            )
        return found

    @property
    def _used(self) -> Window:
        height, width, _ = self.shape
        return self.crop or Window(top=0, left=0, height=height, width=width)

    def _blocks(self, window: Window) -> Iterator[NDArray[Any]]:
        top, left = self._used.top + window.top, self._used.left + window.left
        for block in self._rows(top, top + window.height):
            yield block[:, :, left : left + window.width]

    def _rows(self, top: int, bottom: int) -> Iterator[NDArray[Any]]:
        with self._open() as file:
            for block in file.blocks(file.cube(*self.keys), top, bottom):
                yield block.astype(stored_type(block.dtype), copy=False)

    def _open(self) -> AbstractContextManager[MatFile]:
        return open_mat(self.tree.open(self.name), self.tree.place(self.name))


def stored_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Choose how numbers are stored: integers of at most 16 bits, else single precision."""
    small = dtype.kind in "iu" and dtype.itemsize <= 2
    return dtype.newbyteorder("=") if small else np.dtype(np.float32)


def array_part(values: NDArray[Any], *, bands: tuple[Band, ...] = (), high: float) -> SceneArray:
    """Return an in-memory array (B,H,W)."""
    values = values.astype(stored_type(values.dtype), copy=False)
    return SceneArray(
        height=values.shape[1],
        width=values.shape[2],
        bands=bands or (Band(),) * len(values),
        radiometry=Radiometry(dtype=values.dtype.name, high=(high,)),
        blocks=lambda: iter([values]),
    )


def even_bands(first: float, last: float, count: int) -> tuple[Band, ...]:
    """Name bands spaced evenly between two wavelengths in nm."""
    return tuple(Band(nm=round(float(nm), 2)) for nm in np.linspace(first, last, count))
