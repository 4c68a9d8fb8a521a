"""How far an answer may be from the truth: a calibrated function of its roughness nearby.

A network errs where its answer is rough. How rough it is within an LR pixel, compared with the
wider surroundings, tells how wrong it was on images whose truth is known: a model's card holds
that table, for several MTFs. Both are root mean squares of the answer minus the mean of 3 x 3 of
its pixels, so sigma follows the gain of a band and ignores its offset.
It looks at `REACH` LR pixels around each and no farther, so tiles agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from geoloupe.imagery.image import Image
from geoloupe.models.card import Calibration

LEVELS = (68, 90, 95)  # per cent of the truth that lie within a number of sigmas

Array = NDArray[np.float32]

_FAR_RADIUS = 6  # LR pixels on each side: a pixel's wider surroundings
REACH = _FAR_RADIUS + 2  # plus one for enlarging sigma, and the reach of roughness itself
_ROUNDING_SHARE = 1e-14  # of a mean square: less is rounding of a flat place in single precision


@dataclass(frozen=True, kw_only=True, eq=False)
class Roughness:
    """An answer's roughness in each LR pixel and in its wider surroundings, (B,h,w) each.

    It is NaN where the pixel is missing.
    """

    near: Array
    far: Array

    @classmethod
    def of(cls, answer: Array, scale: int) -> Self:
        """Find it for unit values (B,h*scale,w*scale), NaN where LR pixels are missing."""
        present = ~np.isnan(answer)
        whole = bool(present.all())
        values = answer if whole else np.where(present, answer, np.float32(0))
        count = _count(values.shape[1:], 1) if whole else _summed(present.astype(np.float32), 1)
        rough = values - _summed(values, 1) / np.maximum(count, 1)
        cells = rough.reshape(len(rough), -1, scale, rough.shape[2] // scale, scale)
        square = np.einsum("bisjt,bisjt->bij", cells, cells) / np.float32(scale**2)
        there = present[:, ::scale, ::scale].astype(np.float32)
        square *= there
        around = _summed(square, _FAR_RADIUS) / np.maximum(_summed(there, _FAR_RADIUS), 1)
        missing = there == 0
        near, far = (
            np.where(
                missing, np.float32(np.nan), np.sqrt(np.where(mean > _ROUNDING_SHARE, mean, 0))
            )
            for mean in (square, around)
        )
        return cls(near=near, far=far)


@dataclass(frozen=True, kw_only=True)
class Table:
    """Sigma relative to the far roughness, by the ratio of near to far roughness."""

    ratios: tuple[float, ...]  # rising
    sigmas: tuple[float, ...]  # not falling
    factors: tuple[float, ...]  # factors of sigma that hold `LEVELS` of the truth

    @classmethod
    def at(cls, calibration: Calibration, mtf: float) -> Self:
        """Read the table of an MTF: interpolated between the calibrated ones, or the nearest."""

        def between(rows: Sequence[Sequence[float]]) -> tuple[float, ...]:
            columns = zip(*rows, strict=True)
            return tuple(float(np.interp(mtf, calibration.mtf, column)) for column in columns)

        return cls(
            ratios=calibration.ratios,
            sigmas=between(calibration.sigmas),
            factors=between(calibration.factors),
        )

    def sigma(self, near: NDArray[Any], far: NDArray[Any]) -> NDArray[Any]:
        """Return sigma for roughnesses of any shape; beyond the table it grows on."""
        ratio = np.divide(near, far, out=np.zeros_like(near), where=far != 0)
        inside = np.interp(ratio, self.ratios, self.sigmas)
        sigma = far * inside * np.maximum(ratio / self.ratios[-1], 1)
        return sigma.astype(near.dtype, copy=False)


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """The calibrated tables of the bands of a scene: roughness -> sigma."""

    tables: tuple[Table, ...]  # of all bands, or each

    @classmethod
    def of(cls, calibration: Calibration, mtf: Sequence[float]) -> Self:
        """Choose the tables of a model for bands of these MTFs."""
        gains = mtf if len(set(mtf)) > 1 else mtf[:1]
        return cls(tables=tuple(Table.at(calibration, gain) for gain in gains))

    def sigma(self, answer: Image, scale: int, steps: Array) -> Array:
        """Return sigma (B,H,W) of an answer in unit values, NaN where that is.

        `steps` (B or 1,1,1) are what its values are rounded to: no band is more certain than that.
        """
        rough = Roughness.of(answer.values, scale)
        tables = self.tables * (len(rough.near) if len(self.tables) == 1 else 1)
        planes = zip(tables, rough.near, rough.far, strict=True)
        found = enlarged(np.stack([table.sigma(near, far) for table, near, far in planes]), scale)
        found = np.sqrt(found * found + steps * steps / np.float32(12))
        found[np.isnan(answer.values)] = np.nan
        return found.astype(np.float32, copy=False)


def shortened(sigma: Array) -> Array:
    """Keep three digits of sigma: no more are known, and more would double its file."""
    bits = np.ascontiguousarray(sigma, np.float32).view(np.uint32)
    return ((bits + np.uint32(0x1000)) & np.uint32(0xFFFFE000)).view(np.float32)


def enlarged(cells: Array, scale: int) -> Array:
    """Interpolate (B,h,w) linearly to (B,h*scale,w*scale), from those that are not NaN."""
    present = ~np.isnan(cells)
    if present.all():
        return _between(_between(cells, scale, 1), scale, 2)
    shares = present.astype(np.float32)
    both = (np.where(present, cells, np.float32(0)), shares)
    values, weights = (_between(_between(each, scale, 1), scale, 2) for each in both)
    shared = values / np.where(weights > 0, weights, np.float32(1))
    return shared.astype(np.float32, copy=False)


def _between(values: Array, scale: int, axis: int) -> Array:
    """Interpolate along an axis, extending the ends; equal values stay exactly equal."""
    length = values.shape[axis]
    padded = np.pad(values, [(int(axis == each),) * 2 for each in range(3)], "edge")
    shape = [side * (scale if axis == each else 1) for each, side in enumerate(values.shape)]
    made = np.empty(shape, np.float32)
    for phase in range(scale):
        place = (phase + 0.5) / scale - 0.5
        first = 0 if place < 0 else 1
        one, two = (_part(padded, axis, start, length) for start in (first, first + 1))
        phases = slice(phase, None, scale)
        made[(slice(None),) * axis + (phases,)] = one + np.float32(place % 1) * (two - one)
    return made


def _count(shape: tuple[int, ...], radius: int) -> Array:
    """Count the pixels around each of (H,W): what `_summed` gives for ones."""
    rows, columns = (np.ones((1, shape[0], 1), np.float32), np.ones((1, 1, shape[1]), np.float32))
    return _along(rows, radius, 1) * _along(columns, radius, 2)


def _summed(values: Array, radius: int) -> Array:
    """Sum the (2 radius + 1)^2 values around each (B,H,W); beyond the ends there are none."""
    return _along(_along(values, radius, 1), radius, 2)


def _along(values: Array, radius: int, axis: int) -> Array:
    """Sum the values around each along an axis, from runs of powers of two.

    The same numbers are added in the same order wherever a tile begins, so tiles agree bit for bit,
    unlike running sums.
    """
    values = np.pad(values, [(radius * (axis == each),) * 2 for each in range(3)])
    length = 2 * radius + 1
    left = values.shape[axis] - length + 1
    total, start, run = np.zeros((), np.float32), 0, 1
    while length:
        if length & 1:
            total = total + _part(values, axis, start, left)
            start += run
        length >>= 1
        if length:
            kept = values.shape[axis] - run
            values = _part(values, axis, 0, kept) + _part(values, axis, run, kept)
            run *= 2
    return total


def _part(values: Array, axis: int, start: int, length: int) -> Array:
    """Cut some rows (axis 1) or columns (2) out of (B,H,W)."""
    part = slice(start, start + length)
    return values[:, part] if axis == 1 else values[:, :, part]
