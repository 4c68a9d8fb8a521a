"""Models x a split x a protocol -> one row for each model and image."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from geoloupe.datasets.preparation.prepared import PreparedDataset
from geoloupe.evaluation.rows import Result
from geoloupe.evaluation.trial import Trial
from geoloupe.models.model import Model
from geoloupe.system.progress import Progress


def evaluate(
    models: Sequence[str | Path | Model],
    data: str | PreparedDataset,
    *,
    split: str = "test",
    progress: Progress | None = None,
    **options: Any,
) -> Result:
    """Measure every model on every image of a split; `options` are those of EvaluateSettings.

    `data` is a prepared data set, its folder, or its name, optionally with ":split".
    """
    trial = Trial.open(models, data, split=split, **options)
    rows = tuple(answer.row for answer in trial.answers(progress))
    return Result(rows=rows, facts=trial.facts)
