"""Checkpoints from elsewhere, read without trusting them: bytes -> nested dictionaries of tensors.

The one module of `files` that imports torch, since only PyTorch reads its own two formats. It
never runs what a file brings: `weights_only` allows tensors and plain containers, nothing else.
"""

import os
import re
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from geoloupe.errors import InputError
from geoloupe.storage.sizes import size_text
from geoloupe.system.memory import available

MAX_DEPTH = 8  # of dictionaries: the published files have at most three
MAX_HEADER = 100 * 2**20  # bytes; the limit of the safetensors format itself
MAX_ENTRIES = 100_000  # parts of a zip archive, one a tensor
PEEK = 512
LOCAL_HEADER = 30  # bytes before the name of a zip entry
RESAVE = (
    "in the environment that made it, save the tensors alone: "
    "torch.save(model.state_dict(), 'weights.pt')"
)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read tensors under their names, nested as in the file; everything else is left out."""
    head, size = _peek(path)
    _refuse_other_files(path, head)
    free = available()
    if size > free:
        raise InputError(f"{path}: {size_text(size)} exceed the {size_text(free)} of free memory")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about protocols and storages: not the user's business
            content = _reader(path, head)(path, size)
        return _tensors(content, path)
    except InputError:
        raise
    except Exception as error:  # a hostile file can make its reader raise anything
        raise InputError(f"{path}: {_explain(error)}") from error


def _peek(path: Path) -> tuple[bytes, int]:
    """Return the first bytes and the size of a non-empty regular file."""
    if path.is_dir():
        raise InputError(f"{path}: a folder, not a checkpoint file")
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if not path.is_file():
        raise InputError(f"{path}: not a regular file")
    try:
        with path.open("rb") as file:
            head, size = file.read(PEEK), os.fstat(file.fileno()).st_size
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    if not head:
        raise InputError(f"{path}: empty (0 bytes); download or save it again")
    return head, size


def _refuse_other_files(path: Path, head: bytes) -> None:
    """Recognise by content what people mistake for a checkpoint."""
    if head.startswith(b"version https://git-lfs"):
        raise InputError(f"{path}: a Git LFS pointer, not the file itself; run git lfs pull")
    start = head.lstrip().lower()
    if start.startswith((b"<!doctype", b"<html")):
        raise InputError(f"{path}: a web page, not a checkpoint; download the file itself")
    if not set(head) - set(range(32, 127)) - set(b"\t\n\r\f"):
        raise InputError(f"{path}: a text file, not a checkpoint")
    if head[257:262] == b"ustar":
        raise InputError(f"{path}: a tar archive; unpack it, or if PyTorch made it, {RESAVE}")


def _reader(path: Path, head: bytes) -> Callable[[Path, int], Any]:
    """Choose by content: safetensors first, since its length field can look like the others."""
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= MAX_HEADER:
        return _read_safetensors
    if head.startswith(b"PK"):
        return _read_zip
    if head.startswith(b"\x80"):
        return _read_pickle
    raise InputError(f"{path}: neither a PyTorch checkpoint (.pt, .pth) nor a safetensors file")


def _read_zip(path: Path, size: int) -> Any:
    """Read PyTorch's format since 1.6, a zip archive of uncompressed parts."""
    try:
        with zipfile.ZipFile(path) as archive:
            _refuse_other_archives(path, archive.infolist(), size)
            _verify(archive)
    except zipfile.BadZipFile as error:
        why = ascii(str(error))[1:-1][:120]
        raise InputError(f"{path}: truncated or corrupt ({why}); download it again") from None
    return _read_pickle(path, size)


def _verify(archive: zipfile.ZipFile) -> None:
    """Compare every part with its checksum, which PyTorch itself ignores."""
    for part in archive.infolist():
        if part.CRC == 0:  # not computed: PyTorch can save without one
            continue
        with archive.open(part) as file:
            while file.read(2**20):
                continue  # the last read compares


def _refuse_other_archives(path: Path, parts: list[zipfile.ZipInfo], size: int) -> None:
    """Refuse bombs, programs, and archives that PyTorch did not make."""
    _refuse_bombs(path, parts, size)
    names = [part.filename for part in parts]
    if any("/code/" in f"/{name}" for name in names):
        raise InputError(f"{path}: a TorchScript program, which holds code to run; {RESAVE}")
    if not any(name.endswith("/data.pkl") for name in names):
        raise InputError(f"{path}: a zip archive without a PyTorch checkpoint; unpack it first")


def _refuse_bombs(path: Path, parts: list[zipfile.ZipInfo], size: int) -> None:
    """Refuse an archive whose directory declares more than the file can hold, before reading it."""
    declared = sum(part.file_size for part in parts)
    if declared > size:
        raise InputError(
            f"{path}: declares {declared:,} bytes of content in a file of {size:,}; PyTorch "
            "never compresses, so it is damaged or made to exhaust memory"
        )
    if len(parts) > MAX_ENTRIES:
        raise InputError(f"{path}: {len(parts):,} parts, more than any checkpoint has")
    if any(part.compress_type != zipfile.ZIP_STORED for part in parts):
        raise InputError(f"{path}: compressed by a program other than PyTorch; unpack it first")
    end = 0
    for part in sorted(parts, key=lambda part: part.header_offset):
        if part.header_offset < end or part.compress_size != part.file_size:
            raise InputError(f"{path}: corrupt; parts of its zip archive overlap")
        end = part.header_offset + LOCAL_HEADER + len(part.filename) + part.compress_size


def _read_pickle(path: Path, size: int) -> Any:
    """Read either of PyTorch's formats; neither may claim more storage than the file has."""
    content = torch.load(path, map_location="cpu", weights_only=True)
    storages: dict[int, int] = {}
    for tensor in _leaves(content):
        _refuse_unusual(tensor, path)
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes()
    if sum(storages.values()) > size:  # allocated, never read: pages would only appear when touched
        raise InputError(f"{path}: corrupt; declares more numbers than a file of its size holds")
    return content


def _read_safetensors(path: Path, size: int) -> Any:
    """Read a safetensors file, whose own reader checks its header and every offset in it."""
    try:
        return load_file(path)
    except SafetensorError as error:
        why = ascii(str(error))[1:-1][:200]  # quotes the file, which may hold terminal escapes
        raise InputError(
            f"{path}: truncated or corrupt safetensors, {size:,} bytes ({why})"
        ) from None


def _leaves(content: Any) -> list[Tensor]:
    """List every tensor under any names and in any containers, each container visited once."""
    found, pending, seen = [], [content], set[int]()
    while pending:
        item = pending.pop()
        if isinstance(item, Tensor):
            found.append(item)
        elif isinstance(item, Mapping | list | tuple | set) and id(item) not in seen:
            seen.add(id(item))
            pending.extend(item.values() if isinstance(item, Mapping) else item)
    return found


def _refuse_unusual(tensor: Tensor, path: Path) -> None:
    """Refuse tensors whose numbers are not plainly stored: a shape promises no memory."""
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_nested:
        raise InputError(f"{path}: holds sparse, quantised or nested tensors; {RESAVE}")
    if tensor.device.type != "cpu":
        raise InputError(f"{path}: holds tensors without data ({tensor.device.type}); {RESAVE}")
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise InputError(f"{path}: holds a tensor that repeats a few numbers over a large shape")


def _tensors(content: Any, path: Path) -> dict[str, Any]:
    """Keep named tensors and the dictionaries that hold some."""
    if not isinstance(content, Mapping):
        kind = type(content).__name__
        raise InputError(f"{path}: holds a {kind}, not tensors under names; {RESAVE}")
    kept = _named(content, {}, MAX_DEPTH)
    if not kept:
        raise InputError(f"{path}: holds no tensors under names; {RESAVE}")
    return kept


def _named(
    content: Mapping[Any, Any], done: dict[int, dict[str, Any]], depth: int
) -> dict[str, Any]:
    """Walk nested dictionaries; one referred to many times is walked once."""
    if id(content) in done or depth == 0:
        return done.get(id(content), {})
    kept: dict[str, Any] = {}
    done[id(content)] = kept
    for name, value in content.items():
        if not isinstance(name, str):
            continue
        if isinstance(value, Tensor):
            kept[name] = value.detach()
        elif isinstance(value, Mapping) and (inside := _named(value, done, depth - 1)):
            kept[name] = inside
    return kept


def _explain(error: Exception) -> str:
    """Turn what a reader raised into one sentence for the file's owner."""
    text = str(error)
    if match := re.search(r"(?:Unsupported global: GLOBAL|unsupported GLOBAL) (\S+)", text):
        name = ascii(match[1])[1:-1][:80]
        return f"holds a pickled {name}, and loading that would run code from the file; {RESAVE}"
    if "legacy .tar" in text:
        return f"saved by PyTorch 0.1 as a tar archive; {RESAVE}"
    if isinstance(error, MemoryError) or "allocate" in text:
        return "corrupt; declares more numbers than this machine has memory for"
    return "truncated or corrupt; not a checkpoint that PyTorch or safetensors can read"
