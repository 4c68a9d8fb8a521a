"""The training loop, top to bottom, on objects it is given."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from geoloupe.errors import RunError
from geoloupe.training.recipe import Recipe
from geoloupe.training.state import State

_LOGGED = 50  # steps whose mean loss is a row of the log
_SEED = 1_000_003  # between the seeds of steps


@dataclass(frozen=True, kw_only=True)
class Events:
    """What happens beside learning; all but `measured` on the first process alone."""

    logged: Callable[[int, dict[str, float]], None]
    measured: Callable[[State], None]
    kept: Callable[[State], None]
    progress: Callable[[int, int], None]
    pause: float  # seconds between checkpoints


@dataclass(frozen=True, kw_only=True, eq=False)
class Loop:
    """A network that learns: on whose devices, from what state, by which recipe."""

    fabric: Any
    objective: Any  # the loss of a batch, as the fabric wraps it
    state: State
    recipe: Recipe
    epoch: int  # steps

    def run(self, batches: Iterator[dict[str, Tensor]], events: Events) -> None:
        """Train from the state's step to the end."""
        state, recipe = self.state, self.recipe
        schedule, epoch = recipe.schedule, self.epoch
        at, length = schedule.place(state.step, epoch, state.seconds)
        began = kept = time.monotonic()
        before, samples = state.seconds, 0
        self.objective.train()
        while at < length:
            where = (state.step, epoch, state.seconds)
            rate = recipe.optimiser.rate * schedule.share(*where)
            late = recipe.last_loss is not None and schedule.falling(*where)
            state.meter.add(self.learn(next(batches), rate, late=late))
            state.step += 1
            state.follow(recipe.optimiser.ema)
            samples += recipe.batch
            if state.step % epoch == 0:
                state.meter.end_epoch()
            now = time.monotonic()
            state.seconds = before + now - began
            at, length = schedule.place(state.step, epoch, state.seconds)
            events.progress(min(int(at), int(length)), int(length))
            last = at >= length
            if state.step % _LOGGED == 0 or last:
                row = {"loss": state.meter.take(), "rate": rate}
                events.logged(state.step, row | {"samples_per_second": samples / (now - began)})
            if state.step % recipe.validation.every == 0 or last:
                events.measured(state)
                self.objective.train()
            if now - kept > events.pause or last:
                events.kept(state)
                kept = time.monotonic()

    def learn(self, batch: dict[str, Tensor], rate: float, *, late: bool = False) -> float:
        """Learn from one batch; give its loss over all processes."""
        optimiser, chosen = self.state.optimiser, self.recipe.optimiser
        # What is random at a step is the same on all processes, and after a restart.
        torch.manual_seed(self.recipe.seed + _SEED * (self.state.step + 1))
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.zero_grad(set_to_none=True)
        words: dict[str, Any] = {k: self.fabric.to_device(tensor) for k, tensor in batch.items()}
        loss = self.objective(**words, **({"late": True} if late else {}))
        mean = self.fabric.all_reduce(loss.detach(), reduce_op="mean")
        last = self.state.meter.last_epoch
        # Reading a number waits for the GPU, so it is read at the end unless it decides something.
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
