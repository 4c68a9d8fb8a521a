"""How far an answer may be from the truth: a calibrated function of how rough the answer is nearby.

What a network gets wrong lies where its answer is rough. The roughness close to a pixel, against
that of its wider surroundings, tells how wrong it was on images whose truth is known: a model's
card holds that table, for several MTFs. Both are root mean squares of what the answer has beyond
the mean of 3 x 3 pixels, so sigma follows the gain of a band and does not know its offset. It looks
at `reach` pixels around each and no farther, so tiles agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from geoloupe.files.weights import Calibration
from geoloupe.imagery.image import Image

LEVELS = (68, 90, 95)  # per cent of the truth that lie within so many sigmas
_FAR = 6  # LR pixels on each side that are a pixel's wider surroundings
_FINE = 1  # pixels of the answer on each side, beyond whose mean it is rough
_TINY = 1e-14  # of a mean square: less is how single precision rounds a flat place


def reach() -> int:
    """Return how many LR pixels around a pixel sigma looks at."""
    return _FAR + 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Roughness:
    """How rough an answer is close to a pixel and in its wider surroundings, (B,H,W) each."""

    near: Tensor
    far: Tensor

    @classmethod
    def of(cls, answer: Tensor, scale: int) -> Self:
        """Find it for unit values (B,H,W), NaN where missing; these do not count."""
        present = (~answer.isnan()).to(answer.dtype)
        values = answer.nan_to_num()
        rough = (values - _mean(values, present, _FINE)) * present
        square = rough * rough
        near = _mean(square, present, max(scale // 2, 1))
        far = _mean(square, present, _FAR * scale)
        return cls(near=_root(near), far=_root(far))


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """The calibrated tables of the bands of a scene: roughness -> sigma."""

    tables: tuple["Table", ...]  # of all bands, or each

    @classmethod
    def of(cls, calibration: Calibration, mtf: Sequence[float]) -> Self:
        """Choose the tables of a model for bands of these MTFs."""
        gains = mtf if len(set(mtf)) > 1 else mtf[:1]
        return cls(tables=tuple(Table.at(calibration, gain) for gain in gains))

    def sigma(self, answer: Image, scale: int, steps: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return sigma (B,H,W) of an answer in unit values, NaN where that is.

        `steps` (B or 1,1,1) are what its values are rounded to: no band is surer than that.
        """
        values = torch.from_numpy(np.array(answer.values))
        rough = Roughness.of(values, scale)
        tables = self.tables * (len(values) if len(self.tables) == 1 else 1)
        found = torch.stack(
            [
                table.sigma(near, far)
                for table, near, far in zip(tables, rough.near, rough.far, strict=True)
            ]
        )
        rounding = torch.from_numpy(steps) ** 2 / 12
        found = (found * found + rounding).sqrt()
        return found.where(~values.isnan(), torch.nan).numpy()


@dataclass(frozen=True, kw_only=True)
class Table:
    """Sigma in parts of the far roughness, by what part of that the near roughness is."""

    ratios: tuple[float, ...]  # rising
    sigmas: tuple[float, ...]  # not falling
    factors: tuple[float, ...]  # by which sigma is taken to hold `LEVELS` of the truth

    @classmethod
    def at(cls, calibration: Calibration, mtf: float) -> Self:
        """Read the table of an MTF, between those it was calibrated for or from the nearest."""

        def between(rows: Sequence[Sequence[float]]) -> tuple[float, ...]:
            columns = zip(*rows, strict=True)
            return tuple(float(np.interp(mtf, calibration.mtf, column)) for column in columns)

        return cls(
            ratios=calibration.ratios,
            sigmas=between(calibration.sigmas),
            factors=between(calibration.factors),
        )

    def sigma(self, near: Tensor, far: Tensor) -> Tensor:
        """Return sigma (H,W) for roughnesses (H,W); beyond the table it grows with the near one."""
        knots = torch.tensor(self.ratios, dtype=near.dtype)
        values = torch.tensor(self.sigmas, dtype=near.dtype)
        ratio = near / far.clamp_min(torch.finfo(far.dtype).tiny)
        after = torch.searchsorted(knots, ratio.contiguous()).clamp(1, len(knots) - 1)
        left, right = knots[after - 1], knots[after]
        share = ((ratio - left) / (right - left)).clamp(0, 1)
        inside = values[after - 1] + share * (values[after] - values[after - 1])
        return far * inside * (ratio / knots[-1]).clamp_min(1)


def _root(square: Tensor) -> Tensor:
    return torch.where(square > _TINY, square, 0).sqrt()


def _mean(values: Tensor, present: Tensor, radius: int) -> Tensor:
    """Average the present of (2 radius + 1)^2 values around each (B,H,W); none is zero."""
    whole = bool(present.all())
    count = _summed(present[:1] if whole else present, radius)
    return _summed(values * present, radius) / count.clamp_min(1)


def _summed(values: Tensor, radius: int) -> Tensor:
    """Sum the values around each (B,H,W); beyond the ends there are none.

    The same numbers are added in the same order wherever a tile begins, so tiles agree to the bit,
    which running sums would not.
    """
    padded = F.pad(values, (radius,) * 4)
    for axis in (-2, -1):
        padded = _runs(padded, 2 * radius + 1, axis)
    return padded


def _runs(values: Tensor, length: int, axis: int) -> Tensor:
    """Sum every run of `length` values along an axis, from runs of powers of two."""
    left = values.shape[axis] - length + 1
    total, start, run = torch.zeros(()), 0, 1
    while length:
        if length & 1:
            total = total + values.narrow(axis, start, left)
            start += run
        length >>= 1
        if length:
            kept = values.shape[axis] - run
            values = values.narrow(axis, 0, kept) + values.narrow(axis, run, kept)
            run *= 2
    return total
