"""The learning rate as a plain function of training progress."""

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class ScheduleSettings:
    """How long, in steps, epochs or minutes, and how the rate falls; milestones are in its unit."""

    steps: int | None = None
    epochs: int | None = None
    minutes: float | None = None  # of the run, including everything besides learning
    milestones: tuple[int, ...] = ()
    factor: float = 0.5  # at each milestone
    shape: Literal["steps", "cosine", "wsd"] = "steps"
    warmup: int = 0  # steps over which the rate rises from 0
    last: float = 0.0  # share of the rate at the end of cosine and wsd
    decay: float = 0.15  # last share of wsd's length, over which the rate falls linearly

    def __post_init__(self) -> None:
        said = [given for given in (self.steps, self.epochs, self.minutes) if given is not None]
        if len(said) != 1:
            raise ValueError("set one of steps, epochs or minutes")
        if not said[0] > 0 or self.warmup < 0:
            raise ValueError("steps, epochs and minutes must be above 0, warmup 0 or more")
        if self.minutes is not None and self.milestones:
            raise ValueError("a schedule in minutes has no milestones")
        if self.shape != "steps" and self.milestones:
            raise ValueError(f"{self.shape} has no milestones")
        if not 0 <= self.decay <= 1:
            raise ValueError("decay must lie between 0 and 1")

    def length(self, epoch: int) -> int | None:
        """Return the number of steps, with `epoch` per epoch; None if minutes decide."""
        if self.minutes is not None:
            return None
        return self.steps if self.steps is not None else epoch * (self.epochs or 0)

    def place(self, step: int, epoch: int, seconds: float = 0.0) -> tuple[float, float]:
        """Return training's progress and its length, in steps or else in seconds."""
        length = self.length(epoch)
        return (step, length) if length is not None else (seconds, 60 * (self.minutes or 0))

    def falling(self, step: int, epoch: int, seconds: float = 0.0) -> bool:
        """Return whether wsd's rate is falling by now."""
        at, length = self.place(step, epoch, seconds)
        return self.shape == "wsd" and length - at < self.decay * length

    def share(self, step: int, epoch: int, seconds: float = 0.0) -> float:
        """Return the share of the full rate at a step (from 0), after seconds of training."""
        at, length = self.place(step, epoch, seconds)
        rise = min((step + 1) / self.warmup, 1.0) if self.warmup else 1.0
        if self.shape == "cosine":
            turn = (1 + math.cos(math.pi * at / length)) / 2
            return rise * (self.last + (1 - self.last) * turn)
        if self.shape == "wsd":  # warm-up, stable, decay
            falling = min((length - at) / max(self.decay * length, 1.0), 1.0)
            return rise * (self.last + (1 - self.last) * falling)
        unit = 1 if self.steps is not None else epoch
        passed = sum(step >= milestone * unit for milestone in self.milestones)
        return float(rise * self.factor**passed)
