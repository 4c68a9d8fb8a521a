"""Numeric arrays of .mat files, versions 5 to 7, read without trusting a byte of them.

SciPy's reader is compiled and runs off the end of some damaged files. Cubes are plain arrays of
numbers, and this reads nothing else: structures, cells, text, sparse, complex are skipped.
"""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

_STORED = {  # MATLAB's data types
    **{1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4"},
    **{7: "f4", 9: "f8", 12: "i8", 13: "u8"},
}
_NUMERIC = range(6, 16)  # classes of arrays: double to uint64
_MATRIX, _COMPRESSED = 14, 15
_COMPLEX = 0x08  # of the flags
_HEADER = 128  # bytes before the first element
_FRONT = 4096  # bytes that hold an array's facts: sizes and name


@dataclass(frozen=True)
class _Array:
    """Where an array is and what it holds."""

    name: str
    shape: tuple[int, ...]
    place: int  # of its element in the file, after the element's tag
    size: int  # of that element
    packed: bool
    inside: int  # where its numbers begin in the unpacked element
    stored: np.dtype[Any]


@dataclass(frozen=True)
class Mat5:
    """The numeric arrays of an open file."""

    stream: BinaryIO
    arrays: Mapping[str, _Array]

    def size(self, name: str) -> int:
        """Return the bytes of an array's numbers."""
        array = self.arrays[name]
        return prod(array.shape) * array.stored.itemsize

    def read(self, name: str) -> NDArray[Any]:
        """Read an array as it is stored, with MATLAB's axes."""
        array = self.arrays[name]
        size = self.size(name)
        self.stream.seek(array.place + (0 if array.packed else array.inside))
        if array.packed:
            packed = self.stream.read(array.size)
            unpacked = zlib.decompressobj().decompress(packed, array.inside + size)
            content: Any = memoryview(unpacked)[array.inside :]  # a slice would be a second copy
        else:
            content = self.stream.read(size)
        if len(content) != size:
            raise ValueError(f"{name} is cut short")
        return np.frombuffer(content, array.stored).reshape(array.shape, order="F")


def is_mat5(head: bytes) -> bool:
    """Recognise versions 5 to 7 by the end of their header."""
    return head[124:128] in (b"\x00\x01IM", b"\x01\x00MI")


def open_mat5(stream: BinaryIO) -> Mat5:
    """List the numeric arrays; raise ValueError for anything implausible."""
    stream.seek(0, 2)
    end = stream.tell()
    stream.seek(126)
    order = "<" if stream.read(2) == b"IM" else ">"
    arrays: dict[str, _Array] = {}
    for place, size, kind in _elements(stream, order, end):
        stream.seek(place)
        front = stream.read(min(size, _FRONT))
        packed = kind == _COMPRESSED
        if packed:
            front = zlib.decompressobj().decompress(front, _FRONT)
        found = _facts(front, order, place, size, packed=packed)
        if found is not None:
            arrays[found.name] = found
    return Mat5(stream, arrays)


def _elements(stream: BinaryIO, order: str, end: int) -> Iterator[tuple[int, int, int]]:
    """Return position, size and kind of each element that may be an array."""
    place = _HEADER
    while place + 8 <= end:
        stream.seek(place)
        kind, size = _numbers(stream.read(8), order, "u4")
        if place + 8 + size > end:
            raise ValueError("its last array is cut short")
        if kind in (_MATRIX, _COMPRESSED):
            yield place + 8, size, kind
        place += 8 + size + (-size % 8 if kind != _COMPRESSED else 0)


def _facts(front: bytes, order: str, place: int, size: int, *, packed: bool) -> _Array | None:
    """Read what an array is from its header; None if not a plain array of numbers."""
    start = 0
    if packed:
        kind, size_inside = _numbers(front[:8], order, "u4")
        if kind != _MATRIX:
            return None
        start, room = 8, 8 + size_inside
    else:
        room = size
    _, flags, start = _part(front, order, start)
    (word,) = _numbers(flags[:4], order, "u4")
    if word & 0xFF not in _NUMERIC or (word >> 8) & _COMPLEX:
        return None
    _, sizes, start = _part(front, order, start)
    _, name, start = _part(front, order, start)
    shape = tuple(int(n) for n in _numbers(sizes, order, "i4"))
    kind, count, inside = _tag(front, order, start)
    if kind not in _STORED or min(shape, default=-1) < 0:
        raise ValueError("an array of an unknown kind")
    stored = np.dtype(order + _STORED[kind])
    if prod(shape) * stored.itemsize != count or inside + count > room:
        raise ValueError("an array whose size is not what it says")
    text = name.decode("latin-1")
    return _Array(text, shape, place, size, packed=packed, inside=inside, stored=stored)


def _part(front: bytes, order: str, start: int) -> tuple[int, bytes, int]:
    """Return kind and bytes of a part of an array, and where the next one begins."""
    kind, count, inside = _tag(front, order, start)
    if inside + count > len(front):
        raise ValueError("an array whose facts are cut short")
    small = inside - start == 4
    following = start + 8 if small else inside + count + -count % 8
    return kind, front[inside : inside + count], following


def _tag(front: bytes, order: str, start: int) -> tuple[int, int, int]:
    """Return kind and size of a part, and where its bytes begin; small parts lie in their tag."""
    if start + 8 > len(front):
        raise ValueError("an array whose facts are cut short")
    kind, count = _numbers(front[start : start + 8], order, "u4")
    if kind >> 16:
        if kind >> 16 > 4:
            raise ValueError("a small part that is large")
        return kind & 0xFFFF, kind >> 16, start + 4
    return kind, count, start + 8


def _numbers(content: bytes, order: str, kind: str) -> list[int]:
    return [int(n) for n in np.frombuffer(content, np.dtype(order + kind))]
