"""Resumable, shareable work on a result: a folder of finished pieces.

The folder lies beside the result until it is complete. Its `job.json` says what is being made;
each block is one file that appears when whole, so the files are the ledger. A block's file is
sealed with the digest of that `job.json` and the block's own name: one of other work, or of another
place, counts as missing. Any number of processes and machines that see the folder may add to it.
"""

import errno
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from geoloupe.errors import GeoloupeError, InputError, RunError
from geoloupe.rasters.planes import PIXELS, Layout, Planes
from geoloupe.scenes.block_file import (
    BlockRecord,
    checksum,
    read_array,
    read_record,
    write_block,
)
from geoloupe.scenes.identity import JobIdentity
from geoloupe.scenes.plan import Block, Plan
from geoloupe.scenes.scene import Piece
from geoloupe.scenes.work_folder import (
    BLOCKS,
    FACTS,
    begin,
    discard,
    held,
    work_folder,
)
from geoloupe.storage.sizes import size_text

_log = logging.getLogger(__name__)

_EDGES = ("top", "bottom", "left", "right")
_FULL = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", None))


@dataclass(frozen=True, kw_only=True)
class Job:
    """A folder of work."""

    folder: Path
    identity: JobIdentity  # the content of `job.json`
    planes: Planes | None = None  # where pixels go directly; None: into the blocks' own files

    @classmethod
    @contextmanager
    def open(cls, target: Path, identity: JobIdentity, *, alone: bool) -> Iterator[Self]:
        """Begin work on a new file, or take up what a stopped run of the same work left.

        Other processes are kept out meanwhile, or with `alone` False those that want to be alone. A
        start that fails leaves nothing behind.
        """
        folder = work_folder(target)
        job = None
        try:
            with held(folder, alone=alone):
                found = cls(folder=folder, identity=begin(target, identity))
                found._refuse_other(target, identity)
                job = found
                yield job
        except BaseException:
            if job is not None:
                job._remove_if_idle()
            raise

    def finished(self) -> int:
        """Count the blocks that are finished."""
        files = (self.folder / BLOCKS).glob("*.safetensors")
        return sum(self._record(file.stem) is not None for file in files)

    def done(self, block: Block) -> bool:
        """Return whether a block is finished."""
        return self._record(block.name) is not None

    def pending(self, plan: Plan) -> list[Block]:
        """List the blocks still to be computed."""
        return [block for block in plan.blocks if not self.done(block)]

    def in_place(self, layout: Layout) -> "Job":
        """Put pixels directly in place: for one machine, where nobody else writes."""
        return replace(self, planes=self.placed(layout))

    def placed(self, layout: Layout) -> Planes:
        """Open the pixels already in place, or make room for them."""
        try:
            return Planes.open(self.folder, layout)
        except OSError as error:
            what = "no room for" if error.errno in _FULL else "cannot hold"
            raise RunError(
                f"{self.folder}: {what} {size_text(layout.size)} of pixels ({error.strerror})"
            ) from None

    def discard_damaged_blocks(self, plan: Plan, layout: Layout) -> None:
        """Forget finished blocks whose pixels have changed: the power may have failed."""
        planes = self.placed(layout) if (self.folder / PIXELS).exists() else None
        for block in plan.blocks:
            record = self._record(block.name)
            if record is not None and record.pixels is None:
                continue
            if record is not None and planes is not None:
                top, left = block.corner
                place = {"top": top, "left": left, "height": record.shape[0]}
                if planes.checksum(**place, width=record.shape[1]) == record.pixels:
                    continue
            if self._file(block.name).exists():
                _log.info("%s: has changed since; it is made again", self._file(block.name))
                self._file(block.name).unlink(missing_ok=True)

    def save(self, block: Block, piece: Piece) -> None:
        """Save a finished block; its file is whole or absent."""
        self.check_ours()
        arrays = {name: np.ascontiguousarray(getattr(piece, name)) for name in _EDGES}
        pixels = None
        if self.planes is None:
            arrays |= {"values": piece.values, "valid": np.packbits(piece.valid), **piece.beside}
        else:
            self._put(block, piece)
            pixels = checksum(piece.values)
            if self.planes.masked:
                pixels = checksum(piece.valid * np.uint8(255), pixels)
            for layer in self.planes.beside:
                pixels = checksum(piece.beside[layer.name], pixels)
        height, width = piece.valid.shape
        record = BlockRecord(
            job=self.identity.digest,
            block=block.name,
            empty=piece.empty,
            shape=(height, width),
            pixels=pixels,
            sums={name: checksum(array) for name, array in arrays.items()},
        )
        write_block(self._file(block.name), arrays, record)

    def _put(self, block: Block, piece: Piece) -> None:
        assert self.planes is not None
        top, left = block.corner
        try:
            self.planes.put(piece.values, piece.valid, top=top, left=left)
            for layer in self.planes.beside:
                layer.put(piece.beside[layer.name], piece.valid, top=top, left=left)
        except OSError as error:
            raise RunError(
                f"{self.folder}: could not be written ({error.strerror}); finished work is kept: "
                "run the same again to continue"
            ) from None

    def apart(self, block: Block) -> bool:
        """Return whether a finished block's pixels are in its own file."""
        return self._sure(block).pixels is None

    def part(self, block: Block, name: str) -> Any:
        """Read one array of a finished block: "values", "valid", a layer by name, or an edge."""
        record = self._sure(block)
        try:
            array = read_array(self._file(block.name), name, record)
        except ValueError as error:
            raise self._damaged(block, str(error)) from None
        if name != "valid":
            return array
        height, width = record.shape
        return np.unpackbits(array, count=height * width).reshape(record.shape).astype(bool)

    def empty(self, block: Block) -> int:
        """The number of tiles of a finished block that held no data."""
        return self._sure(block).empty

    @contextmanager
    def held(self, *, alone: bool) -> Iterator[bool]:
        """Keep other processes out, or if not `alone`, only those that need to be alone.

        Yields whether that is certain: not every disk can lock.
        """
        gone = f"{self.folder}: another process has just finished this work"
        with held(self.folder, alone=alone, gone=gone) as sure:
            self.check_ours()
            yield sure

    def check_ours(self) -> None:
        """Refuse to go on in a folder that has been deleted, or where other work has begun."""
        try:
            there = JobIdentity.from_json((self.folder / FACTS).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            there = None
        if there != self.identity:
            what = "its work is gone" if there is None else "other work has begun in it"
            raise RunError(f"{self.folder}: {what}; another process or person stopped this run")

    def remove(self) -> None:
        """Delete the work: the result is complete."""
        discard(self.folder)

    def _remove_if_idle(self) -> None:
        """Delete the work if nothing is finished and nobody else works on it."""
        with suppress(GeoloupeError), self.held(alone=True) as sure:
            if sure and not any((self.folder / BLOCKS).glob("*.safetensors")):
                self.remove()

    def _refuse_other(self, target: Path, identity: JobIdentity) -> None:
        # With nothing left to compute, the device does not matter.
        complete = self.finished() >= self.identity.blocks
        ignored = frozenset({"call", "device"} if complete else {"call"})
        changed = self.identity.changed(identity, ignored=ignored)
        if changed:
            raise InputError(
                f"{target}: {_difference(self.folder, self.identity, identity, changed)}; make "
                "the same choices to finish it, or delete that folder"
            )

    def _record(self, name: str) -> BlockRecord | None:
        """Read the record of a block's file, if it was made for this work and this place."""
        try:
            record = read_record(self._file(name))
        except ValueError:
            return None
        return record if (record.job, record.block) == (self.identity.digest, name) else None

    def _sure(self, block: Block) -> BlockRecord:
        record = self._record(block.name)
        if record is None:
            raise self._damaged(block, "its record has changed")
        return record

    def _damaged(self, block: Block, why: str) -> RunError:
        file = self._file(block.name)
        with suppress(OSError):
            file.unlink()
        return RunError(f"{file}: was damaged and has been deleted; run the same again ({why})")

    def _file(self, name: str) -> Path:
        return self.folder / BLOCKS / f"{name}.safetensors"


def _difference(folder: Path, before: JobIdentity, now: JobIdentity, key: str) -> str:
    """Describe the unfinished work in a folder by the first thing that differs."""
    lies = f"an unfinished run with other choices lies in {folder}"
    one, two = getattr(before, key), getattr(now, key)
    if not isinstance(one, Mapping) or not isinstance(two, Mapping):
        return f"{lies}: {key} was {one}, now {two}"
    gone = ", ".join(name for name in one if name not in two)
    new = ", ".join(name for name in two if name not in one)
    if gone and new:
        return f"an unfinished run of another {key} lies in {folder}: {gone}, not {new}"
    if gone or new:
        return f"{lies}: {key} was {'with' if gone else 'without'} {gone or new}"
    inner = next(name for name in one if one[name] != two[name])
    return f"{lies}: {key} {inner} was {one[inner]}, now {two[inner]}"
