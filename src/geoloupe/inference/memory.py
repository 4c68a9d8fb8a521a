"""How much memory something took at most, and how much there is."""

import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_UNKNOWN = 4 * 10**9  # bytes that a machine has at least which does not say
_CONTAINER = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    ),
)


class PeakMemory:
    """In a `with` statement: bytes of peak memory above the start, on the device that computes."""

    def __init__(self, device: Any) -> None:
        self.device = device
        self.peak = 0
        self._on_gpu = device is not None and device.type == "cuda"
        self._start = 0

    def __enter__(self) -> Self:
        if self._on_gpu:
            import torch

            torch.cuda.reset_peak_memory_stats(self.device)
            self._start = torch.cuda.memory_allocated(self.device)
        else:
            with suppress(OSError):  # Linux lets a process forget its peak
                Path("/proc/self/clear_refs").write_text("5")
            self._start = _resident("VmRSS")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._on_gpu:
            import torch

            self.peak = torch.cuda.max_memory_allocated(self.device) - self._start
        else:
            self.peak = max(_resident("VmHWM") - self._start, 0)


def peak_of(work: Callable[[], object]) -> int:
    """Give the bytes by which this process grew at most while it did something."""
    with PeakMemory(None) as memory:
        work()
    return memory.peak


def available() -> int:
    """Give the bytes that this process could still take: of the machine, or of its container."""
    free = _machine_free()
    for limit, used in _CONTAINER:
        with suppress(OSError, ValueError):
            free = min(free, int(Path(limit).read_text()) - int(Path(used).read_text()))
    return max(free, 0)


def parse_size(text: str) -> int:
    """Read a number of bytes such as 2GB, 500 MB or 3e9."""
    found = re.fullmatch(r"\s*([0-9.eE+]+)\s*([kKmMgGtT]?)(i?)[bB]?\s*", text)
    try:
        number = float(found[1]) if found else -1.0
    except ValueError:
        number = -1.0
    if found is None or not 0 < number < 1e30:
        raise ValueError(f"memory is a size such as 2GB, not {text!r}")
    power = " kmgt".index(found[2].lower() or " ")
    return int(number * (1024 if found[3] else 1000) ** power)


def _machine_free() -> int:
    with suppress(OSError):
        found = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text())
        if found:
            return int(found[1]) * 1024
    with suppress(AttributeError, ValueError, OSError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    return _UNKNOWN


def _resident(field: str) -> int:
    """Read a size from Linux's account of this process, elsewhere its peak so far, in bytes."""
    status = Path("/proc/self/status")
    if status.exists() and (found := re.search(rf"{field}:\s+(\d+) kB", status.read_text())):
        return int(found[1]) * 1024
    try:
        import resource
    except ImportError:  # Windows: no account that Python's own library can read
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
