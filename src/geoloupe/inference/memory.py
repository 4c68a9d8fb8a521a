"""The most memory that something took at once."""

import re
import resource
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class PeakMemory:
    """In a `with` statement: bytes of peak memory above the start, on the device that computes."""

    def __init__(self, device: Any) -> None:
        self.device = device
        self.peak = 0
        self._start = 0

    def __enter__(self) -> Self:
        if self.device.type == "cuda":
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
        if self.device.type == "cuda":
            import torch

            self.peak = torch.cuda.max_memory_allocated(self.device) - self._start
        else:
            self.peak = max(_resident("VmHWM") - self._start, 0)


def _resident(field: str) -> int:
    """Read a size from Linux's account of this process, elsewhere its peak so far, in bytes."""
    status = Path("/proc/self/status")
    if status.exists() and (found := re.search(rf"{field}:\s+(\d+) kB", status.read_text())):
        return int(found[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
