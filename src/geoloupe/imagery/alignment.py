"""Where the pixels of a coarse image lie on a finer one, and maps between the two along an axis.

Factors need not be whole, and the grids need not share a corner: a panchromatic band often lies
half a pixel off. Beyond the ends of either image its mirror image goes on.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from geoloupe.imagery.banded import Banded
from geoloupe.imagery.optics import sensor_weights
from geoloupe.imagery.resize import cubic, mirrored

_TAPS = np.arange(-1, 3)  # of cubic interpolation, about the coarse pixel before a point


@dataclass(frozen=True, kw_only=True)
class Axis:
    """Rows or columns: coarse pixel 0 begins `offset` fine pixels after fine pixel 0 does."""

    ratio: float  # fine pixels a coarse one
    offset: float = 0.0


@lru_cache(maxsize=256)
def observation(axis: Axis, gain: float, *, coarse: int, fine: int) -> Banded:
    """Map `fine` pixels to what `coarse` pixels of a sensor see that passes `gain` at Nyquist."""
    centres = (np.arange(coarse, dtype=np.float64) + 0.5) * axis.ratio + axis.offset - 0.5
    position, weights = sensor_weights(centres, gain, axis.ratio)
    return Banded(weights=weights, index=mirrored(position, fine))


@lru_cache(maxsize=256)
def interpolation(axis: Axis, *, coarse: int, fine: int) -> Banded:
    """Map `coarse` pixels to `fine` ones by cubic convolution."""
    centres = (np.arange(fine) + 0.5 - axis.offset) / axis.ratio - 0.5
    position = np.floor(centres).astype(np.int64)[:, None] + _TAPS
    weights = cubic(centres[:, None] - position)
    weights /= weights.sum(axis=1, keepdims=True)
    return Banded(weights=weights, index=mirrored(position, coarse))


@lru_cache(maxsize=256)
def inverse(axis: Axis, gain: float, *, coarse: int) -> Banded:
    """Map `coarse` pixels so that, interpolated and observed, they are nearly as before."""
    taps = _inverse_taps(axis.ratio, gain)
    reach = len(taps) // 2
    position = np.arange(coarse)[:, None] + np.arange(-reach, reach + 1)
    return Banded(weights=np.broadcast_to(taps, position.shape), index=mirrored(position, coarse))


@lru_cache(maxsize=64)
def blur(axis: Axis, gain: float, *, length: int) -> Banded:
    """Map `length` coarse pixels as a sensor sees them whose pixels are `ratio` times as large."""
    centres = np.arange(length, dtype=np.float64)
    position, weights = sensor_weights(centres, gain, axis.ratio)
    return Banded(weights=weights, index=mirrored(position, length))


def reach(axis: Axis, gain: float) -> int:
    """Return how many coarse pixels around a pixel matter to being observed and corrected."""
    blur = sensor_weights(np.zeros(1), gain, axis.ratio)[0].shape[1]
    return -(-blur // 2 // int(axis.ratio)) + len(_inverse_taps(axis.ratio, gain)) // 2 + 3


_PROBE_LENGTH = 96  # coarse pixels of the axis on which the inverse is found
_MAX_TAPS = 12  # of its taps on each side
_MIN_TAP = 2e-3  # taps that are left out, in shares of one


@lru_cache(maxsize=256)
def _inverse_taps(ratio: float, gain: float) -> np.ndarray:
    """Invert interpolation followed by observation (taps,): their product falls off quickly."""
    axis, fine = Axis(ratio=ratio), round(_PROBE_LENGTH * ratio)
    up = interpolation(axis, coarse=_PROBE_LENGTH, fine=fine).rows(np.eye(_PROBE_LENGTH))
    both = observation(axis, gain, coarse=_PROBE_LENGTH, fine=fine).rows(up)
    middle = _PROBE_LENGTH // 2
    row = np.linalg.inv(both)[middle]
    sides = (
        row[middle + 1 : middle + _MAX_TAPS + 1] + row[middle - 1 : middle - _MAX_TAPS - 1 : -1]
    ) / 2
    count = next((n for n, tap in enumerate(sides) if abs(tap) < _MIN_TAP), _MAX_TAPS)
    taps = np.concatenate([sides[:count][::-1], [row[middle]], sides[:count]])
    return taps / taps.sum()  # what does not vary comes out as it is
