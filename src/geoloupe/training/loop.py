"""The training loop, top to bottom, on objects it is given."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from geoloupe.errors import RunError
from geoloupe.training.recipe import Recipe
from geoloupe.training.state import State

_SEED = 1_000_003  # between the seeds of steps


@dataclass(frozen=True, kw_only=True)
class Step:
    """The state after a step."""

    number: int
    rate: float
    place: float  # in the schedule, in the unit of its length: steps or minutes
    length: float
    speed: float  # samples per second since the run began or was resumed

    @property
    def last(self) -> bool:
        """Whether the schedule ends here."""
        return self.place >= self.length


@dataclass(frozen=True, kw_only=True, eq=False)
class Loop:
    """A network in training: its devices, state and recipe."""

    fabric: Any
    objective: Any  # the loss of a batch, as the fabric wraps it
    state: State
    recipe: Recipe
    epoch: int  # steps

    def steps(self, batches: Iterator[dict[str, Tensor]]) -> Iterator[Step]:
        """Train from the state's step to the end, yielding after every step."""
        state, recipe, epoch = self.state, self.recipe, self.epoch
        schedule, before, samples = recipe.schedule, state.seconds, 0
        began = time.monotonic()
        place, length = schedule.place(state.step, epoch, state.seconds)
        while place < length:
            self.objective.train()
            where = (state.step, epoch, state.seconds)
            rate = recipe.optimiser.rate * schedule.share(*where)
            late = recipe.last_loss is not None and schedule.falling(*where)
            state.meter.add(self.learn(next(batches), rate, late=late))
            state.step += 1
            state.follow(recipe.optimiser.ema)
            samples += recipe.batch
            if state.step % epoch == 0:
                state.meter.end_epoch()
            passed = time.monotonic() - began
            state.seconds = before + passed
            place, length = schedule.place(state.step, epoch, state.seconds)
            yield Step(
                number=state.step,
                rate=rate,
                place=place,
                length=length,
                speed=samples / passed,
            )

    def learn(self, batch: dict[str, Tensor], rate: float, *, late: bool = False) -> float:
        """Learn from one batch; return its loss over all processes."""
        optimiser, chosen = self.state.optimiser, self.recipe.optimiser
        # A step's randomness is the same on all processes, and after a restart.
        torch.manual_seed(self.recipe.seed + _SEED * (self.state.step + 1))
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.zero_grad(set_to_none=True)
        words: dict[str, Any] = {k: self.fabric.to_device(tensor) for k, tensor in batch.items()}
        loss = self.objective(**words, **({"late": True} if late else {}))
        mean = self.fabric.all_reduce(loss.detach(), reduce_op="mean")
        last = self.state.meter.last_epoch
        # Reading a number waits for the GPU, so it is read last unless it decides something.
        if chosen.skip_above is not None and last is not None:
            whole = self._read(mean)
            if whole > chosen.skip_above * last:
                return whole
        self.fabric.backward(loss)
        if chosen.clip is not None:
            self.fabric.clip_gradients(self.objective, optimiser, max_norm=chosen.clip)
        optimiser.step()
        return self._read(mean)

    def _read(self, loss: Tensor) -> float:
        found = float(loss)
        if not math.isfinite(found):
            raise RunError(
                f"the loss of step {self.state.step + 1} is not a number; lower optimiser.rate, "
                "or set optimiser.clip"
            )
        return found
