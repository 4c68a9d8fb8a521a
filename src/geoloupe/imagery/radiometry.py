"""What stored numbers mean: which of them are 0 and 1 to a network, and which mean "no data"."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from geoloupe.imagery.wide_integers import is_wide, steps_from, steps_to

_REFLECTANCE = 10000.0  # surface reflectance 1.0 in Sentinel-2, Landsat and most uint16 products
_MAX_REFLECTANCE = (
    2.0  # clouds and glint exceed reflectance 1; a scene that exceeds this is something else
)

_FILL = 1e37  # beyond it lie what old programs fill with, and no measurement
_MAX_SPREADS_FROM_ZERO = (
    4.0  # spreads between zero and the nearest value: zero then says nothing of a scene
)
_MIN_RELATIVE_SPREAD = (
    2.0**-10
)  # spread against size: single precision tells fewer than 14 bits of it apart
_MIN_BULK_SHARE = 2.0**-10  # of the whole spread that the bulk of a scene takes at least
_MIN_RELATIVE_RANGE = (
    2.0**-40
)  # of the size of values that a range takes at least: doubles end at 2**-53
_RANGE_STEPS = 256  # parts of a range whose multiples its dark end is one of
_CACHE_VALUES = 2**17  # values that the caches of one core hold, with those made of them


@dataclass(frozen=True, kw_only=True)
class Radiometry:
    """A linear map from stored values to [0, 1]: `low` becomes 0 and `high` becomes 1.

    Nothing is clipped on the way in, and only to the data type on the way out, so values outside
    [low, high] survive and a network that changes nothing gives back exactly what was stored.
    Missing values are NaN in unit values. `low`, `high` and `zero`, the stored value that means
    none of what is measured, hold one number, or one per band.
    """

    dtype: str
    low: tuple[float, ...] = (0.0,)
    high: tuple[float, ...] = (1.0,)
    zero: tuple[float, ...] = (0.0,)
    nodata: float | None = None

    def missing(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        """Return which stored values of any shape mean "no data".

        NaN, infinity and the outermost floats, which old programs fill with, always do.
        """
        nodata = self._stored_nodata()
        absent = np.zeros(values.shape, bool) if nodata is None else values == nodata
        return absent if values.dtype.kind != "f" else absent | ~(np.abs(values) < _FILL)

    def to_unit(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Map stored values (B,H,W) to unit values (B,H,W), with NaN where data are missing."""
        low, span = self._line(values.dtype)
        if is_wide(values.dtype):
            steps = [
                steps_from(band, self.low[index % len(self.low)])
                for index, band in enumerate(values)
            ]
            unit: NDArray[Any] = np.array(steps).reshape(values.shape)
        else:
            unit = values.astype(low.dtype)
            unit -= low
        unit /= span
        result = unit.astype(np.float32, copy=False)
        result[self.missing(values)] = np.nan
        return result

    def from_unit(self, unit: NDArray[np.float32]) -> NDArray[Any]:
        """Map unit values (B,H,W) to stored values, rounded and clipped; NaN becomes nodata."""
        stored = np.dtype(self.dtype)
        _, span = self._line(stored)
        result = np.empty(unit.shape, stored)
        # Rows that fit the caches: each step would else go through all of memory.
        rows = max(_CACHE_VALUES // max(unit.shape[2], 1), 1)
        for band in range(len(unit)):
            line = (self.low[band % len(self.low)], span[band % len(span)])
            for top in range(0, unit.shape[1], rows):
                part = slice(top, top + rows)
                result[band, part] = self._from_unit(unit[band, part], *line)
        return result

    def _from_unit(self, unit: NDArray[np.float32], low: float, span: NDArray[Any]) -> NDArray[Any]:
        """Map rows (h,W) of one band by its line."""
        stored = np.dtype(self.dtype)
        absent = np.isnan(unit)
        holes = bool(absent.any())
        start = span.dtype.type(low)
        values = unit * span
        values += start
        if holes:
            values[absent] = 0
        result = values.astype(stored) if stored.kind == "f" else _rounded(values, stored)
        if is_wide(stored):
            result = steps_to(np.nan_to_num(unit * span), low, result)
        nodata = self._stored_nodata()
        if nodata is not None:
            struck = result == nodata
            if holes:
                struck &= ~absent
            if struck.any():
                exact = (unit * span + start)[struck]
                result[struck] = np.where(exact < nodata, *_neighbours(nodata))
            result[absent] = nodata
        elif stored.kind == "f" and holes:
            result[absent] = np.nan
        return result

    def floor(self) -> NDArray[np.float32]:
        """Return the unit values (B or 1,1,1) that are stored as `zero`, or just above it."""
        low, span = self._line(np.dtype(np.float64))
        zero = np.asarray(self.zero, np.float64)[:, None, None]
        unit = ((zero - low) / span).astype(np.float32)
        short = unit.astype(np.float64) * span + low < zero
        above = np.nextafter(unit, np.copysign(np.float32(np.inf), span.astype(np.float32)))
        return np.where(short, above, unit)

    def select(self, indexes: Sequence[int]) -> Self:
        """Keep the bands at these positions (from 0), in this order."""
        low, high, zero = (
            limits if len(limits) == 1 else tuple(limits[index] for index in indexes)
            for limits in (self.low, self.high, self.zero)
        )
        return replace(self, low=low, high=high, zero=zero)

    def _stored_nodata(self) -> Any:
        """The nodata value in the data type, or None where no stored value can equal it."""
        if self.nodata is None or math.isnan(self.nodata):
            return None
        kind = np.dtype(self.dtype)
        if kind.kind == "f":
            return kind.type(self.nodata)
        limits = np.iinfo(kind)
        whole = float(self.nodata).is_integer() and limits.min <= self.nodata <= limits.max
        return kind.type(int(self.nodata)) if whole else None

    def _line(self, dtype: np.dtype[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """The offset and the span, (B or 1,1,1), in the precision that loses no stored value."""
        # float32 holds 16-bit integers with room for the two roundings, and all of its own numbers
        # while nothing is taken from them; all else needs more.
        single = dtype.itemsize <= 2 or (dtype == np.float32 and not any(self.low))
        work = np.float32 if single else np.float64
        count = max(len(self.low), len(self.high))
        pairs = [
            (self.low[band % len(self.low)], self.high[band % len(self.high)])
            for band in range(count)
        ]
        # As Python's numbers, for the top of 64 bits has wide integers that doubles do not hold.
        low, span = (
            np.array(column, np.float64)[:, None, None]
            for column in ([one for one, _ in pairs], [two - one for one, two in pairs])
        )
        return low.astype(work), span.astype(work)


UNIT = Radiometry(dtype="float32", nodata=math.nan)
"""The radiometry of unit values themselves."""


def infer(
    dtype: str,
    nodata: float | None,
    *,
    sample: NDArray[Any],
    tags: Sequence[tuple[float, float]] = (),
) -> Radiometry:
    """Choose [low, high] from the type, a (B,H,W) sample of the whole scene, and scale/offset tags.

    In this order: tags that turn the sample into reflectance; 8 bits, the type's whole positive
    range; integers that look like reflectance x 10000; floats that are already near [0, 1]; else a
    stretch from the darkest to the brightest of the sample, one for all bands to keep colours.
    """
    plain = Radiometry(dtype=dtype, nodata=nodata)
    sound = all(scale and math.isfinite(scale) and math.isfinite(offset) for scale, offset in tags)
    if sound and any(tag != (1.0, 0.0) for tag in tags):
        zero = tuple(-offset / scale for scale, offset in tags)
        plain = replace(plain, zero=zero)
        high = tuple((1 - offset) / scale for scale, offset in tags)
        tagged = replace(plain, low=zero, high=high)
        seen = tagged.to_unit(sample)
        darkest, brightest = _extremes(seen[~np.isnan(seen)])
        if darkest >= -1 and brightest <= _MAX_REFLECTANCE:
            return tagged
    present = sample[~plain.missing(sample)]
    stored = np.dtype(dtype)
    if stored.kind == "f":
        low, top = _range_of_floats(present)
    elif stored.itemsize == 1:
        low, top = 0.0, float(np.iinfo(stored).max)
    else:
        low, top = _range_of_integers(present)
    return replace(plain, low=(low,), high=(top,))


def _range_of_integers(present: NDArray[Any]) -> tuple[float, float]:
    bottom, top = _extremes(present)
    if bottom >= -_REFLECTANCE and top <= _MAX_REFLECTANCE * _REFLECTANCE:
        return 0.0, _REFLECTANCE
    return bottom, max(top, bottom + 1)


def _range_of_floats(present: NDArray[Any]) -> tuple[float, float]:
    """Choose a range whose span is a power of two: dividing by that loses no bit of a float.

    It begins at zero, or near the values where they lie so far from zero that single precision
    would not tell them apart, or that a network would see next to no contrast.
    """
    if not present.size:
        return 0.0, 1.0
    bottom, top = _extremes(present)
    least, most = float(present.min()), float(present.max())
    spread = top - bottom or most - least
    size = max(abs(bottom), abs(top))
    unit = bottom >= -1 and top <= _MAX_REFLECTANCE
    nearest = max(least, -most, 0.0)
    if spread < _MIN_RELATIVE_SPREAD * size or (
        not unit and nearest > _MAX_SPREADS_FROM_ZERO * spread
    ):
        bulk = _power_of_two(max(spread, _MIN_RELATIVE_RANGE * size))
        low = _rounded_down(bottom, bulk)
        return low, low + max(bulk, _power_of_two(_MIN_BULK_SHARE * (most - least)))
    if unit:
        return 0.0, 1.0
    span = _power_of_two(max(top - min(bottom, 0.0), 1.0))
    low = 0.0 if bottom >= -0.01 * top else _rounded_down(bottom, span)
    return low, low + span


def _power_of_two(least: float) -> float:
    """Return the first power of two that is not below `least`, or zero for zero."""
    return float(2.0 ** math.ceil(math.log2(least))) if least else 0.0


def _rounded_down(value: float, span: float) -> float:
    """Round down to a part of a range: whole numbers then stay so, and lose no bit."""
    step = span / _RANGE_STEPS
    return math.floor(value / step) * step


def _extremes(present: NDArray[Any]) -> tuple[float, float]:
    """The darkest and brightest values but for one in a thousand; zeros if there are none.

    A few saturated pixels must not darken a scene, and nothing is lost by leaving them outside.
    """
    if not present.size:
        return 0.0, 0.0
    if not is_wide(present.dtype):
        bottom, top = np.quantile(present, (0.001, 0.999))
        return float(bottom), float(top)
    least = int(present.min())
    bottom, top = np.quantile(steps_from(present, least), (0.001, 0.999))
    return least + math.floor(bottom), least + math.ceil(top)


def _rounded(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    limits = np.iinfo(dtype)
    # The largest float that is not above the type's maximum: 2**32 - 1 has no float32.
    top = values.dtype.type(limits.max)
    if int(top) > limits.max:
        top = np.nextafter(top, values.dtype.type(0))
    np.rint(values, out=values)
    np.clip(values, values.dtype.type(limits.min), top, out=values)
    return values.astype(dtype)


def _neighbours(nodata: Any) -> tuple[Any, Any]:
    """The stored values next below and next above nodata, or twice the one that exists."""
    if np.issubdtype(type(nodata), np.floating):
        below, above = (np.nextafter(nodata, nodata.dtype.type(end)) for end in (-np.inf, np.inf))
        if nodata == 0:  # beside it lie denormal numbers, which many programs take for zero
            below, above = -np.finfo(nodata.dtype).tiny, np.finfo(nodata.dtype).tiny
        return (below if np.isfinite(below) else above), (above if np.isfinite(above) else below)
    limits, whole = np.iinfo(nodata.dtype), int(nodata)
    below = whole - 1 if whole > limits.min else whole + 1
    above = whole + 1 if whole < limits.max else whole - 1
    return nodata.dtype.type(below), nodata.dtype.type(above)
