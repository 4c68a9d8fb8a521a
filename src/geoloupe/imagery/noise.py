"""How much white noise the bands of an image hold, measured where optics hardly pass anything."""

import math

import numpy as np
from numpy.typing import NDArray

from geoloupe.imagery.image import Image

# A difference of the fourth order, along both axes: it sees the checks of neighbouring pixels,
# of which a sensor passes the square of its MTF. Of white noise it keeps the deviation.
_CHECKS = (1, -4, 6, -4, 1)
_GAIN = 70  # of noise, by both: the sum of their squares
_QUIET_SHARE = 0.4  # of the responses that are smaller, so that a scene's own edges do not count
_NORMAL = 0.5244  # of deviations, below which that share of a normal distribution's sizes lies
_MIN_RESPONSES = 64  # responses, or nothing is measured


def noise_level(image: Image) -> NDArray[np.float64]:
    """Return the deviation (B,) of each band's noise in unit values; NaN where too little is there.

    What the type's steps add is counted: no image has less.
    """
    unit = image.in_unit().values.astype(np.float64)
    sizes = np.abs(_checked(_checked(unit, 1), 2)) / _GAIN
    found = np.full(len(unit), np.nan)
    for band, plane in enumerate(sizes):
        known = plane[np.isfinite(plane)]
        if known.size >= _MIN_RESPONSES:
            found[band] = np.quantile(known, _QUIET_SHARE) / _NORMAL
    return np.fmax(found, _steps(image))


def _checked(values: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Return the differences (B,H,W) along an axis, where all that they are of lies inside."""
    lines = np.moveaxis(values, axis, 0)
    count = max(len(lines) - len(_CHECKS) + 1, 0)
    parts = (lines[n : n + count] * check for n, check in enumerate(_CHECKS))
    return np.moveaxis(np.asarray(sum(parts)), 0, axis)


def _steps(image: Image) -> NDArray[np.float64]:
    """Return the deviation (B,) that rounding to the stored type leaves, in unit values."""
    radiometry, count = image.radiometry, len(image.bands)
    if np.dtype(radiometry.dtype).kind == "f":
        return np.full(count, np.nan)
    low, high = (np.broadcast_to(side, count) for side in (radiometry.low, radiometry.high))
    return np.asarray(1 / (high - low) / math.sqrt(12), np.float64)
