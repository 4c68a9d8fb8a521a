"""How much white noise the bands of an image hold, measured where optics hardly pass anything."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from geoloupe.imagery.image import Image

# A difference of the fourth order, along both axes: it sees the checks of neighbouring pixels,
# of which a sensor passes the square of its MTF. Of white noise it keeps the deviation.
_CHECKS = np.array([1.0, -4.0, 6.0, -4.0, 1.0]) / math.sqrt(70)
_QUIET_SHARE = 0.4  # of the responses that are smaller, so that a scene's own edges do not count
_NORMAL = 0.5244  # of deviations, below which that share of a normal distribution's sizes lies
_MIN_RESPONSES = 64  # responses, or nothing is measured


def noise_level(image: Image) -> NDArray[np.float64]:
    """Return the deviation (B,) of each band's noise in unit values; NaN where too little is there.

    What the type's steps add is counted: no image has less.
    """
    unit = image.in_unit().values.astype(np.float64)
    along = ndimage.correlate1d(unit, _CHECKS, axis=1, mode="constant", cval=np.nan)
    sizes = np.abs(ndimage.correlate1d(along, _CHECKS, axis=2, mode="constant", cval=np.nan))
    found = np.full(len(unit), np.nan)
    for band, plane in enumerate(sizes):
        known = plane[np.isfinite(plane)]
        if known.size >= _MIN_RESPONSES:
            found[band] = np.quantile(known, _QUIET_SHARE) / _NORMAL
    return np.fmax(found, _steps(image))


def _steps(image: Image) -> NDArray[np.float64]:
    """Return the deviation (B,) that rounding to the stored type leaves, in unit values."""
    radiometry, count = image.radiometry, len(image.bands)
    if np.dtype(radiometry.dtype).kind == "f":
        return np.full(count, np.nan)
    low, high = (np.broadcast_to(side, count) for side in (radiometry.low, radiometry.high))
    return np.asarray(1 / (high - low) / math.sqrt(12), np.float64)
