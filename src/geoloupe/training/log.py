"""A run's log: rows of numbers in .csv files, for TensorBoard if installed, for W&B if asked."""

import csv
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geoloupe import settings
from geoloupe.errors import InputError
from geoloupe.storage.publish import publish
from geoloupe.training.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class Log:
    """Adds rows to the .csv files of a run's folder, one file per kind of row."""

    folder: Path
    board: Any  # TensorBoard's writer or None
    weights_and_biases: Any = None  # its run or None

    def add(self, kind: str, step: int, numbers: Mapping[str, float]) -> None:
        """Add a row; the first brings the file its heading."""
        path = self.folder / f"{kind}.csv"
        fresh = not path.exists()
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if fresh:
                writer.writerow(["step", *numbers])
            writer.writerow([step, *(f"{value:.9g}" for value in numbers.values())])
        if self.board is not None:
            for name, value in numbers.items():
                self.board.add_scalar(f"{kind}/{name}", value, step)
        if self.weights_and_biases is not None:
            named = {f"{kind}/{name}": value for name, value in numbers.items()}
            self.weights_and_biases.log(named, step=step)

    def close(self) -> None:
        """Flush what others write."""
        if self.board is not None:
            self.board.close()
        if self.weights_and_biases is not None:
            self.weights_and_biases.finish()


def open_log(folder: Path, step: int, recipe: Recipe) -> Log:
    """Open the log of a run that continues after `step`; drop rows of later steps."""
    for path in folder.glob("*.csv"):
        with path.open(newline="", encoding="utf-8") as file:
            heading, *rows = list(csv.reader(file)) or [[]]
        kept = [row for row in rows if row and row[0].isdecimal() and int(row[0]) <= step]
        if len(kept) < len(rows):
            with (
                publish(path, overwrite=True) as part,
                part.open("w", newline="", encoding="utf-8") as file,
            ):
                csv.writer(file).writerows([heading, *kept])
    run = _weights_and_biases(folder, recipe) if recipe.log.wandb is not None else None
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return Log(folder=folder, board=None, weights_and_biases=run)
    board = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)
    return Log(folder=folder, board=board, weights_and_biases=run)


def _weights_and_biases(folder: Path, recipe: Recipe) -> Any:
    """Start a run of Weights & Biases in a run's folder: offline, unless WANDB_MODE is online."""
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # which it sends even when offline
    try:
        import wandb
    except ImportError:
        raise InputError(
            "log.wandb needs one more package: pip install 'geoloupe[wandb]'"
        ) from None
    mode = os.environ.get("WANDB_MODE", "offline")
    return wandb.init(
        project=recipe.log.wandb,
        name=recipe.name,
        id=hashlib.sha256(str(folder.absolute()).encode()).hexdigest()[:12],  # when resumed, too
        resume="allow" if mode == "online" else None,
        dir=str(folder),
        mode=mode,
        config=settings.dump(recipe),
        settings={"silent": True, "console": "off"},
    )
