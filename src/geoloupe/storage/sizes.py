"""Numbers of bytes as people read and write them, and who may refuse them."""

import re
from collections.abc import Callable

from geoloupe.imagery.grid import Grid

Admit = Callable[[Grid, str], None]
"""Refuses a scene of this grid and type by raising, before any pixel of it is read."""

_UNITS = ("bytes", "KB", "MB", "GB", "TB", "PB")


def size_text(size: float) -> str:
    """Return a number of bytes in two or three digits."""
    for unit in _UNITS:
        if size < 999.5:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.0f} EB"


def any_size(grid: Grid, dtype: str) -> None:
    """Admit every scene."""


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
