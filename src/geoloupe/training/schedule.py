"""The learning rate as a plain function of how far training is."""

import math
from dataclasses import dataclass
from typing import Literal

from geoloupe.settings import STRICT


@dataclass(frozen=True, kw_only=True)
class ScheduleSettings:
    """How long, in steps or in epochs, and how the rate falls; milestones are in the same unit."""

    __pydantic_config__ = STRICT

    steps: int | None = None
    epochs: int | None = None
    milestones: tuple[int, ...] = ()
    factor: float = 0.5  # at each milestone
    shape: Literal["steps", "cosine", "wsd"] = "steps"
    warmup: int = 0  # steps over which the rate rises from 0
    last: float = 0.0  # share of the rate that cosine and wsd end with
    decay: float = 0.15  # share of wsd's steps, the last, over which the rate falls along a line

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("say either steps or epochs")
        if (self.steps or self.epochs or 0) < 1 or self.warmup < 0:
            raise ValueError("steps and epochs must be 1 or more, warmup 0 or more")
        if self.shape != "steps" and self.milestones:
            raise ValueError(f"{self.shape} has no milestones")
        if not 0 <= self.decay <= 1:
            raise ValueError("decay must lie between 0 and 1")

    def length(self, epoch: int) -> int:
        """Give the number of steps; an epoch has `epoch` of them."""
        return self.steps if self.steps is not None else epoch * (self.epochs or 0)

    def share(self, step: int, epoch: int) -> float:
        """Give the share of the full rate at a step (from 0)."""
        length = self.length(epoch)
        rise = min((step + 1) / self.warmup, 1.0) if self.warmup else 1.0
        if self.shape == "cosine":
            turn = (1 + math.cos(math.pi * step / length)) / 2
            return rise * (self.last + (1 - self.last) * turn)
        if self.shape == "wsd":  # warm-up, stable, decay
            falling = min((length - step) / max(self.decay * length, 1.0), 1.0)
            return rise * (self.last + (1 - self.last) * falling)
        unit = 1 if self.steps is not None else epoch
        passed = sum(step >= milestone * unit for milestone in self.milestones)
        return float(rise * self.factor**passed)
