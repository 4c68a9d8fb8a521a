"""From many pixels to few: the ways to sample a blurred image."""

from fractions import Fraction
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from geoloupe.imagery.resize import imresize

Sampling = Literal["bicubic", "bicubic-torch", "bilinear", "nearest", "strided"]
"""bicubic, bilinear: MATLAB's, antialiased; bicubic-torch: PyTorch's, not antialiased; nearest:
MATLAB's; strided: one pixel of each block, next to its middle."""

REACH = 3  # LR pixels beyond a block that any of them reads, with room


def sample(values: NDArray[np.float64], scale: int, sampling: Sampling) -> NDArray[np.float64]:
    """Reduce (B,H*scale,W*scale) to (B,H,W)."""
    if sampling == "strided":
        return values[:, strides(scale), strides(scale)]
    return imresize(values, Fraction(1, scale), method=sampling)


def centre_offset(scale: int, sampling: Sampling) -> float:
    """How far a block's middle lies beyond the pixel that stands for it: 0 or 0.5."""
    if sampling != "strided":
        return 0.0
    return (scale - 1) / 2 - (scale - 1) // 2


def strides(scale: int) -> slice:
    """Return which rows, and which columns, "strided" keeps."""
    return slice((scale - 1) // 2, None, scale)


@cache
def passed(scale: int, sampling: Sampling) -> float:
    """Return what share of contrast a sampling alone passes at half the LR sampling rate."""
    if scale == 1 or sampling == "strided":
        return 1.0
    wave = np.cos(np.pi * ((np.arange(16 * scale) + 0.5) / scale - 0.5))
    seen = sample(np.broadcast_to(wave, (1, scale, len(wave))), scale, sampling)
    return float(np.abs(seen[0, 0, 4:-4]).mean())
