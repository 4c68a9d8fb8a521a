"""Renaming and deleting where an open file stands in the way, which it does on Windows alone.

There a virus scanner or an indexer opens every new file for a moment, and a viewer for as long as
it shows it. The first is waited for; of the second a person is told.
"""

import logging
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from geoloupe.storage import names

_log = logging.getLogger(__name__)

T = TypeVar("T")

_PATIENCE, _PAUSE = 3.0, 0.05  # seconds


def patiently(act: Callable[[], T]) -> T:
    """Rename or delete something; on Windows, again for a while if another program has it open."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            return act()
        except PermissionError:
            if not names.WINDOWS or time.monotonic() >= until:
                raise
        time.sleep(_PAUSE)


def remove(path: Path) -> None:
    """Delete a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        patiently(lambda: shutil.rmtree(path))
    else:
        patiently(lambda: path.unlink(missing_ok=True))


def clear_away(path: Path) -> None:
    """Delete what nobody needs; what another program has open is left, and that is said."""
    try:
        remove(path)
    except PermissionError:
        if not names.WINDOWS:
            raise
        _log.warning("%s: is open in another program; delete it when that is closed", path)


def forget(path: Path) -> None:
    """Delete a file, unless it is open on Windows: whoever comes to its folder next will."""
    try:
        path.unlink(missing_ok=True)
    except PermissionError:
        if not names.WINDOWS:
            raise


def why_not(path: Path, error: OSError) -> str:
    """Say why a file could not be put in its place."""
    if names.WINDOWS and isinstance(error, PermissionError) and os.path.lexists(path):
        return "another program has it open; close it there, and run the same again"
    return str(error.strerror or error)
