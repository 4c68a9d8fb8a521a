"""The first bytes of files, on disk or in an archive, by GDAL's names."""

import os
import zipfile
from functools import lru_cache
from pathlib import Path

from geoloupe.errors import InputError
from geoloupe.storage.tars import heads_in

_HEAD = 4096
_ZIP, _TAR = "/vsizip/", "/vsitar/"


def read_head(name: str) -> bytes | None:
    """Read the first bytes of a file, or of one in an archive by GDAL's name; None if missing."""
    try:
        if name.startswith(_TAR):
            archive, member = _inside(name, _TAR)
            return heads_in(archive).get(member) if archive else None
        if not name.startswith(_ZIP):
            if not os.path.isfile(name):
                return None
            with open(name, "rb") as file:
                return file.read(_HEAD)
        archive, member = _inside(name, _ZIP)
        members = _members(archive, os.stat(archive).st_mtime_ns) if archive else {}
        if member not in members:
            return None
        with zipfile.ZipFile(archive) as unpacked, unpacked.open(members[member]) as inside:
            return inside.read(_HEAD)
    except (
        *(OSError, RuntimeError, ValueError, NotImplementedError, zipfile.BadZipFile, EOFError),
        InputError,
    ):
        return None  # an unreadable file leads nowhere; GDAL reports it next


def _inside(name: str, prefix: str) -> tuple[str, str]:
    """Return the archive and the member in it, or "" where there is no archive."""
    path = Path(name.removeprefix(prefix).replace("{", "").replace("}", ""))
    for parent in path.parents:
        if parent.is_file():
            return str(parent), path.relative_to(parent).as_posix()
    return "", ""


@lru_cache(maxsize=4)
def _members(archive: str, _changed: int) -> dict[str, str]:
    """List an archive's members by GDAL's names."""
    with zipfile.ZipFile(archive) as unpacked:
        return {name.replace("\\", "/").lstrip("/"): name for name in unpacked.namelist()}
