"""Whether spectral indices of sharpened images agree with those of the truth."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from geoloupe.errors import InputError
from geoloupe.evaluation.bootstrap import differences, interval
from geoloupe.evaluation.rows import Result, Summary
from geoloupe.evaluation.tables import difference_lines, difference_table, image_lines
from geoloupe.imagery.image import Image
from geoloupe.metrics.indices import INDICES, index_map
from geoloupe.reports.pages import Table
from geoloupe.reports.study import Study
from geoloupe.studies.downstream.observation import TRUTH, observe
from geoloupe.system.progress import Progress

NUMBERS = ("images.csv", "summary.csv", "differences.csv")
_KINDS = ("error", "correlation", "class")
_EDGES = {"NDVI": 0.3, "NDWI": 0.0, "NDBI": 0.0, "NDSI": 0.4}  # above: vegetation, water, ...


def index_agreement(
    models: Sequence[str], data: str, *, progress: Progress | None = None, **options: Any
) -> Study:
    """Compare the indices that the bands allow; `options` are `evaluate`'s."""
    found = observe(models, data, agreement, progress=progress, options=options)
    judged = found.judged(lambda scores, _: scores)
    rows = tuple(row for row in judged.rows if row.model != TRUTH)
    result = Result(rows=rows, facts=found.result.facts)
    if not result.metrics:
        raise InputError(f"{data}: has no bands that an index is made of, such as red and nir")
    first = result.models[0]
    changes = differences(result, first)
    where = result.facts["data"]
    table = _table(result)
    return Study(
        title=f"Spectral indices on {where['name']}, {where['split']}",
        lead=_lead(result),
        made=f"{len(rows) // len(result.models)} images; LR by "
        f"{result.facts['degradation']['name']}, seed {result.facts['settings']['seed']}. "
        "The class of an index is where it is above "
        + ", ".join(f"{edge:g} ({name})" for name, edge in _EDGES.items())
        + ".",
        tables=[table, *([difference_table(changes)] if changes else [])],
        numbers={
            "images.csv": image_lines(result),
            "summary.csv": [table.headings, *table.rows],
            "differences.csv": difference_lines(changes),
        },
    )


def agreement(sr: Image, hr: Image) -> Mapping[str, float]:
    """Score one image: mean error, correlation, and share of pixels in the same class."""
    scores = {}
    names = {band.common for band in hr.bands}
    for index in INDICES:
        if not {index.plus, index.minus} <= names:
            continue
        one, two = index_map(sr, index), index_map(hr, index)
        known = ~np.isnan(one) & ~np.isnan(two)
        if not known.any():
            continue
        one, two = one[known], two[known]
        scores[f"{index.name} error"] = float(np.abs(one - two).mean())
        if one.std() > 0 and two.std() > 0:
            scores[f"{index.name} correlation"] = float(np.corrcoef(one, two)[0, 1])
        edge = _EDGES[index.name]
        scores[f"{index.name} class"] = float(((one > edge) == (two > edge)).mean())
    return scores


def _table(result: Result) -> Table:
    names = list(dict.fromkeys(metric.split()[0] for metric in result.metrics))
    rows = [
        [f"{summary.model}, {name}", *(_cell(result, summary, f"{name} {kind}") for kind in _KINDS)]
        for name in names
        for summary in result.summaries()
    ]
    return Table(
        title="Agreement of indices with the truth's",
        note="Means over images with their 95 % bootstrap intervals. "
        "Error: mean absolute difference of the index; class: share of pixels on the same "
        "side of the index's usual threshold.",
        headings=["model and index", *_KINDS],
        rows=rows,
    )


def _cell(result: Result, summary: Summary, metric: str) -> str:
    scores = [
        row.scores[metric]
        for row in result.rows
        if row.model == summary.model and metric in row.scores
    ]
    if not scores:
        return ""
    low, high = interval(scores)
    return f"{summary.mean[metric]:.4f} ({low:.4f} to {high:.4f})"


def _lead(result: Result) -> str:
    metric = next(name for name in result.metrics if name.endswith("error"))
    means = {row.model: row.mean[metric] for row in result.summaries()}
    best = min(means, key=lambda name: means[name])
    means_text = ", ".join(f"{name} {mean:.4f}" for name, mean in means.items())
    return f"Mean {metric}: {means_text}. {best} is the closest to the truth."
