"""Several models on the same images: scores, how sure their differences are, and crops to see."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from geoloupe.datasets.samples.examples import Example
from geoloupe.errors import InputError
from geoloupe.evaluation.bootstrap import Difference, differences
from geoloupe.evaluation.evaluate import (
    answer,
    evaluate,
    examples_of,
    open_models,
    seen_by,
    tuned_model,
)
from geoloupe.evaluation.published import Published, published
from geoloupe.evaluation.rows import Result
from geoloupe.imagery.image import Image
from geoloupe.models.model import Model
from geoloupe.networks.summary import multiply_adds, parameter_count
from geoloupe.system.progress import Progress

_CROPS = 4  # images that are shown


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One image through all models."""

    example: Example
    answers: dict[str, Image]  # unit values, by model
    why: str


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What was compared and what was found."""

    result: Result
    models: tuple[Model, ...]
    differences: tuple[Difference, ...]  # from the first model, and from the best
    published: tuple[Published, ...]
    by_band: dict[str, NDArray[np.float64]]  # mean PSNR of each band, by model
    shown: tuple[Shown, ...]
    metric: str  # by which the best is the best
    parameters: dict[str, int]  # by model
    multiply_adds: dict[str, int]  # for the image shown first
    histories: dict[str, NDArray[np.float64]]  # steps and scores (N,2) of runs that left a log

    @property
    def best(self) -> str:
        """The model with the best mean."""
        means = {row.model: row.mean[self.metric] for row in self.result.summaries()}
        return max(means, key=lambda name: means[name])


@dataclass
class _Bands:
    """Collects the PSNR of every band, image by image."""

    sums: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    counts: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    def __call__(self, model: Model, sr: Image, hr: Image) -> None:
        one, two = (image.in_unit().values.astype(np.float64) for image in (sr, hr))
        error = np.nanmean((one - two) ** 2, axis=(1, 2))
        score = -10 * np.log10(np.maximum(error, 1e-12))
        name, good = model.card.name, np.isfinite(score)
        if name not in self.sums:
            self.sums[name], self.counts[name] = np.zeros(len(score)), np.zeros(len(score))
        self.sums[name] += np.where(good, score, 0)
        self.counts[name] += good

    def means(self) -> dict[str, NDArray[np.float64]]:
        return {name: total / np.maximum(self.counts[name], 1) for name, total in self.sums.items()}


def compare(
    models: Sequence[str | Path | Model],
    data: str,
    *,
    progress: Progress | None = None,
    **options: Any,
) -> Comparison:
    """Measure models side by side, the first being the yardstick; `options` are `evaluate`'s."""
    opened = open_models(models, options)
    scales = {model.network.signature.scale for model in opened}
    if len(opened) < 2:
        raise InputError("name at least two models to compare")
    if len(scales) > 1:
        raise InputError(
            f"these models enlarge {sorted(scales)} times; compare those of one factor"
        )
    wanted = {", ".join(model.card.bands) for model in opened if model.card.bands}
    if len(wanted) > 1:
        raise InputError(f"these models see other bands: {'; '.join(sorted(wanted))}")
    bands = _Bands()
    result = evaluate(tuple(opened), data, progress=progress, watch=bands, **options)
    metric = "psnr" if "psnr" in result.metrics else result.metrics[0]
    first = result.models[0]
    means = {row.model: row.mean[metric] for row in result.summaries()}
    best = max(means, key=lambda name: means[name])
    found = differences(result, first)
    if best != first:
        found += [row for row in differences(result, best) if row.model != first]
    facts = result.facts
    shown = _shown(result, opened, data, metric, (first, best), options)
    bands_shown, height, width = shown[0].example.lr.values.shape
    return Comparison(
        result=result,
        models=tuple(opened),
        differences=tuple(found),
        published=tuple(published(facts["data"]["name"], scales.pop(), facts["protocol"]["name"])),
        by_band=bands.means(),
        shown=shown,
        metric=metric,
        parameters={
            model.card.name: parameter_count(cast("Any", model.network)) for model in opened
        },
        multiply_adds={
            model.card.name: multiply_adds(model.network, height, width, bands_shown)
            for model in opened
        },
        histories=_histories(models, opened, metric),
    )


def _histories(
    models: Sequence[str | Path | Model], opened: Sequence[Model], metric: str
) -> dict[str, NDArray[np.float64]]:
    found = {}
    for name, model in zip(models, opened, strict=True):
        history = None if isinstance(name, Model) else read_history(Path(name), metric)
        if history is not None:
            found[model.card.name] = history
    return found


def read_history(weights: Path, metric: str) -> NDArray[np.float64] | None:
    """Read steps and scores (N,2) from the log of the run that weights lie in, if they do."""
    try:
        with (weights.parent / "validation.csv").open(encoding="utf-8") as file:
            rows = [(float(row["step"]), float(row[metric])) for row in csv.DictReader(file)]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return np.array(rows) if rows else None


def _shown(
    result: Result,
    models: Sequence[Model],
    data: str,
    metric: str,
    pair: tuple[str, str],
    options: dict[str, Any],
) -> tuple[Shown, ...]:
    """Choose images by how much the best gains on them, not by how they look."""
    first, best = pair
    gains = _gains(result, metric, first, best)
    order = sorted(gains, key=lambda image: gains[image])
    last = len(order) - 1
    picks = {
        order[round(last * share)]: f"{why}: {gains[order[round(last * share)]]:+.2f}"
        for share, why in (
            (0.5, "the median gain of all images"),
            (1.0, "the largest gain of all images"),
            (0.0, "the smallest gain of all images"),
            (0.75, "a gain larger than that of three images of four"),
        )
    }
    if last == 0:
        picks = {order[0]: f"being the only one: {gains[order[0]]:+.2f}"}
    found = []
    for model in models:
        examples = examples_of(model, data, options)
        telling = tuned_model(model, options)
        places = {entry.id: index for index, entry in enumerate(examples.entries)}
        chosen = [seen_by(model, examples[places[name]]) for name in picks]
        found.append([(one, answer(model, telling, one).in_unit()) for one in chosen])
    return tuple(
        Shown(
            example=found[0][index][0],
            answers={
                model.card.name: answers[index][1]
                for model, answers in zip(models, found, strict=True)
            },
            why=why,
        )
        for index, why in enumerate(picks.values())
    )[:_CROPS]


def _gains(result: Result, metric: str, first: str, best: str) -> dict[str, float]:
    scores: dict[str, dict[str, float]] = {first: {}, best: {}}
    for row in result.rows:
        if row.model in scores and metric in row.scores:
            scores[row.model][row.image] = row.scores[metric]
    return {
        image: score - scores[first][image]
        for image, score in scores[best].items()
        if image in scores[first]
    }
