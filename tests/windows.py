"""A file system that minds open files as Windows does, on Linux: it knows what this process holds.

Renaming and deleting what is open, mapped, or a folder with such a file in it, is refused; so is
renaming onto it. Children are not looked at.
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from geoloupe.storage import moving, names

_MAPPED = re.compile(r"\S+ \S+ \S+ \S+ \S+ +(/.*)")


def held_files() -> Iterator[str]:
    """List the files that this process has open or mapped."""
    for entry in os.scandir("/proc/self/fd"):
        with suppress(OSError):
            yield os.readlink(entry.path)
    for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
        if found := _MAPPED.match(line):
            yield found[1]


class Minding:
    """What was refused, and the functions of `os` that refuse."""

    def __init__(self) -> None:
        self.refused: list[str] = []

    def refuse(self, path: Any, folder: int | None = None) -> None:
        """Refuse to move a file that is open, or a folder in which one is."""
        place = os.fspath(path)
        place = place.decode() if isinstance(place, bytes) else place
        if folder is not None:
            place = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), place)
        real = os.path.join(os.path.realpath(os.path.dirname(place)), os.path.basename(place))
        # A folder that is open only to list it does not count: Windows has no such handle.
        held = [each for each in held_files() if each == real or each.startswith(real + os.sep)]
        if [each for each in held if not os.path.isdir(each)]:
            self.refused.append(real)
            raise PermissionError(13, "The file is in use by another process", place)

    def moving(self, real: Callable[..., None], *, replaces: bool) -> Callable[..., None]:
        """Return a rename that refuses."""

        def move(source: Any, target: Any, **where: int | None) -> None:
            self.refuse(source, where.get("src_dir_fd"))
            if os.path.lexists(target):
                if not replaces or os.path.isdir(target):
                    raise FileExistsError(17, "The file exists already", os.fspath(target))
                self.refuse(target, where.get("dst_dir_fd"))
            real(source, target, **where)

        return move

    def deleting(self, real: Callable[..., None]) -> Callable[..., None]:
        """Return a deletion that refuses."""

        def delete(path: Any, *, dir_fd: int | None = None) -> None:
            self.refuse(path, dir_fd)
            real(path, dir_fd=dir_fd)

        return delete


@pytest.fixture
def minding(monkeypatch: pytest.MonkeyPatch) -> Minding:
    """Mind open files, and take this for Windows where it renames and deletes."""
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("open files are told by /proc")
    found = Minding()
    monkeypatch.setattr(os, "rename", found.moving(os.rename, replaces=False))
    monkeypatch.setattr(os, "replace", found.moving(os.replace, replaces=True))
    monkeypatch.setattr(os, "unlink", found.deleting(os.unlink))
    monkeypatch.setattr(os, "remove", found.deleting(os.remove))
    monkeypatch.setattr(names, "WINDOWS", True)
    monkeypatch.setattr(moving, "_PATIENCE", 0.2)
    return found
