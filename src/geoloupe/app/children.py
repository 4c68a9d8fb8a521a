"""The process of a job: it writes to files, so that a server that starts later finds what it said.

It outlives the server that began it, unless that one ends in order and stops it.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

PROGRAM = (sys.executable, "-m", "geoloupe")
_OUT, _ERRORS, _STOPPED = "out.json", "progress.log", "stopped"
_PREFIX = "geoloupe: "  # of what the program says when it fails
_TAIL = 2**16  # bytes of the log that are looked at
_PATIENCE = 8.0  # seconds that it may take to end in order
# What keeps it apart on Windows, which has no sessions: no Ctrl+C of the server's, no window.
_APART = ("CREATE_NEW_PROCESS_GROUP", "CREATE_NO_WINDOW")


@dataclass(eq=False)
class Child:
    """A `geoloupe` process, ours or an earlier server's."""

    folder: Path
    pid: int | None
    born: str | None = None
    process: subprocess.Popen[bytes] | None = None
    asked: float | None = None  # when it was asked to end

    @classmethod
    def started(cls, words: Sequence[str], folder: Path) -> Self:
        """Start the program on these words; what it says goes to files in a folder."""
        for name in (_OUT, _ERRORS, _STOPPED):
            (folder / name).unlink(missing_ok=True)
        command = [*PROGRAM, *words]
        with (folder / _OUT).open("xb") as out, (folder / _ERRORS).open("xb") as errors:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
                start_new_session=True,  # Ctrl+C in the server's terminal is not for it
                creationflags=sum(getattr(subprocess, name, 0) for name in _APART),
                env=os.environ | {"PYTHONIOENCODING": "utf-8"},  # as it is read here
            )
        return cls(folder, process.pid, _birth(process.pid), process)

    def alive(self) -> bool:
        """Return whether it still runs."""
        if self.process is not None:
            return self.process.poll() is None
        return self.pid is not None and self.born is not None and _birth(self.pid) == self.born

    def stop(self) -> None:
        """End it; the blocks that are done are whole on the disk, and are gone on with."""
        if not self.alive() or self.pid is None:
            return
        (self.folder / _STOPPED).touch()
        self.asked = time.monotonic()
        # A shell may have told all its children to ignore Ctrl+C. Windows ends it at once.
        self._signal(signal.SIGTERM)

    def hurry(self) -> None:
        """Kill it if it was asked to end long ago."""
        if self.asked is not None and time.monotonic() - self.asked > _PATIENCE:
            self._signal(getattr(signal, "SIGKILL", signal.SIGTERM))

    def _signal(self, number: int) -> None:
        assert self.pid is not None
        # One that is gone is a ProcessLookupError, but for Windows, which has other words for it.
        with suppress(OSError):
            os.kill(self.pid, number)

    def stopped(self) -> bool:
        """Return whether it was stopped, by us or with the server or the machine."""
        return (self.folder / _STOPPED).exists() or not self._said()

    def progress(self) -> tuple[int, int] | None:
        """Return how many tiles are done, and of how many."""
        for line in reversed(self._lines()):
            with suppress(ValueError, KeyError, TypeError):
                found = json.loads(line)
                return int(found["done"]), int(found["count"])
        return None

    def result(self) -> dict[str, Any] | None:
        """Return what it printed at its end."""
        try:
            found = json.loads((self.folder / _OUT).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def complaint(self) -> str:
        """Return the last thing that it said of what went wrong."""
        said = self._said()
        return said[-1].removeprefix(_PREFIX) if said else "it ended without a word"

    def _said(self) -> list[str]:
        return [line for line in self._lines() if line.startswith(_PREFIX)]

    def _lines(self) -> list[str]:
        try:
            with (self.folder / _ERRORS).open("rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(file.tell() - _TAIL, 0))
                return file.read().decode("utf-8", "replace").splitlines()
        except OSError:
            return []


def _birth(pid: int) -> str | None:
    """Return when a process began, which no later one of the same number shares; None: unknown."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None  # it is gone, or this system has no /proc: then nothing is adopted
    state, *rest = text.rpartition(")")[2].split()
    return None if state == "Z" else rest[18]
