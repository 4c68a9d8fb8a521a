"""The folder of unfinished work on a result: how it appears, who owns it, how it goes.

It lies beside the result and holds `job.json`, which says what is being made. It appears whole, by
being renamed, and goes by being renamed before anything in it is deleted. So a folder of that name
without a `job.json` is a ruin, and nothing in it is trusted.
"""

import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from geoloupe.errors import GeoloupeError, InputError, RunError
from geoloupe.scenes.identity import JobIdentity
from geoloupe.storage.beside import BESIDE, LAYERS
from geoloupe.storage.lock import lock_of, locked
from geoloupe.storage.moving import patiently
from geoloupe.storage.publish import publish_texts, published

FACTS = "job.json"
BLOCKS = "blocks"
_MAX_NAME_LENGTH = 150
# Names under which a folder is never taken up: not there yet, or no longer there.
_ASIDE = re.compile(r"\.[0-9a-f]{8}\.(new|old)")
# What a ruin may hold; NFS keeps what is open under a name of its own.
_OURS = re.compile(
    rf"(pixels|{'|'.join(LAYERS)}|overview\d+)(\.mask)?\.(raw|vrt)(\.aux\.xml)?|{BLOCKS}"
    rf"|published({'|'.join(BESIDE)})?"
    r"|\..+\.part(\..+)?|\.nfs.+"
)


def work_folder(target: Path) -> Path:
    """Return where the work on a result lies."""
    name = target.name
    if not name:
        raise InputError(f"{target}: is a folder; name a file in it")
    if (
        len(name) > _MAX_NAME_LENGTH
    ):  # a file name's length is limited, and others must not be mistaken for it
        name = name[:_MAX_NAME_LENGTH] + hashlib.sha256(name.encode()).hexdigest()[:8]
    return target.with_name(f".{name}.work")


def begin(target: Path, identity: JobIdentity) -> JobIdentity:
    """Make the folder unless it exists; return what is made in it, which may be other work."""
    folder = work_folder(target)
    refuse_links(folder)
    fresh = _aside(folder, "new")
    try:
        if not (folder / FACTS).exists():
            fresh.mkdir()
            text = replace(identity, id=secrets.token_hex(8)).to_json()
            publish_texts(fresh, {FACTS: text})
            _appear(fresh, folder)
    except OSError as error:
        raise RunError(f"{folder}: cannot be created ({error.strerror})") from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return read_job(target)


def _appear(fresh: Path, folder: Path) -> None:
    try:
        patiently(lambda: None if (folder / FACTS).exists() else fresh.rename(folder))
    except OSError:  # of processes that start together, one is first and the others join it
        if not os.path.lexists(folder):
            raise
        if not (folder / FACTS).exists():
            raise InputError(f"{folder}: is in the way of unfinished work; move it away") from None


def read_job(target: Path) -> JobIdentity:
    """Read what is being made; raise InputError for a folder that does not say."""
    folder = work_folder(target)
    refuse_links(folder)
    path = folder / FACTS
    try:
        return JobIdentity.from_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{target}: has no unfinished work") from None
    except ValidationError:
        raise InputError(f"{path}: does not describe a job; delete {folder}") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: is damaged; delete {folder} ({error})") from None


def group_before(target: Path) -> int | None:
    """Return how an unfinished run groups its tiles, which may have had more memory, or less."""
    try:
        group = read_job(target).group
    except InputError:
        return None
    return group if group > 0 else None


@contextmanager
def held(folder: Path, *, alone: bool, gone: str | None = None) -> Iterator[bool]:
    """Keep other processes out, or if not `alone`, only those that need to be alone.

    Yields whether that is certain: not every disk can lock.
    """
    busy = f"{folder}: another process is working on it now"
    with locked(folder, shared=not alone, busy=busy, gone=gone) as sure:
        yield sure


def discard(folder: Path) -> None:
    """Move a folder away at once, then delete its content."""
    shutil.rmtree(_taken_away(folder), ignore_errors=True)


def _taken_away(folder: Path) -> Path:
    """Rename a folder; return its new name, under which nobody takes it for work."""
    away = _aside(folder, "old")
    try:
        return patiently(lambda: folder.rename(away))
    except OSError:  # Windows renames no folder with an open file in it; a ruin is no work either
        with suppress(OSError):
            (folder / FACTS).unlink(missing_ok=True)
        return folder


def sweep(target: Path) -> None:
    """Delete useless leftovers of killed runs, unless others work on the result now."""
    folder = work_folder(target)
    refuse_links(folder)
    with suppress(OSError):
        done = target.exists() and not folder.exists()
        if not _rubbish(folder, target) and not (done and lock_of(folder).exists()):
            return
        rubbish = []
        with suppress(GeoloupeError), held(folder, alone=True) as sure:
            for place in _rubbish(folder, target):
                if sure or place.suffix != ".new":  # which others may be making
                    rubbish.append(_taken_away(place) if place == folder else place)
        for place in rubbish:  # which takes time, and nobody needs to wait for it
            shutil.rmtree(place, ignore_errors=True)


def refuse_links(folder: Path) -> None:
    """Refuse a work folder with links in it, through which files elsewhere would be written."""
    try:
        for place in (folder, folder / BLOCKS):
            _refuse_link(place)
            if place.is_dir():
                with os.scandir(place) as entries:
                    for link in (entry for entry in entries if entry.is_symlink()):
                        _refuse_link(Path(link.path))
    except FileNotFoundError:  # gone between two looks
        return
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror})") from None


def _refuse_link(path: Path) -> None:
    if path.is_symlink():
        raise InputError(
            f"{path}: is a link, and nothing is written through links; delete it, and find out who "
            "made it"
        )


def _rubbish(folder: Path, target: Path) -> list[Path]:
    """List folders half made or half deleted, and one whose result exists."""
    with os.scandir(folder.parent) as entries:
        names = [entry.name for entry in entries if entry.name.startswith(folder.name)]
    rests = [name for name in names if _ASIDE.fullmatch(name, len(folder.name))]
    rubbish = [folder.with_name(name) for name in rests]
    if folder.is_dir() and (_ruined(folder) or published(target, folder)):
        rubbish.append(folder)
    return rubbish


def _ruined(folder: Path) -> bool:
    """Return whether only part of a folder of ours is left."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries]
    return FACTS not in names and all(_OURS.fullmatch(name) for name in names)


def _aside(folder: Path, state: str) -> Path:
    return folder.with_name(f"{folder.name}.{secrets.token_hex(4)}.{state}")
