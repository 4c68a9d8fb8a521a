"""Tar archives, packed or not: their plain files, and the first bytes of each, in one pass."""

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import IO, cast

from geoloupe.errors import InputError

SUFFIXES = (".tar", ".tar.gz", ".tgz")

_HEAD = 4096  # bytes kept of every file
_TEXT = 1_000_000  # bytes kept of files of metadata
_TEXTS = (".txt", ".json", ".xml")
_MOST = 10_000  # files
_ONE_READ = 64_000_000  # bytes: tarfile reads long names whole, whatever length they claim
_DAMAGE = (OSError, EOFError, tarfile.TarError, zlib.error, ValueError)


def is_tar(name: str) -> bool:
    """Return whether a name is that of a tar archive."""
    return name.lower().endswith(SUFFIXES)


def heads_in(path: str | Path) -> Mapping[str, bytes]:
    """Return the first bytes of every file in an archive: text whole up to a megabyte.

    An archive is refused as a whole if a file would be unpacked outside of it, or is a link.
    """
    try:
        changed = Path(path).stat().st_mtime_ns
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    return _heads(str(path), changed)


@lru_cache(maxsize=8)
def _heads(path: str, _changed: int) -> Mapping[str, bytes]:
    heads: dict[str, bytes] = {}
    with _opened(path) as archive:
        for member in archive:
            if member.isdir():
                continue
            name = _plain_name(path, member)
            if name in heads or len(heads) >= _MOST:
                many = "several times" if name in heads else f"among more than {_MOST:,} files"
                raise InputError(f"{path}: holds {name} {many}, as no product does")
            stream = archive.extractfile(member)
            size = _TEXT if name.lower().endswith(_TEXTS) else _HEAD
            heads[name] = b"" if stream is None else stream.read(size)
    return heads


def _plain_name(path: str, member: tarfile.TarInfo) -> str:
    """Return the name of a file that lies in the archive, and in no other place."""
    name = member.name.removeprefix("./")
    place = PurePosixPath(name)
    if place.is_absolute() or ".." in place.parts or "\\" in name:
        raise InputError(f"{path}: names a file outside of it, {name}, as no product does")
    if not member.isfile() or member.issparse():
        raise InputError(f"{path}: {name} is a link or the like, as no product holds")
    return name


@contextmanager
def _opened(path: str) -> Iterator[tarfile.TarFile]:
    packed = path.lower().endswith(("gz", "tgz"))
    try:
        with (
            cast("IO[bytes]", gzip.open(path) if packed else open(path, "rb")) as stream,
            tarfile.open(fileobj=_Careful(stream), mode="r:") as archive,
        ):
            yield archive
    except _DAMAGE as error:
        raise InputError(
            f"{path}: is not a complete tar archive; was its download cut short? ({error})"
        ) from None


class _Careful(io.RawIOBase):
    """A stream that refuses to return very much at once."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream = stream

    def read(self, size: int = -1) -> bytes:
        """Read bytes, not too many."""
        if not 0 <= size <= _ONE_READ:
            raise tarfile.ReadError("a header claims to be larger than any is")
        return self.stream.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place."""
        return self.stream.seek(offset, whence)

    def tell(self) -> int:
        """Return the place."""
        return self.stream.tell()
