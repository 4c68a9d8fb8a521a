"""Work on a result that can be stopped, continued and shared: a folder of finished pieces.

The folder lies beside the result until that is complete. `job.json` says what is being made; each
block is one file that appears when it is whole, so the files are the ledger. Any number of
processes and machines that see the folder may add to it.
"""

import hashlib
import json
import os
import re
import secrets
import shutil
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from geoloupe.errors import InputError, RunError
from geoloupe.files.lock import locked
from geoloupe.files.planes import PIXELS, Layout, Planes
from geoloupe.files.publish import publish_texts
from geoloupe.files.sizes import size_text
from geoloupe.inference.plan import Block, Plan
from geoloupe.inference.scene import Piece

_FACTS = "job.json"
_KEYS = {"call", "settings", "blocks"}  # without which nobody can go on
_LONGEST = 150
# Other programs write statistics and overviews there while a run lasts; no result needs them.
_BESIDE = (".aux.xml", ".ovr")
_VIRTUAL = re.compile(r"^(/vsi[a-z]+/)+")
_EDGES = ("top", "bottom", "left", "right")


@dataclass(frozen=True, kw_only=True)
class _Told:
    """What the file of a finished block says besides its arrays."""

    empty: int  # tiles without data
    shape: tuple[int, int]
    pixels: int | None  # the checksum of pixels that are in their place; None: they are in the file
    sums: Mapping[str, int]  # the checksums of the file's arrays

    def sealed(self) -> dict[str, str]:
        text = json.dumps(asdict(self), sort_keys=True)
        return {"told": text, "seal": str(zlib.crc32(text.encode()))}

    @classmethod
    def unsealed(cls, metadata: Mapping[str, str]) -> Self:
        text = metadata["told"]
        if str(zlib.crc32(text.encode())) != metadata["seal"]:
            raise ValueError("its seal is broken")
        values = json.loads(text)
        return cls(**values | {"shape": tuple(values["shape"])})


@dataclass(frozen=True, kw_only=True)
class Job:
    """A folder of work."""

    folder: Path
    facts: Mapping[str, Any]
    planes: Planes | None = None  # where pixels go at once; None: into the blocks' own files

    @classmethod
    def open(cls, target: Path, facts: Mapping[str, Any]) -> Self:
        """Begin work on a new file, or take up what a stopped run of the very same left."""
        folder = work_folder(target)
        facts = json.loads(json.dumps(facts))
        path = folder / _FACTS
        if not path.exists():
            text = json.dumps(facts, indent=2, sort_keys=True) + "\n"
            try:
                publish_texts(folder, {_FACTS: text})
            except InputError:  # of two processes that begin at once, one writes and both go on
                if not path.exists():
                    raise
        before = read_facts(target)
        ignored = {"call", "device"} if _complete(folder, before) else {"call"}
        changed = [k for k in facts if k not in ignored and before.get(k) != facts[k]]
        if changed:
            raise InputError(
                f"{target}: an unfinished run of other choices lies in {folder}: "
                f"{_difference(before, facts, changed[0])}; choose as then to finish it, or "
                "delete that folder"
            )
        return cls(folder=folder, facts=facts)

    def done(self, block: Block) -> bool:
        """Tell whether a block is finished."""
        return self._file(block).exists()

    def pending(self, plan: Plan) -> list[Block]:
        """List what is still to be computed."""
        return [block for row in plan.blocks for block in row if not self.done(block)]

    def in_place(self, layout: Layout) -> "Job":
        """Put pixels where they belong at once: for one machine, on which nobody else writes."""
        return replace(self, planes=self.placed(layout))

    def placed(self, layout: Layout) -> Planes:
        """Open the pixels that are in their place already, or make room for them."""
        exists = (self.folder / PIXELS).exists()
        make = Planes if exists else Planes.create
        try:
            return make(folder=self.folder, layout=layout)
        except OSError as error:
            raise RunError(
                f"{self.folder}: no room for {size_text(layout.size)} of pixels ({error.strerror})"
            ) from None

    def doubt(self, plan: Plan, scale: int, layout: Layout) -> None:
        """Forget finished blocks whose pixels are not what they were: the power may have failed."""
        planes = self.placed(layout) if (self.folder / PIXELS).exists() else None
        for block in (block for row in plan.blocks for block in row if self.done(block)):
            try:
                told = self._told(block)
            except RunError:  # it is deleted, and so made again
                continue
            if told.pixels is None:
                continue
            top, left = block.down.full * scale, block.across.full * scale
            place = {"top": top, "left": left, "height": told.shape[0], "width": told.shape[1]}
            if planes is None or planes.checksum(**place) != told.pixels:
                self._file(block).unlink()

    def save(self, block: Block, piece: Piece, scale: int) -> None:
        """Keep a finished block; its file is whole or absent."""
        arrays = {name: np.ascontiguousarray(getattr(piece, name)) for name in _EDGES}
        pixels = None
        if self.planes is None:
            arrays |= {"values": piece.values, "valid": np.packbits(piece.valid)}
        else:
            self._put(block, piece, scale)
            pixels = zlib.crc32(np.ascontiguousarray(piece.values).data)
            if self.planes.masked:
                pixels = zlib.crc32((piece.valid * np.uint8(255)).data, pixels)
        height, width = piece.valid.shape
        sums = {name: _checksum(array) for name, array in arrays.items()}
        told = _Told(empty=piece.empty, shape=(height, width), pixels=pixels, sums=sums)
        path = self._file(block)
        part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            path.parent.mkdir(exist_ok=True)
            save_file(arrays, part, metadata=told.sealed())
            part.replace(path)
        except (OSError, SafetensorError) as error:
            raise RunError(
                f"{path}: could not be written; is the disk full? What is done is kept: run the "
                f"same again to go on ({error})"
            ) from None
        finally:
            part.unlink(missing_ok=True)

    def _put(self, block: Block, piece: Piece, scale: int) -> None:
        assert self.planes is not None
        top, left = block.down.full * scale, block.across.full * scale
        try:
            self.planes.put(piece.values, piece.valid, top=top, left=left)
        except OSError as error:
            raise RunError(
                f"{self.folder}: could not be written; is the disk full? ({error})"
            ) from None

    def apart(self, block: Block) -> bool:
        """Tell whether a finished block's pixels are in its own file."""
        return self._told(block).pixels is None

    def part(self, block: Block, name: str) -> Any:
        """Read one array of a finished block: "values", "valid", or an edge."""
        told = self._told(block)
        try:
            with safe_open(self._file(block), "np") as file:
                array = file.get_tensor(name)
            if _checksum(array) != told.sums[name]:
                raise ValueError("its checksum is another")
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise self._damaged(block, error) from None
        if name != "valid":
            return array
        height, width = told.shape
        return np.unpackbits(array, count=height * width).reshape(told.shape).astype(bool)

    def empty(self, block: Block) -> int:
        """The number of tiles of a finished block that held no data."""
        return self._told(block).empty

    @contextmanager
    def held(self, *, alone: bool) -> Iterator[None]:
        """Keep other processes out, or with `alone` False only those that want to be alone."""
        busy = f"{self.folder}: another process works on it now"
        gone = f"{self.folder}: another process has just ended this work"
        with locked(self.folder / _FACTS, shared=not alone, busy=busy, gone=gone):
            yield

    def remove(self) -> None:
        """Delete the work: the result is complete."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def remove_if_idle(self) -> None:
        """Delete the work if nothing was finished, so that a failed start leaves nothing behind."""
        if not any((self.folder / "blocks").glob("*.safetensors")):
            self.remove()

    def _told(self, block: Block) -> "_Told":
        try:
            with safe_open(self._file(block), "np") as file:
                return _Told.unsealed(file.metadata() or {})
        except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
            raise self._damaged(block, error) from None

    def _damaged(self, block: Block, error: Exception) -> RunError:
        with suppress(OSError):
            self._file(block).unlink()
        return RunError(
            f"{self._file(block)}: was damaged and is deleted; run the same again ({error})"
        )

    def _file(self, block: Block) -> Path:
        return self.folder / "blocks" / f"{block.name}.safetensors"


def work_folder(target: Path) -> Path:
    """Say where the work on a result lies."""
    name = target.name
    if not name:
        raise InputError(f"{target}: is a folder; name a file in it")
    if len(name) > _LONGEST:  # a file's name has an end, and others must not be mistaken for it
        name = name[:_LONGEST] + hashlib.sha256(name.encode()).hexdigest()[:8]
    return target.with_name(f".{name}.work")


def read_facts(target: Path) -> dict[str, Any]:
    """Read what is being made; a folder that does not say so is an InputError."""
    path = work_folder(target) / _FACTS
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(facts, dict) or not facts.keys() >= _KEYS:
            raise TypeError("it does not say what is made")
    except FileNotFoundError:
        raise InputError(f"{target}: there is no unfinished work on it") from None
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path}: is damaged; delete {path.parent} ({error})") from None
    return facts


def absolute(name: str | Path | None) -> str | None:
    """Name a file so that a process in another folder finds it; other names stay."""
    if name is None:
        return None
    return os.path.abspath(name) if os.path.exists(name) else str(name)


def _checksum(array: NDArray[Any]) -> int:
    return zlib.crc32(np.ascontiguousarray(array).data)


def _complete(folder: Path, facts: Mapping[str, Any]) -> bool:
    """Tell whether nothing is left to compute, so that it does not matter on what device."""
    return len(list((folder / "blocks").glob("*.safetensors"))) >= facts.get("blocks", 1)


def identities(*names: str | Path) -> dict[str, str]:
    """Tell whether files are still what they were: by place, their size and time of change."""
    return {file: said for file, said in map(_identity, names) if said}


def _identity(name: str | Path) -> tuple[str, str]:
    """Find the file of a name, which may be an address or something in an archive."""
    path = Path(_VIRTUAL.sub("", str(name)))
    if path.name.endswith(_BESIDE):
        return str(path), ""
    for file in (path, *path.parents):
        with suppress(OSError, ValueError):
            if file.is_file():
                status = file.stat()
                when = datetime.fromtimestamp(status.st_mtime, UTC).isoformat(" ", "milliseconds")
                return os.path.abspath(file), f"{status.st_size} bytes of {when}"
    return str(absolute(name)), "there"


def _difference(before: Mapping[str, Any], now: Mapping[str, Any], key: str) -> str:
    one, two = before.get(key), now[key]
    if isinstance(one, dict) and isinstance(two, dict):
        names = {**one, **two}
        inner = next((name for name in names if one.get(name) != two.get(name)), None)
        if inner is None:  # a name with nothing behind it, in one of them
            return f"{key} was {one}, now {two}"
        return f"{key} {inner} was {one.get(inner)}, now {two.get(inner)}"
    return f"{key} was {one}, now {two}"
