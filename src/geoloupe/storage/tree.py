"""An archive as its users have it, unpacked or zipped, as one tree of files."""

import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from geoloupe.errors import InputError
from geoloupe.storage.sizes import size_text
from geoloupe.system.memory import available

# What operating systems leave in folders and archives.
_LITTER = ("thumbs.db", "desktop.ini")
_PACKED = (".rar", ".7z", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".001")
# What reading a file of a damaged, encrypted or unusual zip raises.
_DAMAGE = (OSError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError)


@dataclass(frozen=True, kw_only=True)
class Tree:
    """Files by their path below the root, with "/" between folders."""

    root: Path
    names: tuple[str, ...]  # sorted
    zipped: bool = False
    single: bool = False  # the root is the file
    _members: Mapping[str, str] = field(default_factory=dict, repr=False)

    def place(self, name: str) -> str:
        """Return what a person calls the file, for messages."""
        return str(self.root) if self.single else f"{self.root}/{name}"

    def raster(self, name: str) -> str:
        """Return what GDAL opens the file by."""
        if not self.zipped:
            return self.place(name)
        return f"/vsizip/{self.root.resolve().as_posix()}/{name}"

    def open(self, name: str) -> BinaryIO:
        """Open the file for reading bytes anywhere in it."""
        try:
            if not self.zipped:
                return open(self.place(name), "rb")
            with zipfile.ZipFile(self.root) as archive:
                member = archive.getinfo(self._members[name])
                free = available()
                if member.file_size > free:  # zip reads no more than it says here
                    raise InputError(
                        f"{self.place(name)}: {size_text(member.file_size)} unpacked are more than "
                        f"the {size_text(free)} of memory that are free; unpack the archive and "
                        "name its folder"
                    )
                return BytesIO(archive.read(member))
        except _DAMAGE as error:
            raise InputError(f"{self.place(name)}: cannot be read ({error})") from None

    @cached_property
    def folders(self) -> dict[str, list[str]]:
        """The files of every folder that holds any, by the folder's path; the root is ""."""
        folders: dict[str, list[str]] = {}
        for name in self.names:
            folders.setdefault(name.rpartition("/")[0], []).append(name)
        return folders


def open_tree(path: Path) -> Tree:
    """List a folder, a .zip, or a single file."""
    if path.is_dir():
        found = (item for item in path.rglob("*") if item.is_file())
        names = (item.relative_to(path).as_posix() for item in found)
        tree = Tree(root=path, names=tuple(sorted(name for name in names if not _litter(name))))
        if not tree.names:
            raise InputError(f"{path}: is an empty folder")
        return tree
    if not path.is_file():
        raise InputError(f"{path}: no such file or folder")
    if path.suffix.lower() in _PACKED:
        raise InputError(f"{path}: unpack this archive first and name its folder")
    if path.suffix.lower() == ".zip":
        return _open_zip(path)
    return Tree(root=path, names=(path.name,), single=True)


def _open_zip(path: Path) -> Tree:
    try:
        with zipfile.ZipFile(path) as archive:
            members = {
                info.filename.replace("\\", "/"): info.filename
                for info in archive.infolist()
                if not info.is_dir() and not _litter(info.filename)
            }
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path}: is not a complete .zip archive; was its download cut short? ({error})"
        ) from None
    if not members:
        raise InputError(f"{path}: is an empty archive")
    return Tree(root=path, names=tuple(sorted(members)), zipped=True, _members=members)


def _litter(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return (
        parts[-1].lower() in _LITTER
        or "__MACOSX" in parts
        or any(part.startswith(".") for part in parts)
    )
