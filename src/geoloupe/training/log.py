"""A run's log: rows of numbers in .csv files, and for TensorBoard if installed."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geoloupe.storage.publish import publish


@dataclass(frozen=True, kw_only=True)
class Log:
    """Adds rows to the .csv files of a run's folder, one file per kind of row."""

    folder: Path
    board: Any  # TensorBoard's writer or None

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

    def close(self) -> None:
        """Flush TensorBoard's writer."""
        if self.board is not None:
            self.board.close()


def open_log(folder: Path, step: int) -> Log:
    """Open the log of a run that continues after `step`; drop rows of later steps."""
    for path in folder.glob("*.csv"):
        with path.open(newline="", encoding="utf-8") as file:
            heading, *rows = list(csv.reader(file)) or [[]]
        kept = [row for row in rows if row and row[0].isdecimal() and int(row[0]) <= step]
        if len(kept) < len(rows):
            with publish(path, overwrite=True) as part, part.open("w", newline="") as file:
                csv.writer(file).writerows([heading, *kept])
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return Log(folder=folder, board=None)
    return Log(folder=folder, board=SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1))
