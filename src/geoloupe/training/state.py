"""Everything that changes during training, and checkpoints of it, each whole or absent.

A step's randomness follows from the seed and the step's number, so no rng is stored.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from geoloupe.errors import InputError, RunError
from geoloupe.networks.signature import Network
from geoloupe.storage.moving import forget
from geoloupe.storage.publish import publish
from geoloupe.training.adversary import Adversary

_KEPT = 2  # checkpoints: the last, and the one before in case the last is damaged
_NAME = re.compile(r"step-(\d{8})\.pt")


@dataclass(kw_only=True)
class Meter:
    """Losses since the last row of the log, and of the running and the last epoch."""

    total: float = 0.0
    count: int = 0
    epoch_total: float = 0.0
    epoch_count: int = 0
    last_epoch: float | None = None

    def add(self, loss: float) -> None:
        """Count the loss of a step."""
        self.total, self.count = self.total + loss, self.count + 1
        self.epoch_total, self.epoch_count = self.epoch_total + loss, self.epoch_count + 1

    def take(self) -> float:
        """Return the mean since the last call."""
        mean = self.total / max(self.count, 1)
        self.total, self.count = 0.0, 0
        return mean

    def end_epoch(self) -> None:
        """Begin a new epoch."""
        self.last_epoch = self.epoch_total / max(self.epoch_count, 1)
        self.epoch_total, self.epoch_count = 0.0, 0


@dataclass(kw_only=True)
class State:
    """A network in training."""

    network: Network
    optimiser: Optimizer
    average: dict[str, Tensor] | None  # a running average of the weights
    adversary: Adversary | None = None
    step: int = 0
    best: float | None = None
    seconds: float = 0.0
    before: dict[str, float] = field(default_factory=lambda: {"steps": 0, "seconds": 0.0})
    meter: Meter = field(default_factory=Meter)

    def move(self, device: torch.device) -> None:
        """Move what belongs to the weights to their device."""
        optimisers = [self.optimiser, *([self.adversary.optimiser] if self.adversary else [])]
        for values in (kept for one in optimisers for kept in one.state.values()):
            for name in ("exp_avg", "exp_avg_sq"):  # the count of steps stays where Adam keeps it
                values[name] = values[name].to(device)
        if self.average is not None:
            self.average = {name: tensor.to(device) for name, tensor in self.average.items()}

    def follow(self, decay: float) -> None:
        """Move the averaged weights a little towards the current ones."""
        if self.average is None:
            return
        # At first the average would be mostly the fresh weights: it forgets faster then.
        decay = min(decay, (1 + self.step) / (10 + self.step))
        means, news = [], []
        for name, tensor in self.network.state_dict().items():
            mean = self.average[name]
            if mean.is_floating_point():
                means.append(mean)
                news.append(tensor.to(mean))
            else:
                mean.copy_(tensor)
        torch._foreach_lerp_(means, news, 1 - decay)  # one call: a GPU is waiting for the next step

    def weights(self) -> dict[str, Tensor]:
        """Return the weights to use: the averaged ones if there are any."""
        return self.average or self.network.state_dict()

    def save(self, folder: Path) -> None:
        """Write a checkpoint and delete the oldest."""
        folder.mkdir(parents=True, exist_ok=True)
        content = {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "average": self.average,
            "adversary": self.adversary.state() if self.adversary is not None else None,
            "step": self.step,
            "best": self.best,
            "seconds": self.seconds,
            "before": self.before,
            "meter": vars(self.meter),
        }
        path = folder / f"step-{self.step:08}.pt"
        with publish(path, overwrite=True) as part:
            try:
                torch.save(content, part)
            except (OSError, RuntimeError) as error:
                why = getattr(error, "strerror", None) or f"is the disk full? {error}"
                raise RunError(f"{path}: could not be written ({why})") from None
        for old in checkpoints(folder)[:-_KEPT]:
            forget(old)

    def load(self, folder: Path) -> bool:
        """Continue from the newest readable checkpoint; False if there is none."""
        found = _newest(folder)
        if found is not None:
            self._take(*found)
        return found is not None

    def branch(self, folder: Path) -> None:
        """Start from the averaged weights of another run's newest checkpoint, with a new optimiser.

        The other run's steps count as training, not as steps of this run's schedule.
        """
        found = _newest(folder)
        if found is None:
            raise InputError(f"{folder}: holds no checkpoint to start from")
        content, path = found
        with _agreeing(path):
            weights = content["average"] or content["network"]
            self.network.load_state_dict(weights)
            if self.average is not None:
                for name, tensor in weights.items():
                    self.average[name].copy_(tensor)
            past = content.get("before", {})
            self.before = {
                name: past.get(name, 0) + content[key]
                for name, key in (("steps", "step"), ("seconds", "seconds"))
            }

    def _take(self, content: Mapping[str, Any], path: Path) -> None:
        with _agreeing(path):
            self.network.load_state_dict(content["network"])
            self.optimiser.load_state_dict(content["optimiser"])
            if self.average is not None:
                for name, tensor in content["average"].items():
                    self.average[name].copy_(tensor)
            if self.adversary is not None:
                self.adversary.load(content["adversary"])
            self.step, self.best = content["step"], content["best"]
            self.seconds, self.meter = content["seconds"], Meter(**content["meter"])
            self.before = content.get("before", self.before)  # 0.1 wrote none


@contextmanager
def _agreeing(path: Path) -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise InputError(f"{path}: does not fit this recipe ({error})") from None


def checkpoints(folder: Path) -> list[Path]:
    """List the checkpoints of a run, the newest last."""
    return sorted(path for path in folder.glob("step-*.pt") if _NAME.fullmatch(path.name))


def _newest(folder: Path) -> tuple[dict[str, Any], Path] | None:
    """Read the newest readable checkpoint; None if there is none at all."""
    found = checkpoints(folder)
    for path in reversed(found):
        content = _read(path)
        if content is not None:
            return content, path
    if found:
        raise InputError(f"{folder}: none of its checkpoints can be read; start another run")
    return None


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, UnpicklingError):
        return None
    return content if isinstance(content, dict) else None
