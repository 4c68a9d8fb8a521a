"""How much memory this process holds and held at most, as macOS and Windows tell it."""

import ctypes
import struct
import sys
from contextlib import suppress
from typing import Any, NamedTuple

# PROCESS_MEMORY_COUNTERS: its length, page faults, then the most and the present working set first.
_COUNTERS = struct.Struct("<II8Q")
_THIS_PROCESS = -1
# mach_task_basic_info: sizes virtual, resident and resident at most; two times; two numbers.
_TASK_INFO = struct.Struct("<3Q6i")
_BASIC_INFO = 20


class Held(NamedTuple):
    """Bytes of memory."""

    now: int
    most: int


def held() -> Held | None:
    """Ask the system; None where it is Linux, which has its own files for that, or does not say."""
    with suppress(AttributeError, OSError, ValueError):
        if sys.platform == "win32":
            return _by_windows(ctypes.windll.kernel32)
        if sys.platform == "darwin":
            return _by_mach(ctypes.CDLL(None))
    return None


def _by_windows(kernel: Any) -> Held | None:
    counters = ctypes.create_string_buffer(_COUNTERS.pack(_COUNTERS.size, *[0] * 9), _COUNTERS.size)
    process = ctypes.c_void_p(_THIS_PROCESS)
    size = ctypes.c_uint32(_COUNTERS.size)
    if not kernel.K32GetProcessMemoryInfo(process, counters, size):
        return None
    most, now = _COUNTERS.unpack(counters.raw)[2:4]
    return Held(now, most)


def _by_mach(system: Any) -> Held | None:
    info = ctypes.create_string_buffer(_TASK_INFO.size)
    task = ctypes.c_uint32.in_dll(system, "mach_task_self_")
    count = ctypes.c_uint32(_TASK_INFO.size // 4)  # in numbers of four bytes
    if system.task_info(task, _BASIC_INFO, info, ctypes.byref(count)) != 0:
        return None
    _, now, most = _TASK_INFO.unpack(info.raw)[:3]
    return Held(now, most)
