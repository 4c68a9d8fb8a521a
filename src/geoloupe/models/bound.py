"""How far an answer may go: as far as the scene's pixels around it, plus a margin.

Between the centres of coarse pixels, edges truly rise above and fall below them, so a margin of
the local range is allowed. Anything beyond is invented: dark rims, sparks, negative reflectance.
It looks at `RADIUS` pixels around each and no farther, so tiles agree, and it follows gain and
offset, except at zero: where nothing around is negative, neither is the answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from geoloupe.networks.signature import Signature

if TYPE_CHECKING:
    from geoloupe.models.model import Model

RADIUS = 2  # LR pixels
# Of the range around a pixel, unless a model's card says otherwise. A guide shows what lies between
# the coarse pixels, so far more of it is true.
MARGIN, GUIDED_MARGIN = 0.6, 3.0


def usual_margin(signature: Signature) -> float:
    """Choose the margin of a network whose card names none."""
    return GUIDED_MARGIN if signature.guided else MARGIN


def margin_of(model: "Model", asked: float | bool | None) -> float | None:
    """Choose the margin from a model's card and the request; None is no bound.

    A request of None takes the card's, which may be none; True the card's, else the usual one;
    False none; a number that number.
    """
    card = model.card.bound
    if asked is None:
        return card
    if asked is True:
        return usual_margin(model.network.signature) if card is None else card
    return None if asked is False else float(asked)


@dataclass(frozen=True, kw_only=True, eq=False)
class Bound:
    """The smallest and largest answer allowed in each LR pixel, (B,H,W) each, in unit values."""

    low: Tensor
    high: Tensor

    @classmethod
    def around(cls, lr: Tensor, *, margin: float, floor: NDArray[np.float32] | Tensor) -> Self:
        """Find it for unit values (B,H,W), NaN where missing; `floor` (B or 1,1,1) is their zero.

        Missing pixels do not count; where none is present, nothing is bounded.
        """
        absent = lr.isnan()
        infinite = torch.full((), torch.inf, device=lr.device)
        low = -_greatest(torch.where(absent, -infinite, -lr))
        high = _greatest(torch.where(absent, -infinite, lr))
        slack = margin * (high - low)
        known = floor if isinstance(floor, Tensor) else torch.from_numpy(floor)
        zero = known.to(lr.device)
        least = torch.where(low >= zero, torch.maximum(low - slack, zero), low - slack)
        empty = low > high
        return cls(
            low=torch.where(empty, -infinite, least),
            high=torch.where(empty, infinite, high + slack),
        )

    def under(self, rows: Sequence[int], columns: Sequence[int]) -> Self:
        """Return it for fine pixels that lie in these rows and columns of LR pixels."""
        place = [torch.tensor(side, device=self.low.device) for side in (rows, columns)]
        low, high = (
            side.index_select(-2, place[0]).index_select(-1, place[1])
            for side in (self.low, self.high)
        )
        return replace(self, low=low, high=high)

    def clamp(self, answer: Tensor, scale: int) -> Tensor:
        """Hold an answer (..., B, H*scale, W*scale) within it."""
        *_, height, width = self.low.shape
        cells = answer.unflatten(-1, (width, scale)).unflatten(-3, (height, scale))
        low, high = (side[:, :, None, :, None] for side in (self.low, self.high))
        return cells.clamp(low, high).flatten(-2).flatten(-3, -2)


def _greatest(values: Tensor) -> Tensor:
    """Find the largest of the pixels around each, itself included, (B,H,W)."""
    # Pooling layers do the same but take ten times as long on a CPU.
    padded = F.pad(values, (RADIUS,) * 4, value=-torch.inf)
    for axis in (-2, -1):
        length = padded.shape[axis] - 2 * RADIUS
        shifted = [padded.narrow(axis, start, length) for start in range(2 * RADIUS + 1)]
        padded = reduce(torch.maximum, shifted)
    return padded
