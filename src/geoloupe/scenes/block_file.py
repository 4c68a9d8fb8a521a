"""A finished block as a file: its arrays, and a sealed record of what they are and which job's."""

import json
import re
import secrets
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from geoloupe.errors import RunError
from geoloupe.storage.moving import clear_away, patiently

_DAMAGE = (OSError, SafetensorError, KeyError, ValueError, TypeError)
_CAUSE = re.compile(r"I/O error: (.*) \(os error \d+\)")


@dataclass(frozen=True, kw_only=True)
class BlockRecord:
    """What the file of a finished block says besides its arrays."""

    job: str  # the digest of the work it was computed for
    block: str  # the name of the block, which gives its place
    empty: int  # tiles without data
    shape: tuple[int, int]
    pixels: int | None  # the checksum of pixels already in place; None: they are in this file
    sums: Mapping[str, int]  # the checksums of the file's arrays

    def sealed(self) -> dict[str, str]:
        """Write it as metadata, with a checksum of its own."""
        text = json.dumps(asdict(self), sort_keys=True)
        return {"record": text, "seal": str(zlib.crc32(text.encode()))}

    @classmethod
    def unsealed(cls, metadata: Mapping[str, str]) -> Self:
        """Read it from metadata; raise ValueError or KeyError if it is damaged."""
        text = metadata["record"]
        if str(zlib.crc32(text.encode())) != metadata["seal"]:
            raise ValueError("its seal is broken")
        values = json.loads(text)
        return cls(**values | {"shape": tuple(values["shape"])})


def checksum(array: NDArray[Any], before: int = 0) -> int:
    """Return the checksum of an array, continuing from `before` if given."""
    return zlib.crc32(np.ascontiguousarray(array).data, before)


def write_block(path: Path, arrays: Mapping[str, NDArray[Any]], record: BlockRecord) -> None:
    """Write the file of a finished block, whole or not at all."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(exist_ok=True)
        with part.open("xb"):
            mode = part.stat().st_mode
        save_file(dict(arrays), part, metadata=record.sealed())
        part.chmod(mode)  # safetensors makes files that only their owner may read
        patiently(lambda: part.replace(path))
    except (OSError, SafetensorError) as error:
        cause = _CAUSE.search(str(error))
        why = cause[1] if cause else getattr(error, "strerror", None) or error
        raise RunError(
            f"{path}: could not be written ({why}); finished work is kept: "
            "run the same again to continue"
        ) from None
    finally:
        clear_away(part)


def read_record(path: Path) -> BlockRecord:
    """Read a finished block's record; a ValueError says what is wrong with it."""
    try:
        with safe_open(path, "np") as file:
            return BlockRecord.unsealed(file.metadata() or {})
    except _DAMAGE as error:
        raise ValueError(str(error)) from None


def read_array(path: Path, name: str, record: BlockRecord) -> Any:
    """Read an array of a finished block; a ValueError says what is wrong with it."""
    try:
        with safe_open(path, "np") as file:
            array = file.get_tensor(name)
        if checksum(array) != record.sums[name]:
            raise ValueError("its checksum differs")
    except _DAMAGE as error:
        raise ValueError(str(error)) from None
    return array
