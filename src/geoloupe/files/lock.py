"""Keeping other processes out of a piece of work; a lock dies with its holder."""

import errno
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import portalocker
from portalocker import LockFlags
from portalocker.exceptions import AlreadyLocked, LockException

from geoloupe.errors import InputError, RunError

_log = logging.getLogger(__name__)

_NO_LINKS = getattr(os, "O_NOFOLLOW", 0)  # Windows has none


@contextmanager
def locked(
    path: Path, *, shared: bool = False, busy: str, gone: str | None = None
) -> Iterator[bool]:
    """Hold a file or folder that marks work, alone or with others that share it.

    An InputError says `busy` where another process holds it, and `gone` where another has ended the
    work and deleted what marks it. Yields whether this keeps anybody out: not every disk can.
    """
    place = lock_of(path)
    kind = LockFlags.SHARED if shared else LockFlags.EXCLUSIVE
    descriptor, sure = _taken(place, kind | LockFlags.NON_BLOCKING, busy)
    try:
        if gone is not None and not path.exists():
            raise InputError(gone)
        yield sure
    finally:
        # Said aloud: a process that was forked meanwhile has the file open too.
        with suppress(LockException):
            portalocker.unlock(descriptor)
        os.close(descriptor)
        _discard(place)


def lock_of(path: Path) -> Path:
    """Name the lock of what marks work, which is there while it is held or when a holder died.

    It is a file of its own: what it stands for may be renamed or deleted meanwhile, and Windows
    lets nobody read a file that is locked.
    """
    return path.with_name(f".{path.name.removeprefix('.')}.lock")


def _taken(place: Path, flags: LockFlags, busy: str) -> tuple[int, bool]:
    """Return the descriptor of a lock, and whether it is held."""
    while True:
        descriptor = _opened(place)
        try:
            portalocker.lock(descriptor, flags)
        except AlreadyLocked:
            os.close(descriptor)
            raise InputError(busy) from None
        except LockException:
            _warn(place.parent)
            return descriptor, False
        if _is_at(descriptor, place):
            return descriptor, True
        os.close(descriptor)  # its last holder deleted it before it was locked


def _opened(place: Path) -> int:
    """Open a lock, which is made if need be; a lock of another user's may only be readable."""
    try:
        try:
            return os.open(place, os.O_RDWR | os.O_CREAT | _NO_LINKS, 0o666)
        except PermissionError as error:
            if not place.exists():
                raise error from None
            return os.open(place, os.O_RDONLY | _NO_LINKS)
    except OSError as error:
        if error.errno == errno.ELOOP or place.is_symlink():
            raise InputError(f"{place}: is a link, where a lock belongs; delete it") from None
        raise RunError(f"{place}: cannot be made ({error.strerror})") from None


def _discard(place: Path) -> None:
    """Delete a lock that nobody holds; whoever opened it before tells by its being gone."""
    with suppress(OSError):
        if os.name == "nt":  # deletes nothing that anyone has open
            place.unlink()
            return
        descriptor = os.open(place, os.O_RDONLY | _NO_LINKS)
        try:
            portalocker.lock(descriptor, LockFlags.EXCLUSIVE | LockFlags.NON_BLOCKING)
            if _is_at(descriptor, place):
                place.unlink()
        except AlreadyLocked:
            pass
        except LockException:
            place.unlink()
        finally:
            os.close(descriptor)


def _is_at(descriptor: int, place: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(place))
    except FileNotFoundError:
        return False


@cache
def _warn(folder: Path) -> None:
    """Say once that nobody can be kept out."""
    _log.warning(
        "%s: this disk cannot lock files, so a second process on the same work would not be "
        "noticed; see to it that there is none",
        folder,
    )
