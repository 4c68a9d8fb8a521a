"""The first bytes of files, on disk or in a .zip, by GDAL's names."""

import os
import zipfile
from functools import lru_cache
from pathlib import Path

_HEAD = 4096


def read_head(name: str) -> bytes | None:
    """Read the first bytes of a file, or of one in a .zip by GDAL's name; None if missing."""
    try:
        if not name.startswith("/vsizip/"):
            if not os.path.isfile(name):
                return None
            with open(name, "rb") as file:
                return file.read(_HEAD)
        archive, member = _in_zip(name)
        members = _members(archive, os.stat(archive).st_mtime_ns) if archive else {}
        if member not in members:
            return None
        with zipfile.ZipFile(archive) as unpacked, unpacked.open(members[member]) as inside:
            return inside.read(_HEAD)
    except (OSError, RuntimeError, ValueError, NotImplementedError, zipfile.BadZipFile, EOFError):
        return None  # an unreadable file leads nowhere; GDAL reports it next


def _in_zip(name: str) -> tuple[str, str]:
    """Return the archive and the member in it, or "" where there is no archive."""
    path = Path(name.removeprefix("/vsizip/").replace("{", "").replace("}", ""))
    for parent in path.parents:
        if parent.is_file():
            return str(parent), path.relative_to(parent).as_posix()
    return "", ""


@lru_cache(maxsize=4)
def _members(archive: str, _changed: int) -> dict[str, str]:
    """List an archive's members by GDAL's names."""
    with zipfile.ZipFile(archive) as unpacked:
        return {name.replace("\\", "/").lstrip("/"): name for name in unpacked.namelist()}
