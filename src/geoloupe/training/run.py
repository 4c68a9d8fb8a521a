"""A run: a recipe becomes a folder with a log, checkpoints, pictures and finally a model."""

import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from geoloupe.datasets.preparation.prepared import find
from geoloupe.errors import InputError
from geoloupe.system.progress import Progress, silent
from geoloupe.training.batches import Share, batches
from geoloupe.training.hardware import Hardware, open_fabric
from geoloupe.training.judge import Judge, protocol_of
from geoloupe.training.log import open_log
from geoloupe.training.loop import Loop
from geoloupe.training.recipe import Recipe, read_recipe
from geoloupe.training.run_folder import CHECKPOINTS, MODEL, held
from geoloupe.training.setup import add_adversary, begin_with, fresh_state, on_device, samples_of

_LOGGED = 50  # steps whose mean loss is a row of the log
_PAUSE = 120.0  # seconds between checkpoints


@dataclass(frozen=True, kw_only=True)
class Trained:
    """The end of a run."""

    folder: Path
    model: Path
    steps: int
    seconds: float
    scores: dict[str, float]
    first: bool  # whether this is the first of several processes, which reports


def train(
    recipe: Recipe | str | Path,
    folder: str | Path,
    *,
    changes: Mapping[str, Any] | None = None,
    resume: bool = False,
    hardware: Hardware | None = None,
    progress: Progress | None = None,
) -> Trained:
    """Train a model from a recipe.

    Args:
        recipe: A shipped recipe's name, a .toml file, or a recipe already read.
        folder: The run's folder: log, checkpoints, pictures and the best model.
        changes: Values to change, by dotted name: {"optimiser.rate": 1e-3}.
        resume: Continue a stopped run of the same recipe.
        hardware: Devices, processes and how samples are made; by default, what is available.
        progress: Called with the number of finished steps and of all.

    Returns:
        The folder of the best model, the steps and the scores of the last validation.

    Example:
        >>> run = geoloupe.train(
        ...     "smoke",
        ...     "run",
        ...     changes={"data.set": "prepared", "schedule.steps": 4, "validation.every": 4},
        ... )
        >>> run.steps
        4
    """
    folder = Path(folder)
    if not isinstance(recipe, Recipe):
        recipe = read_recipe(recipe, changes)
    elif changes:
        raise InputError("changes are for a named recipe; this one has already been read")
    torch.set_flush_denormal(True)
    hardware = hardware or Hardware()
    protocol_of(recipe)  # refuses mistakes in it before anything is made
    fabric = open_fabric(hardware)
    first = fabric.is_global_zero
    with held(folder, recipe, resume=resume) if first else nullcontext():
        return _train(recipe, folder, hardware, fabric, progress if first and progress else silent)


def _train(
    recipe: Recipe, folder: Path, hardware: Hardware, fabric: Any, progress: Progress
) -> Trained:
    """Train on one of the processes; only the first measures, logs and saves."""
    first, checkpoints = fabric.is_global_zero, folder / CHECKPOINTS
    _refuse_processes(recipe, fabric.world_size)
    sets = [find(name) for name in recipe.data.sets]
    state, objective = fresh_state(recipe)
    samples = samples_of(recipe, state, sets)
    add_adversary(recipe, state, samples)
    if not state.load(checkpoints):
        begin_with(recipe, state)
    epoch = max(len(samples) // recipe.batch, 1)
    share = Share(
        first=state.step,
        last=recipe.schedule.length(epoch),
        batch=recipe.batch,
        rank=fabric.global_rank,
        processes=fabric.world_size,
    )
    loop = Loop(
        fabric=fabric,
        objective=on_device(objective, state, hardware, fabric),
        state=state,
        recipe=recipe,
        epoch=epoch,
    )
    judge = Judge.of(recipe, folder, sets[0], state, fabric)
    log = open_log(folder, state.step, recipe) if first else None
    scores: dict[str, float] = {}
    kept = time.monotonic()
    source = batches(samples, share, hardware=hardware, fabric=fabric, seed=recipe.seed)
    for step in loop.steps(source):
        progress(int(min(step.place, step.length)), int(step.length))
        if step.number % _LOGGED == 0 or step.last:
            row = {"loss": state.meter.take(), "rate": step.rate, "samples_per_second": step.speed}
            if state.adversary is not None:
                row["discriminator"] = state.adversary.take()
            if log is not None:
                log.add("steps", step.number, row)
        if step.number % recipe.validation.every == 0 or step.last:
            if log is not None:
                scores = judge.measure(state)
                log.add("validation", step.number, scores)
            fabric.barrier()
        if first and (time.monotonic() - kept > _PAUSE or step.last):
            state.save(checkpoints)
            kept = time.monotonic()
    if log is not None:
        log.close()
    return Trained(
        folder=folder,
        model=folder / MODEL,
        steps=state.step,
        seconds=state.seconds,
        scores=scores,
        first=first,
    )


def _refuse_processes(recipe: Recipe, processes: int) -> None:
    """Refuse numbers of processes that cannot share the work."""
    if recipe.batch % (processes * recipe.parts):
        parts = f" in {recipe.parts} parts each" if recipe.parts > 1 else ""
        raise InputError(f"a batch of {recipe.batch} cannot be shared by {processes}{parts}")
    if recipe.schedule.minutes is not None and processes > 1:
        raise InputError("a schedule in minutes is for one process: clocks differ between several")
