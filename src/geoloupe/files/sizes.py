"""Numbers of bytes: of this machine, and as a person reads them."""

import os


def size_text(size: float) -> str:
    """Say a number of bytes in two or three digits."""
    for unit in ("bytes", "KB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB" if size < 1000 else f"{size / 1000:.3g} TB"


def machine_memory() -> int:
    """Return the bytes of memory this machine has, or a number no file reaches if it won't say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not on Windows
        return 2**62
