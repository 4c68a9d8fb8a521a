"""Keep freed memory instead of returning it to the kernel, which would zero it again each time."""

import ctypes
import sys
from contextlib import suppress

# Numbers of glibc's malloc.h. A forward pass frees and takes the same large blocks over and over;
# the page faults of handing them back cost up to as much as the arithmetic.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
LARGEST = 2**31 - 1
TOP_PAD = 64 << 20


def keep_freed_memory() -> bool:
    """Ask glibc to keep freed memory; return False where unsupported. Results do not change."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # a C library other than glibc
        return False
    return all(
        mallopt(option, value)
        for option, value in (
            (M_MMAP_THRESHOLD, LARGEST),
            (M_TRIM_THRESHOLD, LARGEST),
            (M_TOP_PAD, TOP_PAD),
        )
    )


def give_back_freed_memory() -> None:
    """Return what was freed to the kernel after all, where that is supported.

    Between kinds of work: each thread frees into a heap of its own, which no other can use.
    """
    if sys.platform.startswith("linux"):
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
