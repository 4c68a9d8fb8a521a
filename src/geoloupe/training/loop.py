"""The training loop, top to bottom, on objects it is given."""

import math
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from geoloupe.errors import RunError
from geoloupe.training.adversary import Adversary
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
        state, chosen = self.state, self.recipe.optimiser
        optimiser, adversary = state.optimiser, self._adversary(late=late)
        # A step's randomness is the same on all processes, and after a restart.
        torch.manual_seed(self.recipe.seed + _SEED * (state.step + 1))
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.zero_grad(set_to_none=True)
        if adversary is not None:
            adversary.begin_step(rate / chosen.rate)
        words: dict[str, Any] = {k: self.fabric.to_device(tensor) for k, tensor in batch.items()}
        losses = [
            self._learn_part(part, adversary, late=late, last=number == self.recipe.parts)
            for number, part in enumerate(_in_parts(words, self.recipe.parts), 1)
        ]
        mean = self.fabric.all_reduce(torch.stack(losses).mean(), reduce_op="mean")
        before = state.meter.last_epoch
        # Reading a number waits for the GPU, so it is read last unless it decides something.
        if chosen.skip_above is not None and before is not None:
            whole = self._read(mean)
            if whole > chosen.skip_above * before:
                return whole
        if chosen.clip is not None:
            self.fabric.clip_gradients(self.objective, optimiser, max_norm=chosen.clip)
        optimiser.step()
        if adversary is not None:
            adversary.optimiser.step()
        return self._read(mean)

    def _learn_part(
        self, part: dict[str, Any], adversary: Adversary | None, *, late: bool, last: bool
    ) -> Tensor:
        """Add a part of a batch to the gradients; return its loss."""
        words = part | ({"late": True} if late else {})
        share = 1 / self.recipe.parts
        with nullcontext() if last else self._unsynchronised(adversary):
            if adversary is None:
                loss = self.objective(**words)
                self.fabric.backward(share * loss)
                return loss.detach()
            loss, sr = self.objective(**words, answers=True)
            weight = self.recipe.losses[-1 if late else 0].adversarial
            loss = loss + weight * adversary.complaint(sr, part["hr"])
            self.fabric.backward(share * loss)
            self.fabric.backward(share * adversary.loss(sr, part["hr"]))
            return loss.detach()

    def _adversary(self, *, late: bool) -> Adversary | None:
        """Return the discriminator if it takes part in this step."""
        adversary = self.state.adversary
        begun = adversary is not None and self.state.step >= adversary.settings.begin
        return adversary if begun and self.recipe.losses[-1 if late else 0].adversarial else None

    @contextmanager
    def _unsynchronised(self, adversary: Adversary | None) -> Iterator[None]:
        """Let processes keep their gradients to themselves until the last part of a batch."""
        with ExitStack() as stack:
            stack.enter_context(self.fabric.no_backward_sync(self.objective))
            if adversary is not None:
                stack.enter_context(self.fabric.no_backward_sync(adversary.judge))
            yield

    def _read(self, loss: Tensor) -> float:
        found = float(loss)
        if not math.isfinite(found):
            raise RunError(
                f"the loss of step {self.state.step + 1} is not a number; lower optimiser.rate, "
                "or set optimiser.clip"
            )
        return found


def _in_parts(words: dict[str, Any], count: int) -> Iterator[dict[str, Any]]:
    """Cut a batch into equal parts."""
    pieces = {name: tensor.chunk(count) for name, tensor in words.items()}
    for number in range(count):
        yield {name: piece[number] for name, piece in pieces.items()}
