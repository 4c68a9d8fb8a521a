"""Files that are whole or absent: written beside their place, made durable, then renamed.

A Zarr store is a folder, and as whole or absent as a file.
"""

import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from geoloupe.errors import InputError, RunError
from geoloupe.storage.moving import clear_away, patiently, remove, why_not
from geoloupe.storage.names import refuse_name

_MARK = "published"  # in a folder of work: what became of it
_STORE = ".zarr"
_HEADS = ("zarr.json", ".zgroup", ".zarray", ".zmetadata")  # a Zarr store has one of them


@contextmanager
def publish(
    path: Path, *, overwrite: bool = False, folder: Path | None = None, layer: str = ""
) -> Iterator[Path]:
    """Return a new name in `folder` to write to; when all went well it becomes `path`.

    The folder is that of `path`, or one on the same disk that is deleted when a killed run ends;
    `layer` tells apart what several files of it became.
    Nothing remains of a failure, and a file that appeared meanwhile is replaced only if allowed.
    """
    check_target(path, overwrite=overwrite)
    name = f".{path.stem[:80]}.{secrets.token_hex(4)}.part{path.suffix}"
    part = (folder or path.parent) / name
    try:
        yield part
        try:
            _sync_all(part)
            if folder is not None:
                write_new(folder / f"{_MARK}{layer}", _stamp(part))
            _move(part, path, overwrite=overwrite)
            _sync(path.parent)
        except OSError as error:
            raise RunError(f"{path}: could not be written ({why_not(path, error)})") from None
    finally:
        clear_away(part)


def is_store(path: Path) -> bool:
    """Return whether a path names a Zarr store: a folder that is treated as a file."""
    return path.suffix.lower() == _STORE


def head_of(path: Path) -> Path:
    """Return the file that changes whenever a result does: itself, or the head of a store."""
    return path / _HEADS[0] if is_store(path) else path


def published(path: Path, folder: Path, layer: str = "") -> bool:
    """Return whether a file came from a folder of work whose run was killed just then."""
    try:
        return (folder / f"{_MARK}{layer}").read_text(encoding="utf-8") == _stamp(path)
    except (OSError, ValueError):
        return False


def write_new(path: Path, text: str) -> None:
    """Write a text into a new file; an old one, or a link, gives way and is not written through."""
    remove(path)
    with path.open("x", encoding="utf-8", newline="\n") as file:
        file.write(text)


def check_target(path: Path, *, overwrite: bool) -> None:
    """Refuse a path that cannot become a new file, before any work is done for it."""
    refuse_name(path)
    try:
        is_folder = path.is_dir()
    except OSError as error:
        raise InputError(f"{path}: cannot be a file's name ({error.strerror})") from None
    if is_folder and not is_store(path):
        raise InputError(f"{path}: is a folder; name a file in it")
    if is_folder and overwrite and not any((path / name).is_file() for name in _HEADS):
        raise InputError(f"{path}: is a folder but no Zarr store; it is not replaced, move it away")
    if os.path.lexists(path) and not overwrite:
        raise InputError(f"{path}: exists already; choose another name or overwrite=true")
    if not path.parent.is_dir():
        raise InputError(f"{path}: the folder {path.parent} does not exist; create it first")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise InputError(f"{path}: the folder {path.parent} cannot be written to")


def check_folder(folder: Path, names: Iterable[str], *, overwrite: bool) -> None:
    """Refuse a folder that cannot hold these new files, before any work is done for them."""
    for place in (folder, *folder.parents):
        if place.exists() or place.is_symlink():
            if not place.is_dir():
                raise InputError(f"{folder}: {place} is a file; name a folder")
            break
    taken = [name for name in names if (folder / name).exists()]
    if taken and not overwrite:
        raise InputError(
            f"{folder}: has a {taken[0]} already; add overwrite=true, or name another folder"
        )


def publish_texts(folder: Path, texts: Mapping[str, str], *, overwrite: bool = False) -> None:
    """Write texts by file name into a folder, which is made; each file is whole or absent."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot make this folder ({error.strerror})") from None
    for name, text in texts.items():
        with publish(folder / name, overwrite=overwrite) as part:
            try:
                part.write_text(text, encoding="utf-8", newline="\n")
            except OSError as error:
                raise RunError(
                    f"{folder / name}: could not be written ({error.strerror})"
                ) from None


def refuse_inputs(target: Path, *inputs: str | Path | None) -> None:
    """Refuse to write over what is read, or over a store that holds it, whatever is allowed."""
    if not target.exists():
        return
    for name in inputs:
        if name is None or not os.path.exists(name):
            continue
        around = Path(name).resolve().parents if target.is_dir() else ()
        if any(target.samefile(path) for path in (name, *around)):
            raise InputError(f"{target}: is an input of this very run; choose another name")


def _stamp(path: Path) -> str:
    """Name what a file keeps when it is renamed."""
    status = head_of(path).lstat()
    return f"{status.st_size} bytes of {status.st_mtime_ns}"


def _sync_all(path: Path) -> None:
    """Make a file, or a store with all that is in it, outlive a power cut."""
    if is_store(path):
        for folder, _, names in os.walk(path):
            for name in (*names, ""):
                _sync(Path(folder, name))
    else:
        _sync(path)


def _sync(path: Path) -> None:
    """Make a file's bytes, or a folder's names, outlive a power cut."""
    if os.name == "nt" and path.is_dir():
        return  # Windows offers no handle of a folder
    descriptor = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _move(part: Path, path: Path, *, overwrite: bool) -> None:
    if is_store(path):
        _move_store(part, path, overwrite=overwrite)
        return
    if overwrite:
        patiently(lambda: part.replace(path))
        return
    try:
        path.hardlink_to(part)  # unlike a rename, it cannot replace what another program just wrote
    except FileExistsError:
        raise _made_meanwhile(path) from None
    except OSError:  # a file system without hard links
        patiently(lambda: part.rename(path))


def _move_store(part: Path, path: Path, *, overwrite: bool) -> None:
    """Rename a folder; an old one steps aside for it, since no rename replaces a full folder."""
    aside = part.with_name(f"{part.name}.old")
    if os.path.lexists(path):
        if not overwrite:
            raise _made_meanwhile(path)
        patiently(lambda: path.rename(aside))
    try:
        patiently(lambda: part.rename(path))
    except OSError:
        if os.path.lexists(aside):
            patiently(lambda: aside.rename(path))
        raise
    finally:
        if os.path.lexists(path):
            clear_away(aside)


def _made_meanwhile(path: Path) -> InputError:
    return InputError(f"{path}: was made meanwhile; choose another name or overwrite=true")
