"""Journal of a data-set preparation in progress."""

import json
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np

from geoloupe.datasets.scenes import Scene, SceneArray
from geoloupe.errors import InputError, RunError, errors_named
from geoloupe.imagery.grid import IDENTITY
from geoloupe.rasters.product import check_room
from geoloupe.storage.lock import locked
from geoloupe.storage.moving import forget, remove
from geoloupe.storage.publish import publish

_HEADER = "preparing.json"
_LINES = "preparing.jsonl"
_ALIGN = 64  # arrays begin at multiples of this many bytes
_BATCH = 2**28  # bytes between two disk syncs
_BATCH_SCENES = 100


@dataclass(kw_only=True)
class Journal:
    """The raw files of an unfinished data set, and one line for each scene in them."""

    folder: Path
    lines: list[str]
    _pending: list[str] = field(default_factory=list)
    _files: dict[str, BinaryIO] = field(default_factory=dict)
    _unsynced: int = 0

    @classmethod
    @contextmanager
    def open(cls, folder: Path, header: dict[str, Any]) -> Iterator[Self]:
        """Begin in a new or empty folder, or take up what a stopped identical run left."""
        text = json.dumps(header, indent=2, sort_keys=True) + "\n"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not (folder / _HEADER).exists():
                _refuse_foreign(folder)
                (folder / _LINES).unlink(missing_ok=True)
                with publish(folder / _HEADER) as part:
                    part.write_text(text, encoding="utf-8", newline="\n")
            elif (folder / _HEADER).read_text(encoding="utf-8") != text:
                raise InputError(
                    f"{folder}: holds a half-prepared data set with other choices; finish it with "
                    "the same ones, or delete the folder"
                )
        except OSError as error:
            raise InputError(f"{folder}: cannot be written to ({error.strerror})") from None
        busy = f"{folder}: another process is preparing it right now"
        gone = f"{folder}: another process has just prepared it"
        with locked(folder / _HEADER, busy=busy, gone=gone):
            journal = cls(folder=folder, lines=_trusted_lines(folder))
            try:
                yield journal
            except OSError as error:
                raise RunError(f"{folder}: could not be written ({error.strerror})") from None
            finally:
                with suppress(OSError):  # whole scenes are worth keeping, whatever went wrong
                    journal.flush()
                for file in journal._files.values():
                    file.close()

    def add(self, scene: Scene, split: str) -> None:
        """Write all arrays of a scene; it counts once `flush` has made it durable."""
        parts = {}
        for name, open_part in scene.parts.items():
            with errors_named(scene.file or scene.id):
                parts[name] = self._add_part(f"{split}.{name}.raw", open_part())
        entry = {"id": scene.id, "split": split, "label": scene.label, "parts": parts}
        self._pending.append(json.dumps(entry, sort_keys=True))
        if self._unsynced >= _BATCH or len(self._pending) >= _BATCH_SCENES:
            self.flush()

    def flush(self) -> None:
        """Flush everything written so far to disk: the pixels first, then the lines."""
        if not self._pending:
            return
        for file in self._files.values():
            file.flush()
            os.fsync(file.fileno())
        with (self.folder / _LINES).open("a", encoding="utf-8", newline="\n") as journal:
            journal.writelines(f"{line}\n" for line in self._pending)
            journal.flush()
            os.fsync(journal.fileno())
        self.lines += self._pending
        self._pending, self._unsynced = [], 0

    def sizes(self) -> dict[str, int]:
        """Return the size of every raw file according to the lines."""
        return _ends(self.lines)

    def _add_part(self, name: str, part: SceneArray) -> dict[str, Any]:
        item = np.dtype(part.radiometry.dtype).itemsize
        size = part.height * part.width * len(part.bands) * item
        check_room(
            self.folder / name, size, word="at least"
        )  # a scene can claim any size in a few bytes
        file = self._file(name)
        offset = file.tell()
        file.write(bytes(-offset % _ALIGN))
        offset += -offset % _ALIGN
        crc = rows = 0
        for block in part.blocks():
            _refuse_nonsense(block, part, rows)
            # One pixel's bands lie together, so that a crop of many bands is a few long reads.
            raw = np.ascontiguousarray(block.transpose(1, 2, 0)).tobytes()
            file.write(raw)
            crc = zlib.crc32(raw, crc)
            rows += block.shape[1]
            self._unsynced += len(raw)
        if rows != part.height:
            raise InputError(f"has {rows} rows where {part.height} were announced")
        radiometry = asdict(part.radiometry)
        pixels: dict[str, Any] = {
            "file": name,
            "offset": offset,
            "shape": [part.height, part.width, len(part.bands)],
            "kind": {"bands": [asdict(band) for band in part.bands], "radiometry": radiometry},
            "crc": crc,
        }
        if part.grid is not None and (part.grid.crs or part.grid.transform != IDENTITY):
            pixels |= {"transform": list(part.grid.transform), "crs": part.grid.crs}
        return pixels

    def _file(self, name: str) -> BinaryIO:
        """Open a raw file at the end of what the journal records, and cut off the rest."""
        if name not in self._files:
            path = self.folder / name
            end = _ends(self.lines).get(name, 0)
            path.touch()
            self._files[name] = file = path.open("r+b")
            file.truncate(end)
            file.seek(end)
        return self._files[name]


def remove_journal(folder: Path) -> None:
    """Delete the journal of a complete data set; it may already be gone, wholly or in part."""
    for left in folder.glob(".*.part.*"):  # of a run killed while publishing
        forget(left)
    for name in (_LINES, _HEADER):
        remove(folder / name)


def _refuse_foreign(folder: Path) -> None:
    found = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    if found:
        raise InputError(f"{folder}: is not empty (it holds {found[0]}); name a new folder")


def _refuse_nonsense(block: Any, part: SceneArray, top: int) -> None:
    expected = (len(part.bands), part.width)
    if (block.shape[0], block.shape[2]) != expected:
        raise InputError(
            f"{block.shape[0]} bands of {block.shape[2]} columns where {expected[0]} of "
            f"{expected[1]} are expected"
        )
    if block.dtype != part.radiometry.dtype:
        raise InputError(f"holds {block.dtype} where {part.radiometry.dtype} is expected")
    if block.dtype.kind == "f" and part.radiometry.nodata is None:
        bad = ~np.isfinite(block)
        if bad.any():
            band, row, column = (int(axis[0]) for axis in np.nonzero(bad))
            raise InputError(
                f"is not a number in band {band + 1}, row {top + row}, column {column}"
            )


def _trusted_lines(folder: Path) -> list[str]:
    """Return the journal's whole lines whose pixels all exist."""
    path = folder / _LINES
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8", errors="replace")
    kept: list[str] = []
    for line in text.splitlines(keepends=True):
        if not (line.endswith("\n") and _is_there(folder, line)):
            break  # what follows was written later and is no better
        kept.append(line.rstrip("\n"))
    trusted = "".join(f"{line}\n" for line in kept)
    if trusted != text:
        with publish(path, overwrite=True) as part:
            part.write_text(trusted, encoding="utf-8", newline="\n")
    return kept


def _is_there(folder: Path, line: str) -> bool:
    """Return whether a line is readable and its pixels are on disk."""
    try:
        return all((folder / name).stat().st_size >= end for name, end in _ends([line]).items())
    except (ValueError, KeyError, TypeError, AttributeError, OSError):
        return False


def _ends(lines: list[str]) -> dict[str, int]:
    """Return where the last array of each raw file ends."""
    ends: dict[str, int] = {}
    for line in lines:
        for part in json.loads(line)["parts"].values():
            item = np.dtype(part["kind"]["radiometry"]["dtype"]).itemsize
            ends[part["file"]] = part["offset"] + int(np.prod(part["shape"])) * item
    return ends
