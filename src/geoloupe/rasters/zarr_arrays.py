"""Arrays of Zarr stores that a stranger may have written: what is said of them, and their numbers.

Each array is opened by its own metadata, which are read here first; consolidated ones, which might
say otherwise, are not asked. Only codecs that hold nothing but numbers are used.
"""

import json
import math
import warnings
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoloupe.errors import InputError
from geoloupe.imagery.grid import Window
from geoloupe.rasters.drivers import TRUST
from geoloupe.storage.sizes import size_text
from geoloupe.system.memory import available

DAMAGE = (
    *(OSError, EOFError, RuntimeError, ValueError, TypeError, KeyError, IndexError),
    *(AttributeError, OverflowError, MemoryError, ArithmeticError, zlib.error),
)
"""What the packages raise where a store is damaged."""

NEW = "zarr.json"  # of version 3
_OLD = ".zarray"
_AT_ONCE = 10  # chunks that the package reads at the same time
_LONGEST = 160  # characters of what the package says, which quotes what it read
_MAX_METADATA_BYTES = 50_000_000
# Those that hold nothing but numbers; one of numcodecs' unpickles what a stranger wrote.
_PACKING = {
    *("blosc", "zlib", "gzip", "zstd", "lz4", "bz2"),
    *("numcodecs.zlib", "numcodecs.lz4", "numcodecs.bz2"),
}
_CODECS = _PACKING | {
    *("shuffle", "delta", "bytes", "transpose", "crc32c", "sharding_indexed", "numcodecs.shuffle"),
}


@dataclass(frozen=True, kw_only=True)
class Stored:
    """An array that is not open yet: where it is, what is said of it, and how it is stored."""

    path: Path
    attributes: Mapping[str, Any]
    about: Mapping[str, Any]  # its metadata

    @property
    def file(self) -> Path:
        """The file that describes it."""
        return _metadata(self.path)

    def said(self, *words: str) -> Any:
        """Return the first attribute of these that is there, as xarray or as EOPF writes it."""
        inner = self.attributes.get("_eopf_attrs")
        for place in (self.attributes, inner if isinstance(inner, Mapping) else {}):
            for word in words:
                if place.get(word) is not None:
                    return place[word]
        return None

    def number(self, *words: str) -> float | None:
        """Return an attribute that is a number."""
        found = self.said(*words)
        try:
            return None if found is None else float(found)
        except (TypeError, ValueError, OverflowError):
            raise InputError(f"{self.path}: {words[0]} is {str(found)[:40]!r}, no number") from None

    def open(self, *, trust: bool = False) -> Any:
        """Open it with the package zarr, unless it is packed by anything unusual."""
        zarr, packing = package(self.path), self._packing()
        from geoloupe.rasters.zarr_bounds import BoundedStore, Shards

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that a codec is not in the specification yet
                version = 3 if self.file.name == NEW else 2
                store = BoundedStore(self.path, read_only=True)
                array = zarr.open_array(store, mode="r", zarr_format=version)
            inner = math.prod(array.chunks) * int(array.dtype.itemsize)
            size = inner if array.shards is None else math.prod(array.shards) * array.dtype.itemsize
            if not trust:
                self._refuse_nested(packing)
                shards = Shards(count=size // inner, at_start=self._index_first)
                by = packing[0] if packing else None
                store.bound(size, by, None if array.shards is None else shards)
        except DAMAGE as error:
            raise InputError(f"{self.path}: cannot be opened; damaged? ({why(error)})") from None
        _refuse_large_chunks(self.path, array, size)
        return array

    def _packing(self) -> list[str]:
        """List the codecs that make it smaller."""
        old = [self.about.get("compressor"), *_listed(self.about.get("filters"))]
        names = _codecs(self.path, self.about.get("codecs") or old)
        return [name for name in names if name in _PACKING]

    def _refuse_nested(self, packing: Sequence[str]) -> None:
        """Refuse what is packed twice: how large it becomes cannot be seen from outside."""
        listed = _listed(self.about.get("codecs"))
        sharded = any(_name(codec) == "sharding_indexed" for codec in listed)
        if len(packing) > 1 or (sharded and len(listed) > 1):
            raise InputError(f"{self.path}: is packed twice, which is not read; {TRUST}")

    @property
    def _index_first(self) -> bool:
        """Whether shards begin with their index."""
        inner = (_listed(self.about.get("codecs")) or [None])[0]
        told = inner.get("configuration") if isinstance(inner, Mapping) else None
        return isinstance(told, Mapping) and told.get("index_location") == "start"


@dataclass(frozen=True, kw_only=True)
class ArraysReader:
    """Reads open arrays of Zarr: several of one band (H,W), or one of all (B,H,W)."""

    name: str
    arrays: tuple[Any, ...]

    def read(self, indexes: Sequence[int], window: Window) -> tuple[NDArray[Any], None]:
        """Read these bands of a window, a chunk of bands at a time."""
        first = self.arrays[0]
        kind = first.dtype.newbyteorder("=")
        found = np.empty((len(indexes), window.height, window.width), kind)
        try:
            if first.ndim == 2:
                for place, index in enumerate(indexes):
                    found[place] = self.arrays[index][window.slices]
                return found, None
            depth = first.chunks[0]
            for chunk in dict.fromkeys(index // depth for index in indexes):
                places = [at for at, index in enumerate(indexes) if index // depth == chunk]
                bands = [indexes[at] for at in places]
                low = min(bands)
                part = first[low : max(bands) + 1, *window.slices]
                found[places] = part[[band - low for band in bands]]
            return found, None
        except DAMAGE as error:
            raise InputError(
                f"{self.name}: cannot be read; damaged or incomplete? ({why(error)})"
            ) from None

    def close(self) -> None:
        """Nothing stays open between reads."""


def why(error: BaseException) -> str:
    """Return what a package says of damage, shortly."""
    return " ".join((str(error) or type(error).__name__).split())[:_LONGEST]


def package(name: object) -> Any:
    """Return the package, or raise InputError with what installs it."""
    try:
        import zarr
    except ImportError:
        raise InputError(
            f"{name}: Zarr needs more packages: pip install 'geoloupe[zarr]'"
        ) from None
    return zarr


def stored(path: Path) -> Stored:
    """Read what is said of an array."""
    file = _metadata(path)
    about = read_json(file)
    if file.name == NEW:
        attributes = about.get("attributes")
    else:
        beside = path / ".zattrs"
        attributes = read_json(beside) if beside.is_file() else None
    return Stored(
        path=path,
        attributes=attributes if isinstance(attributes, Mapping) else {},
        about=about,
    )


def read_json(path: Path) -> Mapping[str, Any]:
    """Read a file of metadata."""
    try:
        with path.open("rb") as stream:
            content = json.loads(stream.read(_MAX_METADATA_BYTES).decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    if not isinstance(content, Mapping):
        raise InputError(f"{path}: is not the metadata of a Zarr store")
    return content


def _metadata(path: Path) -> Path:
    """Return the file that describes an array, of version 3 or 2."""
    new = path / NEW
    return new if new.is_file() else path / _OLD


def _name(codec: Any) -> Any:
    return codec.get("name") or codec.get("id") if isinstance(codec, Mapping) else codec


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _codecs(path: Path, codecs: Any, *, level: int = 0) -> list[str]:
    """List the codecs of an array in the order they are applied, those within shards too."""
    names = []
    for codec in codecs if isinstance(codecs, list) else [codecs]:
        if codec is None:
            continue
        name = _name(codec)
        if not isinstance(name, str) or name not in _CODECS or level > 2:
            raise InputError(f"{path}: is packed by {str(name)[:40]!r}, which is not read")
        names.append(name)
        inner = codec.get("configuration") if isinstance(codec, Mapping) else None
        if isinstance(inner, Mapping):
            lists = [*_listed(inner.get("codecs")), *_listed(inner.get("index_codecs"))]
            names += _codecs(path, lists, level=level + 1)
    return names


def _refuse_large_chunks(path: Path, array: Any, size: int) -> None:
    """Refuse an array of which the chunks that are read at once do not fit in memory."""
    if 0 in array.shape:
        raise InputError(f"{path}: holds no numbers")
    places = zip(array.shape[-2:], array.chunks[-2:], strict=True)
    count = math.prod(-(-side // chunk) for side, chunk in places) if array.ndim > 1 else 1
    together, free = size * min(count, _AT_ONCE), available()
    if together > free:
        raise InputError(
            f"{path}: is stored in chunks of {' x '.join(map(str, array.chunks))}, which take "
            f"{size_text(together)} of memory when they are read, and {size_text(free)} are free; "
            "store it in smaller ones"
        )
