"""The resampling weights of MATLAB's imresize for whole factors, computed in float64.

A whole factor needs one small filter per output phase, the same for all pixels: `up_taps` and
`down_taps` give it, and whoever resizes applies it with half-sample symmetric borders.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray


def cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keys' cubic kernel with a = -0.5, the one MATLAB calls bicubic."""
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


@cache
def up_taps(scale: int) -> tuple[NDArray[np.float64], int]:
    """Weights (scale, taps) of each output phase and the offset of the first tap, for xscale."""
    centre = (np.arange(scale) + 0.5) / scale - 0.5
    first = int(np.floor(centre.min())) - 1
    position = np.arange(first, int(np.floor(centre.max())) + 3)
    weights = cubic(centre[:, None] - position[None, :])
    return weights / weights.sum(axis=1, keepdims=True), first


@cache
def down_taps(scale: int) -> tuple[NDArray[np.float64], int]:
    """Weights (taps,) of every output pixel and the first tap's offset, antialiased, for /scale."""
    centre = (scale - 1) / 2
    first = int(np.floor(centre - 2 * scale)) + 1
    position = np.arange(first, int(np.ceil(centre + 2 * scale)))
    weights = cubic((position - centre) / scale)
    return weights / weights.sum(), first


def symmetric_index(length: int, before: int, after: int) -> NDArray[np.int64]:
    """Indices into `length` pixels that extend them by mirrored copies, edge pixel repeated."""
    position = np.arange(-before, length + after) % (2 * length)
    return np.minimum(position, 2 * length - 1 - position)
