r"""What Windows makes of names: characters and words it keeps for itself, drives, other machines.

There a name with a colon is another stream of a file, `nul.tif` a device, a name that ends in a dot
another name, and `\\host\share` a machine that is asked, and told who asks, as soon as anything
looks there.
"""

import os
import re
import shlex
import sys
import unicodedata
from contextlib import suppress
from pathlib import Path, PurePath, PureWindowsPath

from geoloupe.errors import InputError

WINDOWS = os.name == "nt"
CASELESS = sys.platform in ("win32", "darwin")  # as their disks come: A.tif is a.tif
MOST = 259  # characters of a path, unless its administrator allowed more

_OURS = 90  # characters that the names of unfinished work beside a result add to its own
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])", re.I)
_KEPT = re.compile(r'[<>:"|?*\x00-\x1f]')


def refuse_name(path: PurePath) -> None:
    """Refuse a path that Windows cannot have or would take for something else."""
    if not WINDOWS:
        return
    place = PureWindowsPath(path)
    for part in place.parts[1 if place.anchor else 0 :]:
        if found := _KEPT.search(part):
            raise InputError(f"{path}: no name may hold {found[0]!r} on Windows; choose another")
        if _DEVICE.fullmatch(part.partition(".")[0].rstrip(" ")):
            raise InputError(f"{path}: {part} is a device on Windows; choose another name")
        if part.rstrip(". ") != part and part not in (".", ".."):
            raise InputError(
                f"{path}: Windows drops dots and spaces at the end of {part!r}; choose another name"
            )
    if len(os.path.abspath(path)) + _OURS > MOST and not _takes_long_names():
        raise InputError(
            f"{path}: is too long for Windows together with the unfinished work beside it; choose "
            f"a shorter folder or name, or allow paths of more than {MOST} characters in Windows"
        )


def elsewhere(name: str, *homes: str | Path) -> bool:
    r"""Return whether Windows would ask another machine or a device for a name, as \\host\share.

    What lies on the share of one of the `homes` is no further away than that.
    """
    if not WINDOWS or not name.replace("/", "\\").startswith("\\\\"):
        return False
    share = PureWindowsPath(name).drive.lower()
    return all(PureWindowsPath(home).drive.lower() != share for home in homes)


def without_drive(name: str) -> str:
    """Return a name without Windows' drive, as in C:scene.tif; a share is none."""
    drive = PureWindowsPath(name).drive if WINDOWS else ""
    return name[2:] if len(drive) == 2 else name


def alike(path: str | Path) -> str:
    """Return a path such that two are equal if this system takes one for the other."""
    text = os.path.abspath(path)
    return unicodedata.normalize("NFC", text).casefold() if CASELESS else text


def quoted(name: str) -> str:
    """Write a name as a word of this system's command line."""
    if WINDOWS:
        return f'"{name}"' if re.search(r"[\s&()^;,=]", name) else name
    return shlex.quote(name)


def _takes_long_names() -> bool:
    """Return whether this Windows, and the Python on it, take paths of any length."""
    if sys.platform == "win32":
        import ctypes

        with suppress(AttributeError, OSError):
            asked = ctypes.windll.ntdll.RtlAreLongPathsEnabled
            asked.restype = ctypes.c_ubyte
            return bool(asked())
    return False
