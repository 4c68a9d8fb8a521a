"""Keeping other processes out of a piece of work; a lock dies with its holder."""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import portalocker
from portalocker import LockFlags
from portalocker.exceptions import AlreadyLocked, LockException

from geoloupe.errors import InputError, RunError
from geoloupe.storage import names
from geoloupe.storage.moving import patiently

_log = logging.getLogger(__name__)

_PATIENCE, _PAUSE = 3.0, 0.02  # seconds
_NO_LINKS = getattr(os, "O_NOFOLLOW", 0)  # Windows has none


@contextmanager
def locked(
    path: Path,
    *,
    shared: bool = False,
    busy: str,
    gone: str | None = None,
    patience: float = 0,
) -> Iterator[bool]:
    """Hold a file or folder that marks work, alone or with others that share it.

    An InputError says `busy` where another process holds it for longer than `patience` seconds, and
    `gone` where another has ended the work and deleted what marks it. Yields whether this keeps
    anybody out: not every disk can.
    """
    place = lock_of(path)
    descriptor, sure = _taken(place, shared, busy, _PATIENCE if shared else patience)
    try:
        if gone is not None and not path.exists():
            raise InputError(gone)
        yield sure
    finally:
        if not shared and not names.WINDOWS:
            _discard(place, descriptor)
        # Said aloud: a process that was forked meanwhile has the file open too.
        with suppress(LockException):
            portalocker.unlock(descriptor)
        os.close(descriptor)
        if not shared and names.WINDOWS:  # where what is open cannot be deleted
            with suppress(OSError):
                place.unlink()


def lock_of(path: Path) -> Path:
    """Name the lock of what marks work.

    It is a file of its own: what it stands for may be renamed or deleted meanwhile, and Windows
    lets nobody read a file that is locked. Who held it alone deletes it; a holder that was killed,
    and those that share, leave it to the next.
    """
    return path.with_name(f".{path.name.removeprefix('.')}.lock")


def _taken(place: Path, shared: bool, busy: str, patience: float) -> tuple[int, bool]:
    """Return the descriptor of a lock, and whether it is held."""
    flags = LockFlags.NON_BLOCKING | (LockFlags.SHARED if shared else LockFlags.EXCLUSIVE)
    # Of those that share, one may be alone for a moment, to clear away what killed runs left.
    until = time.monotonic() + patience
    while True:
        descriptor = _opened(place)
        try:
            portalocker.lock(descriptor, flags)
        except AlreadyLocked:
            os.close(descriptor)
            if time.monotonic() >= until:
                raise InputError(busy) from None
            time.sleep(_PAUSE)
            continue
        except LockException:
            _warn(place.parent)
            return descriptor, False
        if _is_at(descriptor, place):
            return descriptor, True
        os.close(descriptor)  # its last holder deleted it before it was locked


def _opened(place: Path) -> int:
    """Open a lock, which is made if need be; a lock of another user's may only be readable."""
    if place.is_symlink():
        raise InputError(f"{place}: is a link, where a lock belongs; delete it")
    try:
        return patiently(lambda: _descriptor(place))  # on Windows it may be going at this moment
    except OSError as error:
        raise RunError(f"{place}: cannot be made ({error.strerror})") from None


def _descriptor(place: Path) -> int:
    try:
        return os.open(place, os.O_RDWR | os.O_CREAT | _NO_LINKS, 0o666)
    except PermissionError:
        if not place.exists():
            raise
        return os.open(place, os.O_RDONLY | _NO_LINKS)


def _discard(place: Path, descriptor: int) -> None:
    """Delete a lock while it is held; whoever has opened it before tells by its being gone."""
    with suppress(OSError):
        if _is_at(descriptor, place):
            place.unlink()


def _is_at(descriptor: int, place: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(place))
    except (FileNotFoundError, PermissionError):  # the second is Windows, while it goes
        return False


@cache
def _warn(folder: Path) -> None:
    """Warn once that no other process can be kept out."""
    _log.warning(
        "%s: this disk cannot lock files, so a second process on the same work would not be "
        "noticed; see to it that there is none",
        folder,
    )
