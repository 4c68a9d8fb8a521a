"""Keeping other processes out of a folder of work; a lock dies with its holder."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from geoloupe.errors import InputError


@contextmanager
def locked(path: Path, *, shared: bool = False, busy: str, gone: str) -> Iterator[None]:
    """Hold a file that marks work, alone or with others that share it.

    An InputError says `busy` where another process holds it, and `gone` where another has ended the
    work and deleted the file.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    try:
        mark = path.open("rb")
    except FileNotFoundError:
        raise InputError(gone) from None
    with mark:
        with suppress(OSError):  # a file system that cannot lock: then nobody can be kept out
            try:
                fcntl.flock(mark, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InputError(busy) from None
        # Whoever held the lock before may have finished, and deleted what is locked.
        if not path.exists():
            raise InputError(gone)
        yield
