"""Cells: each measured once, and kept as a file that is whole or absent."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from geoloupe.errors import GeoloupeError, InputError
from geoloupe.evaluation.rows import Row
from geoloupe.evaluation.trial import Trial
from geoloupe.storage.publish import publish_texts
from geoloupe.studies.leaderboard.plan import OWN, Cell
from geoloupe.system.progress import Progress, silent

CELLS = "cells"
_KEY = 16  # letters of a key, at the end of a file's name


@dataclass(frozen=True, kw_only=True, eq=False)
class Refused:
    """A cell that could not be measured, and why."""

    cell: Cell
    why: str


Measured = dict[Cell, tuple[Row, ...]]


def measure(
    cells: Sequence[Cell], folder: Path, *, progress: Progress = silent
) -> tuple[Measured, list[Refused]]:
    """Measure every cell that has no file yet; one that fails leaves the others alone."""
    found: Measured = {}
    refused: list[Refused] = []
    kept = {path.stem[-_KEY:]: path for path in (folder / CELLS).glob("*.json")}
    total = sum(cell.images for cell in cells)
    done = 0
    for cell in cells:
        rows = read(cell, kept.get(cell.key))
        if rows is None:
            start = done

            def told(count: int, _: int, start: int = start) -> None:
                progress(start + count, total)

            try:
                rows = _measured(cell, told)
            except GeoloupeError as error:
                refused.append(Refused(cell=cell, why=str(error)))
            else:
                publish_texts(folder / CELLS, {cell.file: _text(cell, rows)}, overwrite=True)
                kept[cell.key] = folder / CELLS / cell.file
        if rows is not None:
            found[cell] = rows
        done += cell.images
        progress(done, total)
    if not found:
        raise InputError(f"nothing could be measured; the first reason: {refused[0].why}")
    return found, refused


def read(cell: Cell, path: Path | None) -> tuple[Row, ...] | None:
    """Return what a finished cell's file holds; None where there is none, or it cannot be read.

    Whatever the model is called by now, and whichever of its seeds it is: the key alone counts.
    """
    if path is None:
        return None
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values["key"] != cell.key:
            return None
        return tuple(_row(cell, line) for line in values["rows"]) or None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _measured(cell: Cell, progress: Progress) -> tuple[Row, ...]:
    section = cell.section
    options: dict[str, Any] = vars(cell.options) | {"protocol": section.protocol.name}
    if cell.degradation != OWN:
        options["degradation"] = cell.degradation
    trial = Trial.open([cell.model], section.prepared, split=section.split, **options)
    return tuple(replace(answer.row, model=cell.entry) for answer in trial.answers(progress))


def _text(cell: Cell, rows: Sequence[Row]) -> str:
    values = {
        "key": cell.key,
        "section": cell.section.title,
        "degradation": cell.degradation,
        "model": cell.entry,
        "seed": cell.number,
        "weights": cell.digest,
        "rows": [
            {
                "image": row.image,
                "label": row.label,
                "seconds": row.seconds,
                "peak": row.peak,
                # A perfect image has an infinite PSNR, and JSON has no infinity.
                "scores": {
                    name: score if math.isfinite(score) else str(score)
                    for name, score in row.scores.items()
                },
            }
            for row in rows
        ],
    }
    return json.dumps(values, indent=1, allow_nan=False) + "\n"


def _row(cell: Cell, line: dict[str, Any]) -> Row:
    return Row(
        model=cell.entry,
        scale=cell.section.scale,
        image=str(line["image"]),
        label=str(line["label"]),
        scores={str(name): float(score) for name, score in line["scores"].items()},
        seconds=float(line["seconds"]),
        peak=int(line["peak"]),
    )
