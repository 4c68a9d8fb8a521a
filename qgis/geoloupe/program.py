"""The program geoloupe in a process of its own: its words, progress, end. Knows nothing of QGIS."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

_WAIT = 10  # seconds that it may take to stop in order


class ProgramError(Exception):
    """What a person reads when the program is not there or could not do it."""


def find(named: str = "") -> str:
    """Return the path of the program: the one that is named, or that of the PATH."""
    if named:
        if not Path(named).is_file():
            raise ProgramError(
                f"{named}: there is no program; name the file geoloupe under Settings, Options, "
                "Processing, Providers, geoloupe"
            )
        return named
    found = shutil.which("geoloupe")
    if found is None:
        raise ProgramError(
            "the program geoloupe was not found: install it in any environment (pip install "
            "geoloupe) and name its file under Settings, Options, Processing, Providers, geoloupe"
        )
    return found


def run(
    program: str,
    words: Sequence[str],
    *,
    progress: Callable[[int, int], None] = lambda done, count: None,
    say: Callable[[str], None] = lambda text: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Run `geoloupe WORDS --json` to its end and return what it says of the result.

    `progress` gets the finished tiles and all of them, `say` what it says meanwhile. When
    `cancelled` turns true, it is stopped in order: the same call goes on later where it was.
    """
    process = subprocess.Popen(
        [program, *words, "--json"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        env=_environment(),
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
    lines: list[str] = []
    output: list[str] = []
    listening = [
        threading.Thread(target=_listen, args=(process.stderr, lines, progress, say), daemon=True),
        threading.Thread(target=lambda: output.append(process.stdout.read()), daemon=True),
    ]
    stopped = False
    with process:
        for thread in listening:
            thread.start()
        while process.poll() is None:
            if cancelled() and not stopped:
                stopped = True
                _stop(process)
            try:
                process.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
        for thread in listening:
            thread.join(_WAIT)
    if stopped:
        raise ProgramError("stopped; run the same again to continue where it was")
    if process.returncode != 0:
        said = [line for line in lines if line.strip()]
        raise ProgramError(said[-1] if said else f"geoloupe ended with {process.returncode}")
    return _result("".join(output))


def models(program: str) -> dict[str, Any]:
    """Return the cards of the models that come with the program, by name."""
    return run(program, ["models"])


def _listen(
    stream: Any,
    lines: list[str],
    progress: Callable[[int, int], None],
    say: Callable[[str], None],
) -> None:
    """Tell progress from sentences, line by line."""
    for line in stream:
        text = line.strip()
        try:
            found = json.loads(text)
            progress(int(found["done"]), int(found["count"]))
        except (ValueError, TypeError, KeyError):
            lines.append(text)
            say(text)


def _result(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        raise ProgramError(f"geoloupe answered what is no JSON: {text[:200]}") from None
    return found if isinstance(found, dict) else {"result": found}


def _stop(process: "subprocess.Popen[str]") -> None:
    """End it; the blocks that are done are whole on the disk, and are gone on with."""
    process.terminate()
    try:
        process.wait(_WAIT)
    except subprocess.TimeoutExpired:
        process.kill()


def _environment() -> dict[str, str]:
    """Leave out what QGIS sets for its own Python and GDAL: the program has others."""
    ours = ("PYTHONHOME", "PYTHONPATH", "GDAL_DATA", "GDAL_DRIVER_PATH", "PROJ_LIB", "PROJ_DATA")
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return kept | {"PYTHONIOENCODING": "utf-8"}  # as it is read here, whatever this system uses
