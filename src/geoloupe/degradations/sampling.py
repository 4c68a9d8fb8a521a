"""From many pixels to few: the ways to sample a blurred image."""

from fractions import Fraction
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
        first = (scale - 1) // 2
        return values[:, first::scale, first::scale]
    return imresize(values, Fraction(1, scale), method=sampling)


def centre_offset(scale: int, sampling: Sampling) -> float:
    """How far a block's middle lies beyond the pixel that stands for it: 0 or 0.5."""
    if sampling != "strided":
        return 0.0
    return (scale - 1) / 2 - (scale - 1) // 2
