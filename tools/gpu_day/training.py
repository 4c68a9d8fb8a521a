"""Train by a recipe for so many minutes, with copies of what was learned every two of them."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from geoloupe.training.hardware import Hardware
from geoloupe.training.recipe import Recipe, read_recipe, recipe_text
from geoloupe.training.run import train
from geoloupe.training.run_folder import RECIPE_FILE
from geoloupe.training.state import checkpoints
from tools.gpu_day.copies import copy_run, newest, restore

_LOOKED = 5.0  # seconds between looks for a new checkpoint
_TOLD = 30.0  # seconds between lines on the screen
_DECAY = 0.2  # share of the minutes, the last, over which the rate falls and the score is learned

# What recipes that were made for a processor need to fill a GPU.
_FILLED: dict[str, Any] = {
    "batch": 64,
    "precision": "bf16",
    "patches.size": 60,
    "optimiser.clip": 1.0,
    "last_loss": {"l1": 0.0, "score": 0.005},
    "validation.every": 5000,
    "validation.images": 35,
}
_HSENET: dict[str, Any] = {
    "batch": 32,
    "precision": "bf16",
    "optimiser.rate": 4e-4,
    "optimiser.ema": 0.999,
    "optimiser.clip": 1.0,
    "optimiser.skip_above": None,
    "schedule.milestones": [],
    "validation.every": 2000,
    "validation.images": 35,
}
CHANGES: dict[str, dict[str, Any]] = {
    "fine-x4": {},
    "fine-x2": {},
    "quick-x4": {},
    "loupe-x4-trunk": _FILLED,
    "loupe-x2-trunk": _FILLED,
    "hsenet-ucmerced": _HSENET,
}


def day_recipe(name: str, minutes: float, changes: Mapping[str, Any]) -> Recipe:
    """Read a recipe and give it a schedule of so many minutes; `changes` come last."""
    scheduled = {
        "schedule.steps": None,
        "schedule.epochs": None,
        "schedule.minutes": minutes,
        "schedule.shape": "wsd",
        "schedule.warmup": 500,
        "schedule.decay": _DECAY,
        "validation.pictures": False,  # they need GDAL
    }
    return read_recipe(name, {**CHANGES.get(name, {}), **scheduled, **changes})


class Watch:
    """Copies checkpoints as they come and says how far a run is; called at every step."""

    def __init__(self, run: Path, target: Path) -> None:
        self.run, self.target = run, target
        self.looked = self.told = 0.0
        self.copied: Path | None = None

    def __call__(self, done: int, count: int) -> None:
        now = time.monotonic()
        if now - self.told > _TOLD:
            self.told = now
            print(f"{done} of {count} s  {self._last_row()}", flush=True)
        if now - self.looked > _LOOKED:
            self.looked = now
            self.look()

    def look(self) -> None:
        """Copy the newest checkpoint if it was not copied yet."""
        found = checkpoints(self.run / "checkpoints")
        if found and found[-1] != self.copied:
            self.copied = found[-1]
            print(f"copied step {copy_run(self.run, self.target)} to {self.target}", flush=True)

    def _last_row(self) -> str:
        log = self.run / "steps.csv"
        return f"(step, loss, rate, samples/s: {_last_line(log)})" if log.exists() else ""


def train_for(recipe: Recipe, *, run: Path, target: Path, copies: Path, hardware: Hardware) -> None:
    """Train, or go on: from the run's own folder if it is there, else from its newest copy."""
    resumed = (run / RECIPE_FILE).is_file()
    if resumed:
        recipe = read_recipe(run / RECIPE_FILE)
        print(f"going on in {run}, by its own recipe", flush=True)
    else:
        copy = newest(copies, run.name)
        if copy is not None:
            recipe = rest(recipe, copy, run)
            print(f"going on from the copy of step {copy['step']}", flush=True)
    watch = Watch(run, target)
    done = train(recipe, run, resume=resumed, hardware=hardware, progress=watch)
    watch.look()
    print(f"{done.steps} steps in {done.seconds / 60:.1f} min; {done.scores}", flush=True)


def rest(recipe: Recipe, copy: dict[str, Any], run: Path) -> Recipe:
    """Return the recipe of what is left of a run, which begins with a copy."""
    whole = recipe.schedule.minutes or 0.0
    gone = float(copy["seconds"]) + float(copy["before"]["seconds"])
    left = max(whole - gone / 60, 0.1)
    trunk = run.with_name(f"{run.name}-copied")
    restore(copy, recipe_text(recipe), trunk)
    falling = recipe.schedule.decay * whole  # minutes
    changes = {
        "start": str(trunk),
        "schedule.minutes": left,
        "schedule.decay": min(falling / left, 1.0),
        "optimiser.rate": recipe.optimiser.rate * min(left / falling, 1.0),  # as it was
    }
    run.parent.mkdir(parents=True, exist_ok=True)
    path = run.with_name(f"{run.name}-rest.toml")
    path.write_text(recipe_text(recipe), encoding="utf-8")
    return read_recipe(path, changes)


def _last_line(path: Path) -> str:
    return path.read_text(encoding="utf-8").splitlines()[-1]
