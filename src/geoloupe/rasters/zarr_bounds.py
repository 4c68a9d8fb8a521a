"""Chunks of a Zarr store, no larger when unpacked than the array says: a few bytes can claim much.

Imports the package zarr, which is an extra.
"""

import bz2
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from zarr.storage import LocalStore

from geoloupe.storage.sizes import size_text

_SLACK = 65_536  # bytes that packing may add, and an eighth of the chunk
_STEP = 2**20  # bytes that are unpacked at once, to count them
_ZSTD = b"\x28\xb5\x2f\xfd"
_ABSENT = 2**64 - 1  # as a shard's index says it


@dataclass(frozen=True, kw_only=True)
class Shards:
    """How the index of a shard lies in it."""

    count: int  # chunks in each
    at_start: bool = False

    @property
    def index_bytes(self) -> int:
        """Bytes of the index, with its checksum."""
        return 16 * self.count + 4

    def parts(self, content: bytes) -> Iterator[bytes]:
        """List the packed chunks in a whole shard."""
        size = self.index_bytes
        index = content[:size] if self.at_start else content[-size:]
        for start, length in struct.iter_unpack("<QQ", index[:-4]):
            if start != _ABSENT:
                yield content[start : start + length]


class BoundedStore(LocalStore):
    """A store on disk of one array, whose chunks are looked at before they are unpacked."""

    most: int | None = None  # bytes of a chunk, or of a shard where there are any
    packing: str | None = None
    shards: Shards | None = None

    def bound(self, most: int, packing: str | None, shards: Shards | None) -> None:
        """Set how many bytes a chunk may be, and by what it is packed."""
        self.most, self.packing, self.shards = most, packing, shards

    async def get(self, key: str, prototype: Any = None, byte_range: Any = None) -> Any:
        """Read a file or a part of it, unless it would become too large."""
        self._refuse_long(key)
        return self._checked(key, await super().get(key, prototype, byte_range), byte_range)

    def get_sync(self, key: str, *, prototype: Any = None, byte_range: Any = None) -> Any:
        """Read as `get` does, for versions of the package that ask so."""
        self._refuse_long(key)
        found = super().get_sync(key, prototype=prototype, byte_range=byte_range)
        return self._checked(key, found, byte_range)

    def _refuse_long(self, key: str) -> None:
        """Refuse a file that is longer than packing could make it, before it is read."""
        if self.most is None or _describes(key):
            return
        path, index = self.root / key, 0 if self.shards is None else self.shards.index_bytes
        if path.is_file() and path.stat().st_size > self.most * 9 // 8 + index + _SLACK:
            raise ValueError(f"chunk {key} is larger than the array says")

    def _checked(self, key: str, found: Any, byte_range: Any) -> Any:
        """Return what was read, unless it would become too large when it is unpacked."""
        if self.most is None or self.packing is None or found is None or _describes(key):
            return found
        for part in self._parts(found.to_bytes(), byte_range):
            if _SIZES[self.packing](part, self.most) > self.most:
                raise ValueError(
                    f"chunk {key} is larger when it is unpacked than the "
                    f"{size_text(self.most)} that the array says"
                )
        return found

    def _parts(self, content: bytes, byte_range: Any) -> Iterable[bytes]:
        """List the packed chunks in what was read: all of a file, or a part of a shard."""
        if self.shards is None:
            return (content,)
        if byte_range is None:
            return self.shards.parts(content)
        return () if len(content) == self.shards.index_bytes else (content,)


def _describes(key: str) -> bool:
    return key.rpartition("/")[2] in ("zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata")


def _zstd(content: bytes, most: int) -> int:
    """Return what the first frame says it becomes; the package unpacks no other."""
    if content[:4] != _ZSTD:
        raise ValueError("a chunk is not packed by zstd")
    flags = content[4]
    single, width = bool(flags & 32), (0, 2, 4, 8)[flags >> 6]
    width = width or int(single)
    if not width:
        raise ValueError("a chunk does not say how large it is; trust=true reads it anyway")
    start = 5 + (not single) + (0, 1, 2, 4)[flags & 3]
    size = int.from_bytes(content[start : start + width], "little")
    return size + 256 if width == 2 else size


def _blosc(content: bytes, most: int) -> int:
    return int.from_bytes(content[4:8], "little")


def _lz4(content: bytes, most: int) -> int:
    return int.from_bytes(content[:4], "little")


def _zlib(content: bytes, most: int) -> int:
    return _counted(lambda: zlib.decompressobj(zlib.MAX_WBITS | 32), content, most)


def _bz2(content: bytes, most: int) -> int:
    return _counted(bz2.BZ2Decompressor, content, most)


def _counted(make: Callable[[], Any], content: bytes, most: int) -> int:
    """Unpack piece by piece, and count; further members of a file count, too."""
    total = 0
    while content and total <= most:
        machine, rest = make(), content
        while not machine.eof and total <= most:
            piece = machine.decompress(rest, _STEP)
            rest = getattr(machine, "unconsumed_tail", b"")
            total += len(piece)
            if not piece and not rest:
                break
        content = machine.unused_data if machine.eof else b""
    return total


_SIZES: dict[str, Callable[[bytes, int], int]] = {
    **{"zstd": _zstd, "blosc": _blosc, "lz4": _lz4, "numcodecs.lz4": _lz4},
    **{"gzip": _zlib, "zlib": _zlib, "numcodecs.zlib": _zlib},
    **{"bz2": _bz2, "numcodecs.bz2": _bz2},
}
