"""What is trained for a leaderboard: each recipe with each seed, in a run's folder of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geoloupe.errors import InputError
from geoloupe.studies.leaderboard.entries import Entry
from geoloupe.training.recipe import Recipe, read_recipe
from geoloupe.training.run_folder import MODEL, RECIPE_FILE

RUNS = "runs"
_LENGTHS = ("schedule.steps", "schedule.epochs", "schedule.minutes")


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """One recipe with one seed."""

    entry: str
    recipe: Recipe
    folder: Path

    @property
    def begun(self) -> bool:
        """Whether its folder holds a run already, which goes on."""
        return (self.folder / RECIPE_FILE).exists()


def plan_runs(
    recipes: Sequence[str], seeds: int, folder: Path, changes: Mapping[str, Any]
) -> list[PlannedRun]:
    """Return every recipe with every seed, the first being the recipe's own.

    Changes have dotted names and are of all recipes; those that begin with a recipe's name, as in
    `edsr-ucmerced.batch`, are of that one. A length in one unit takes the place of the recipe's.
    """
    if seeds < 1:
        raise InputError(f"seeds must be 1 or more, not {seeds}")
    names = [Path(recipe).stem for recipe in recipes]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{name}: is named twice; seeds={seeds} trains it with more seeds")
    own = {name: _of(name, changes) for name in names}
    special = {f"{name}.{key}" for name, found in own.items() for key in found}
    shared = {key: value for key, value in changes.items() if key not in special}
    if shared and not names:
        raise InputError(f"{next(iter(shared))}: changes recipes, but none is trained")
    runs = []
    for recipe, name in zip(recipes, names, strict=True):
        mine = _of_one_length({**shared, **own[name]})
        first = read_recipe(recipe, mine)
        for seed in range(first.seed, first.seed + seeds):
            changed = {**mine, "seed": seed, "name": name}
            runs.append(
                PlannedRun(
                    entry=name,
                    recipe=read_recipe(recipe, changed),
                    folder=folder / RUNS / f"{name}-seed{seed}",
                )
            )
    return runs


def entries_of(runs: Sequence[PlannedRun]) -> list[Entry]:
    """Return an entry for each recipe, with the models of its seeds."""
    names = dict.fromkeys(run.entry for run in runs)
    return [
        Entry(
            name=name,
            models=tuple(str(run.folder / MODEL) for run in runs if run.entry == name),
        )
        for name in names
    ]


def _of_one_length(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Unset the other units where a length is changed: a schedule has one."""
    if not any(length in changes for length in _LENGTHS):
        return dict(changes)
    return {**dict.fromkeys(_LENGTHS), **changes}


def _of(name: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    start = f"{name}."
    return {key.removeprefix(start): v for key, v in changes.items() if key.startswith(start)}
