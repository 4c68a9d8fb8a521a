"""Cubes in .mat files, up to version 7 and of version 7.3, read alike."""

import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Any, BinaryIO

import h5py
import numpy as np
import scipy.io
from numpy.typing import NDArray
from scipy.io.matlab import MatReadError

from geoloupe.errors import InputError
from geoloupe.rasters.hdf5 import refuse_other_files
from geoloupe.rasters.mat5 import Mat5, is_mat5, open_mat5
from geoloupe.storage.sizes import size_text
from geoloupe.system.memory import available

_BLOCK = 2**27  # bytes read at once, roughly
_MATRIX = ("Y", "V")  # bands x pixels, as unmixing scenes are stored
_NUMBERS = ("double", "single", "logical", "int", "uint")
# What SciPy and h5py raise on truncated files or files that are not .mat at all.
_DAMAGE = (
    *(MatReadError, OSError, EOFError, zlib.error, RuntimeError, MemoryError, OverflowError),
    *(ValueError, TypeError, KeyError, IndexError),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class MatFile:
    """The numeric arrays of an open .mat file, with sizes as in MATLAB."""

    name: str
    shapes: Mapping[str, tuple[int, ...]]
    file: Any  # an open h5py.File, a Mat5, or for version 4 the stream SciPy reads

    @property
    def in_parts(self) -> bool:
        """Whether rows can be read without reading all others."""
        return isinstance(self.file, h5py.File)

    def cube(self, *keys: str) -> str:
        """Name the three-dimensional array: one of `keys` if present, else the only one."""
        found = [key for key, shape in self.shapes.items() if len(shape) == 3 and 0 not in shape]
        for key in keys:
            if key in found:
                return key
        if len(found) == 1:
            return found[0]
        wanted = f", and none is called {' or '.join(keys)}" if keys else ""
        arrays = ", ".join(f"{key} {'x'.join(map(str, s))}" for key, s in self.shapes.items())
        raise InputError(
            f"{self.name}: holds {len(found) or 'no'} cubes (rows x columns x bands){wanted}; "
            f"its arrays are: {arrays or 'none'}"
        )

    def read(self, key: str, top: int = 0, bottom: int | None = None) -> NDArray[Any]:
        """Read rows [top, bottom) of an array (H,W,B) or (H,W) as (B,h,W)."""
        with _failing(self.name):
            self._refuse_too_large(key, top, bottom)
            if isinstance(self.file, h5py.File):
                # Version 7.3 stores the axes in reverse.
                values = np.asarray(self.file[key][..., top:bottom])
                return values.swapaxes(-1, -2).reshape((-1, *values.shape[:-3:-1]))
            if isinstance(self.file, Mat5):
                values = self.file.read(key)
            else:
                self.file.seek(0)
                values = scipy.io.loadmat(self.file, variable_names=[key])[key]
            return np.atleast_3d(values[top:bottom]).transpose(2, 0, 1)

    def _refuse_too_large(self, key: str, top: int, bottom: int | None) -> None:
        """Refuse what does not fit in memory; a file can claim any size in a few bytes."""
        shape = self.shapes[key]
        if isinstance(self.file, h5py.File):
            item, chunks = self.file[key].dtype.itemsize, self.file[key].chunks or ()
            rows = len(range(*slice(top, bottom).indices(shape[0]))) if shape else 1
            size = item * (rows * prod(shape[1:]) + prod(chunks))  # a chunk is unpacked whole
        elif isinstance(self.file, Mat5):
            size = self.file.size(key)
        else:
            size = 8 * prod(shape)
        free = available()
        if size > free:
            raise InputError(
                f"{self.name}: reading {key} takes {size_text(size)} of memory, and "
                f"{size_text(free)} are free"
            )

    def blocks(self, key: str, top: int = 0, bottom: int | None = None) -> Iterator[NDArray[Any]]:
        """Read rows [top, bottom) of an array from the top down, in chunks of a fast size."""
        height, width = self.shapes[key][:2]
        bottom = height if bottom is None else bottom
        if not isinstance(self.file, h5py.File):
            yield self.read(key, top, bottom)
            return
        # A compressed chunk is unpacked whole, so it should be read only once.
        chunks = self.file[key].chunks
        step = chunks[-1] if chunks else 1
        row = width * int(np.prod(self.shapes[key][2:])) * self.file[key].dtype.itemsize
        rows = max(_BLOCK // (row * step), 1) * step
        edges = [top, *range(top - top % rows + rows, bottom, rows), bottom]
        yield from (self.read(key, first, last) for first, last in pairwise(edges))

    def matrix(self) -> NDArray[Any] | None:
        """Read a scene (B,H,W) stored as a matrix of bands x pixels; None if there is none."""
        rows, columns = self.number("nRow"), self.number("nCol")
        key = next((key for key in _MATRIX if len(self.shapes.get(key, ())) == 2), None)
        if key is None or rows is None or columns is None:
            return None
        matrix = self.read(key)[0]
        if matrix.shape[1] != rows * columns:
            raise InputError(
                f"{key} holds {matrix.shape[1]} pixels where nRow x nCol is {rows:g} x {columns:g}"
            )
        # MATLAB counts down the columns first.
        return matrix.reshape(len(matrix), int(columns), int(rows)).transpose(0, 2, 1)

    def number(self, key: str) -> float | None:
        """Read a single number; None if there is none of this name."""
        if self.shapes.get(key) != (1, 1):
            return None
        return float(self.read(key).item())


@contextmanager
def open_mat(stream: BinaryIO, name: str, *, trust: bool = False) -> Iterator[MatFile]:
    """Open a .mat file of any version; `name` is what messages call it.

    Without `trust`, its numbers must be in the file itself.
    """
    with stream:
        with _failing(name):
            stream.seek(0)
            head = stream.read(520)
            if _is_hdf5(head):
                file = h5py.File(stream, "r")
                if not trust:
                    refuse_other_files(file, name)
                shapes = {
                    key: item.shape[::-1]
                    for key, item in file.items()
                    if isinstance(item, h5py.Dataset) and item.dtype.kind in "fiub"
                }
            elif is_mat5(head):
                file = open_mat5(stream)
                shapes = {key: array.shape for key, array in file.arrays.items()}
            elif 0 in head[:4]:
                stream.seek(0)
                file = stream
                shapes = {
                    key: tuple(map(int, shape))
                    for key, shape, kind in scipy.io.whosmat(stream)
                    if kind.startswith(_NUMBERS)
                }
            else:
                raise ValueError("its header has no version")
        yield MatFile(name=name, shapes=shapes, file=file)


def _is_hdf5(head: bytes) -> bool:
    """Recognise version 7.3 by the HDF5 signature, which follows MATLAB's 512-byte header."""
    return b"\x89HDF\r\n\x1a\n" in (head[:8], head[512:520])


@contextmanager
def _failing(name: str) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except NotImplementedError:
        raise InputError(f"{name}: is a .mat file of unknown version") from None
    except _DAMAGE as error:
        raise InputError(
            f"{name}: is not a readable .mat file; damaged or incomplete? ({error})"
        ) from None
