"""Models x a split x a protocol -> one row per model and image."""

from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from geoloupe.datasets.preparation.prepared import PreparedDataset
from geoloupe.evaluation.rows import Result
from geoloupe.evaluation.trial import EvaluateOptions, Trial
from geoloupe.models.model import Model
from geoloupe.system.progress import Progress


def evaluate(
    models: Sequence[str | Path | Model],
    data: str | PreparedDataset,
    *,
    split: str = "test",
    progress: Progress | None = None,
    **options: Unpack[EvaluateOptions],
) -> Result:
    """Measure every model on every image of a split.

    Args:
        models: Names, weights or loaded models.
        data: A prepared data set, its folder, or its name, optionally with ":split".
        split: The split, unless `data` names it.
        progress: Called with the number of measured images and of all.
        **options: scale, protocol, metrics, degradation and others; see EvaluateSettings.

    Returns:
        A row per model and image, with means from `summaries()`.

    Example:
        >>> result = geoloupe.evaluate(["bicubic", "loupe-x2"], "prepared:test")
        >>> [summary.model for summary in result.summaries()]
        ['bicubic', 'loupe-x2']
    """
    trial = Trial.open(models, data, split=split, **options)
    rows = tuple(answer.row for answer in trial.answers(progress))
    return Result(rows=rows, facts=trial.facts)
