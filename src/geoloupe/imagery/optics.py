"""How a sensor blurs: a Gaussian given by its contrast at the Nyquist frequency."""

import math

import numpy as np
from numpy.typing import NDArray

_REACH = 4  # sigmas on each side: what lies beyond is less than single precision holds


def sensor_sigma(gain: float, scale: float) -> float:
    """Return the sigma, in HR pixels, of the Gaussian that passes `gain` at half the LR rate."""
    return scale * math.sqrt(-2 * math.log(gain)) / math.pi


def sensor_weights(
    centres: NDArray[np.float64], gain: float, scale: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Sample that Gaussian around points of the HR axis: pixels and weights (points, taps)."""
    sigma = sensor_sigma(gain, scale)
    half = math.ceil(_REACH * sigma)
    position = np.floor(centres).astype(np.int64)[:, None] + np.arange(-half, half + 2)
    away = np.abs(position - centres[:, None])
    weights = np.where(away < half + 0.75, np.exp(-0.5 * (away / sigma) ** 2), 0)  # symmetric
    return position, weights / weights.sum(axis=1, keepdims=True)
