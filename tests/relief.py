"""Values that wander smoothly, and a corner of them that holds something else."""

from typing import Any

import numpy as np


def relief(dtype: str, low: float, high: float, *, size: tuple[int, int] = (300, 200)) -> Any:
    """Make values (1,H,W) that wander from `low` to `high`."""
    row, column = np.mgrid[0 : size[0], 0 : size[1]]
    share = 0.5 + 0.3 * np.sin(row / 17) * np.cos(column / 13) + 0.2 * np.sin(row + 7.0 * column)
    return (low + (high - low) * share)[None].astype(dtype)


def slanted(values: Any, fill: float) -> Any:
    """Fill a corner, as scenes along an orbit have it."""
    _, height, width = values.shape
    row, column = np.mgrid[0:height, 0:width]
    filled = values.copy()
    filled[:, row / height + column / width < 0.5] = fill
    return filled
