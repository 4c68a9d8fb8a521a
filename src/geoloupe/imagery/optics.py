"""How a sensor blurs: a Gaussian told by the contrast that is left at its Nyquist frequency."""

import math

import numpy as np
from numpy.typing import NDArray

_REACH = 4  # sigmas on each side: what lies beyond is less than single precision holds


def sensor_sigma(gain: float, scale: int) -> float:
    """Return the sigma, in HR pixels, of the Gaussian that passes `gain` at half the LR rate."""
    return scale * math.sqrt(-2 * math.log(gain)) / math.pi


def sensor_filter(gain: float, scale: int) -> NDArray[np.float64]:
    """Sample that Gaussian along one axis (taps,), centred on the middle of an LR pixel.

    Its length is even where the scale is: then the middle lies between two HR pixels.
    """
    sigma = sensor_sigma(gain, scale)
    half = math.ceil(_REACH * sigma)
    away = np.arange(-half, half + 1) if scale % 2 else np.arange(-half, half + 2) - 0.5
    weights = np.exp(-0.5 * (away / sigma) ** 2)
    return weights / weights.sum()
