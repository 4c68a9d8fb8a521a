"""How much memory this process may still take, and how much it holds and held.

Whoever decides by memory (how many blocks at once, whether an archive may be unpacked) asks here.
A machine's own figure is not enough: in a container it is many times what the kernel allows, and a
process that takes more is killed without a word.
"""

import os
import re
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from geoloupe.system.account import held

_ROOT = Path("/")
_UNKNOWN = 4 * 10**9  # bytes that a machine has at least which does not say


class _Account(NamedTuple):
    """The files in which a version of cgroups keeps account of memory."""

    limits: tuple[str, ...]
    used: str
    cached: tuple[str, str]  # pages of files that nobody, or hardly anybody, looks at; then others


_VERSIONS = {
    "cgroup2": _Account(
        ("memory.max", "memory.high"), "memory.current", ("inactive_file", "active_file")
    ),
    "cgroup": _Account(
        ("memory.limit_in_bytes",),
        "memory.usage_in_bytes",
        ("total_inactive_file", "total_active_file"),
    ),
}
# What `ulimit` bounds, by its name in /proc/self/limits, and how much of it is taken.
_OWN_LIMITS = {"Max address space": "VmSize", "Max data size": "VmData"}


def available(root: Path = _ROOT) -> int:
    """Return the bytes that this process could still take: the least that anything leaves it.

    The machine, every container around the process, and its own limits are asked; `root` is where
    the system's /proc is found.
    """
    return max(min([_machine(root), *_containers(root), *_own(root)]), 0)


def resident() -> int:
    """Return the bytes of memory that this process holds now; where unknown, held at most."""
    other = held()
    return _account("VmRSS") if other is None else other.now


def resident_peak() -> int:
    """Return the most bytes of memory that this process has held, since that was forgotten last."""
    other = held()
    return _account("VmHWM") if other is None else other.most


def forget_peak() -> bool:
    """Let the peak start from what is held now; return whether the system can: Linux alone."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def _machine(root: Path) -> int:
    """Return what the whole machine has free."""
    if found := re.search(r"MemAvailable:\s+(\d+) kB", _text(root / "proc/meminfo")):
        return int(found[1]) * 1024
    if sys.platform == "win32":
        import ctypes

        # MEMORYSTATUSEX: its own length and a percentage, then seven sizes, free memory the second.
        fields = struct.Struct("<II7Q")
        status = ctypes.create_string_buffer(fields.pack(fields.size, *[0] * 8), fields.size)
        if ctypes.windll.kernel32.GlobalMemoryStatusEx(status):
            return int(fields.unpack(status.raw)[3])
    with suppress(AttributeError, ValueError, OSError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    return _UNKNOWN


def _containers(root: Path) -> Iterator[int]:
    """List what each cgroup around this process leaves it, from the innermost outwards."""
    mounts = _mounts(root)
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        version = "cgroup" if controllers else "cgroup2"
        if version in mounts and (not controllers or "memory" in controllers.split(",")):
            top, place = mounts[version]
            yield from _left(_VERSIONS[version], root / place.lstrip("/"), _below(path, top))


def _mounts(root: Path) -> dict[str, tuple[str, str]]:
    """Find where cgroups are mounted, and which of them is seen there."""
    found = {}
    for line in _text(root / "proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = (*after.split(" ", 2), "", "")[:3]
        if kind in _VERSIONS and (kind == "cgroup2" or "memory" in options.split(",")):
            top, place = before.split(" ")[3:5]
            found[kind] = (top, place)
    return found


def _below(path: str, top: str) -> Path:
    """Return where a cgroup lies below the one that is mounted; outside of it, that one must do."""
    place, seen = Path(path), Path(top)
    inside = place.is_relative_to(seen) and ".." not in place.parts
    return place.relative_to(seen) if inside else Path()


def _left(account: _Account, top: Path, below: Path) -> Iterator[int]:
    """List what a cgroup and those around it leave; one that is not there says nothing."""
    for place in (below, *below.parents):
        folder = top / place
        limits = [int(text) for name in account.limits if (text := _word(folder / name)).isdigit()]
        used = _word(folder / account.used)
        if limits and used.isdigit():
            yield min(limits) - int(used) + _cached(_text(folder / "memory.stat"), account)


def _cached(stat: str, account: _Account) -> int:
    """Return how much of what is used are pages of files that the kernel would give up.

    Of those in use, half: they can be read again, but a program without its own code crawls.
    """
    idle, busy = (
        int(found[1]) if (found := re.search(rf"^{name} (\d+)$", stat, re.MULTILINE)) else 0
        for name in account.cached
    )
    return idle + busy // 2


def _own(root: Path) -> Iterator[int]:
    """List what the process's own limits leave."""
    limits = _text(root / "proc/self/limits")
    for name, field in _OWN_LIMITS.items():
        found = re.search(rf"^{name}\s+(\d+)", limits, re.MULTILINE)
        if found:
            yield int(found[1]) - _account(field, root)


def _account(field: str, root: Path = _ROOT) -> int:
    """Read a size from Linux's account of this process, elsewhere its peak so far, in bytes."""
    status = _text(root / "proc/self/status")
    if found := re.search(rf"{field}:\s+(\d+) kB", status):
        return int(found[1]) * 1024
    try:
        import resource
    except ImportError:  # Windows, which did not answer
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _word(path: Path) -> str:
    return _text(path).strip()


def _text(path: Path) -> str:
    """Read one of the kernel's files, or nothing where there is none."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
