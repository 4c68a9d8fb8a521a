"""Everything a result depends on, so that unfinished work only continues unchanged."""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from pydantic import JsonValue, TypeAdapter

# Other programs write statistics and overviews there during a run; no result needs them.
_SIDECARS = (".aux.xml", ".ovr")
_VIRTUAL = re.compile(r"^(/vsi[a-z]+/)+")


@dataclass(frozen=True, kw_only=True)
class Call:
    """The call that began the work, with names another process can open."""

    verb: str
    path: str
    model: str | None  # None: a model that only the starting program has
    guide: str | None


@dataclass(frozen=True, kw_only=True)
class JobIdentity:
    """Everything that the pixels of a result depend on."""

    version: str
    scene: Mapping[str, str]  # files with their size and modification time
    guide: Mapping[str, str]
    settings: Mapping[str, JsonValue]
    model: Mapping[str, str]
    device: str
    tiles: str  # the plan's digest
    group: int  # tiles along a side of a block
    tags: Mapping[str, str]
    beside: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # tags of layers
    blocks: int
    call: Call
    id: str = ""  # random: a leftover block fits no other work

    @cached_property
    def digest(self) -> str:
        """A name for exactly this work."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def to_json(self) -> str:
        """Return the text of a `job.json`."""
        return json.dumps(asdict(self), indent=2, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "JobIdentity":
        """Read the text of a `job.json`; a ValueError says what is wrong with it."""
        return TypeAdapter(cls).validate_python(json.loads(text))

    def changed(self, other: "JobIdentity", *, ignored: frozenset[str]) -> str | None:
        """Return the first field in which another identity differs; None if there is none."""
        one, two = asdict(self), asdict(other)
        return next((k for k in one if k not in {*ignored, "id"} and one[k] != two[k]), None)


def absolute(name: str | Path | None) -> str | None:
    """Name a file so that a process in another folder finds it; leave other names alone."""
    if name is None:
        return None
    return os.path.abspath(name) if os.path.exists(name) else str(name)


def identities(*names: str | Path) -> dict[str, str]:
    """Return size and modification time of files, by path."""
    return {file: facts for file, facts in map(_identity, names) if facts}


def _identity(name: str | Path) -> tuple[str, str]:
    """Find the file for a name, which may be an address or something in an archive."""
    path = Path(_VIRTUAL.sub("", str(name)))
    if path.name.endswith(_SIDECARS):
        return str(path), ""
    for file in (path, *path.parents):
        with suppress(OSError, ValueError):
            if file.is_file():
                status = file.stat()
                when = datetime.fromtimestamp(status.st_mtime, UTC).isoformat(" ", "milliseconds")
                return os.path.abspath(file), f"{status.st_size} bytes of {when}"
    return str(absolute(name)), "there"
