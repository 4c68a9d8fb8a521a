"""What was measured, and its means."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median, stdev
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Row:
    """One model on one image."""

    model: str
    scale: int
    image: str
    label: str
    scores: Mapping[str, float]
    seconds: float
    peak: int = 0  # peak memory of the answer in bytes


@dataclass(frozen=True, kw_only=True)
class Summary:
    """One model over several images: mean and standard deviation of each score."""

    model: str
    scale: int
    label: str  # "" for all classes together
    count: int
    mean: Mapping[str, float]
    std: Mapping[str, float]
    seconds: float  # the median of an image
    total_seconds: float
    peak: int  # peak memory of an answer in bytes


@dataclass(frozen=True, kw_only=True)
class Result:
    """All rows of one evaluation, and what is needed to read or repeat them."""

    rows: tuple[Row, ...]
    facts: Mapping[str, Any]

    @property
    def models(self) -> list[str]:
        """The models in the order requested."""
        return list(dict.fromkeys(row.model for row in self.rows))

    @property
    def metrics(self) -> list[str]:
        """The names of the scores, in the protocol's order."""
        return list(dict.fromkeys(name for row in self.rows for name in row.scores))

    def summaries(self) -> list[Summary]:
        """Return one summary per model over all images."""
        return [
            summarise([row for row in self.rows if row.model == model], "") for model in self.models
        ]

    def by_class(self) -> list[Summary]:
        """Return one summary per model and class, the classes in order."""
        labels = sorted({row.label for row in self.rows})
        return [
            summarise([row for row in self.rows if (row.model, row.label) == (model, label)], label)
            for model in self.models
            for label in labels
        ]


def summarise(rows: Sequence[Row], label: str) -> Summary:
    """Average over the images that have a score; the deviation is the sample's."""
    columns: dict[str, list[float]] = {}
    for row in rows:
        for name, score in row.scores.items():
            columns.setdefault(name, []).append(score)
    seconds = [row.seconds for row in rows]
    return Summary(
        model=rows[0].model,
        scale=rows[0].scale,
        label=label,
        count=len(rows),
        mean={name: fmean(column) for name, column in columns.items()},
        std={name: _deviation(column) for name, column in columns.items()},
        seconds=median(seconds),
        total_seconds=sum(seconds),
        peak=max(row.peak for row in rows),
    )


def _deviation(values: Sequence[float]) -> float:
    """Return the sample's deviation; 0 where undefined, as for one image or perfect ones."""
    if len(values) < 2 or not all(map(math.isfinite, values)):
        return 0.0
    return stdev(values)
