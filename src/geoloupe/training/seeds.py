"""One recipe trained with several seeds: runs side by side, and how far they scatter."""

import csv
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, stdev

from geoloupe.errors import InputError
from geoloupe.storage.publish import publish, publish_texts
from geoloupe.system.progress import Progress
from geoloupe.training.hardware import Hardware
from geoloupe.training.judge import protocol_of
from geoloupe.training.recipe import Recipe, read_recipe, recipe_text
from geoloupe.training.run import Trained, train
from geoloupe.training.run_folder import RECIPE_FILE, SEEDS_FILE, VALIDATION, refuse_folder

TABLE = "seeds.csv"
_ONE = ("auto", 1)


@dataclass(frozen=True, kw_only=True)
class Scatter:
    """The scores of the models that several seeds made, as each was kept."""

    folder: Path
    models: tuple[Path, ...]
    scores: dict[str, tuple[float, ...]]  # by metric, in the order of the seeds

    def spread(self, metric: str) -> tuple[float, float]:
        """Return the mean of a metric and its standard deviation, which is 0 of one seed."""
        values = self.scores[metric]
        return mean(values), stdev(values) if len(values) > 1 else 0.0


def train_seeds(
    recipe: Recipe,
    folder: Path,
    count: int,
    *,
    hardware: Hardware | None = None,
    progress: Progress | None = None,
) -> Scatter:
    """Train a recipe with its seed and the next ones, each in a folder `seed0`, `seed1` and so on.

    Args:
        recipe: What is trained; its own seed is that of `seed0`.
        folder: A new folder for the runs and a table of their scores, `seeds.csv`.
        count: The number of seeds.
        hardware: As of `train`, in one process.
        progress: Called with the finished steps of all seeds, and their number.

    Returns:
        The models and how their scores scatter.
    """
    if count < 1:
        raise InputError(f"seeds must be 1 or more, not {count}")
    _refuse_processes(hardware)
    refuse_folder(folder)
    texts = {SEEDS_FILE: json.dumps({"seeds": count}) + "\n", RECIPE_FILE: recipe_text(recipe)}
    publish_texts(folder, texts)
    return resume_seeds(folder, hardware=hardware, progress=progress)


def resume_seeds(
    folder: Path,
    *,
    hardware: Hardware | None = None,
    progress: Progress | None = None,
) -> Scatter:
    """Continue the runs of several seeds where they were stopped."""
    _refuse_processes(hardware)
    recipe, count = read_recipe(folder / RECIPE_FILE), _count(folder)
    runs: list[Trained] = []
    for number in range(count):
        one = replace(recipe, seed=recipe.seed + number, name=f"{recipe.name}-seed{number}")
        place = folder / f"seed{number}"
        runs.append(
            train(
                one,
                place,
                resume=(place / RECIPE_FILE).exists(),
                hardware=hardware,
                progress=_shifted(progress, number, count),
            )
        )
    kept = [_kept(recipe, run.folder) for run in runs]
    scatter = Scatter(
        folder=folder,
        models=tuple(run.model for run in runs),
        scores={name: tuple(row[name] for row in kept) for name in kept[0]},
    )
    _write(scatter, recipe.seed)
    return scatter


def holds_seeds(folder: Path) -> bool:
    """Return whether a folder holds the runs of several seeds."""
    return (folder / SEEDS_FILE).is_file()


def _refuse_processes(hardware: Hardware | None) -> None:
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 or (hardware or Hardware()).devices not in _ONE:
        raise InputError("several seeds are for one process; start a run of each, with seed=1 etc.")


def _shifted(progress: Progress | None, number: int, count: int) -> Progress | None:
    """Return the progress of one seed as a part of that of all."""
    if progress is None:
        return None
    return lambda done, length: progress(number * length + done, count * length)


def _count(folder: Path) -> int:
    """Read how many seeds a folder is for."""
    path = folder / SEEDS_FILE
    try:
        count = json.loads(path.read_text(encoding="utf-8"))["seeds"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: does not tell the number of seeds ({error})") from None
    if not isinstance(count, int) or count < 1:
        raise InputError(f"{path}: seeds must be a number from 1, not {count!r}")
    return count


def _kept(recipe: Recipe, folder: Path) -> dict[str, float]:
    """Return the scores of the model that a run kept: those of its best validation."""
    with (folder / VALIDATION).open(newline="", encoding="utf-8") as file:
        rows = [{name: float(text) for name, text in row.items()} for row in csv.DictReader(file)]
    metric = recipe.validation.metric
    sign = 1 if protocol_of(recipe).metrics[metric].higher_is_better else -1
    best = max(rows, key=lambda row: sign * row[metric])
    return {name: value for name, value in best.items() if name != "step"}


def _write(scatter: Scatter, first_seed: int) -> None:
    """Write a row for each seed, then the mean and the standard deviation."""
    spreads = [scatter.spread(name) for name in scatter.scores]
    with (
        publish(scatter.folder / TABLE, overwrite=True) as part,
        part.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(["seed", *scatter.scores])
        for number in range(len(scatter.models)):
            row = [values[number] for values in scatter.scores.values()]
            writer.writerow([first_seed + number, *(f"{value:.9g}" for value in row)])
        writer.writerow(["mean", *(f"{middle:.9g}" for middle, _ in spreads)])
        writer.writerow(["deviation", *(f"{away:.9g}" for _, away in spreads)])
