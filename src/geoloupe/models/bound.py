"""How far an answer may go: as far as the pixels of the scene around it, and a margin.

Between the centres of coarse pixels, edges are truly higher and lower than these, so a margin of
the local range is allowed. What lies beyond was invented: dark rims, sparks, negative reflectance.
It looks at `RADIUS` pixels around each and no farther, so tiles agree, and it follows gain and
offset, but for zero: where nothing around is negative, the answer is not.
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
# the coarse pixels, so that far more of it is true.
MARGIN, GUIDED_MARGIN = 0.6, 3.0


def usual_margin(signature: Signature) -> float:
    """Choose the margin of a network whose card names none."""
    return GUIDED_MARGIN if signature.guided else MARGIN


def margin_of(model: "Model", asked: float | bool | None) -> float | None:
    """Choose the margin by a model's card and what is asked; None is no bound.

    Asked for None it is the card's, which may have none; for True the card's, else the usual one;
    for False none; for a number that number.
    """
    card = model.card.bound
    if asked is None:
        return card
    if asked is True:
        return usual_margin(model.network.signature) if card is None else card
    return None if asked is False else float(asked)


@dataclass(frozen=True, kw_only=True, eq=False)
class Bound:
    """The least and the greatest answer of each LR pixel, (B,H,W) each, in unit values."""

    low: Tensor
    high: Tensor

    @classmethod
    def around(cls, lr: Tensor, *, margin: float, floor: NDArray[np.float32]) -> Self:
        """Find it for unit values (B,H,W), NaN where missing; `floor` (B or 1,1,1) is their zero.

        Missing pixels do not count. Where none is present, nothing is bounded.
        """
        absent = lr.isnan()
        infinite = torch.full((), torch.inf, device=lr.device)
        low = -_greatest(torch.where(absent, -infinite, -lr))
        high = _greatest(torch.where(absent, -infinite, lr))
        slack = margin * (high - low)
        zero = torch.from_numpy(floor).to(lr.device)
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
    """Find the greatest of the pixels around each, itself among them, (B,H,W)."""
    # Pooling layers do the same at ten times the time on a processor.
    padded = F.pad(values, (RADIUS,) * 4, value=-torch.inf)
    for axis in (-2, -1):
        length = padded.shape[axis] - 2 * RADIUS
        shifted = [padded.narrow(axis, start, length) for start in range(2 * RADIUS + 1)]
        padded = reduce(torch.maximum, shifted)
    return padded
