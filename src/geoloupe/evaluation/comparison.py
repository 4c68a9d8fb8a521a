"""Several models on the same images: scores, certainty of differences, and crops to see."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from geoloupe.datasets.samples.examples import Example
from geoloupe.errors import InputError
from geoloupe.evaluation.bootstrap import Difference, differences
from geoloupe.evaluation.published import Published, published
from geoloupe.evaluation.rows import Result
from geoloupe.evaluation.trial import Answer, EvaluateOptions, Trial
from geoloupe.imagery.image import Image
from geoloupe.models.model import Model
from geoloupe.networks.summary import multiply_adds, parameter_count
from geoloupe.system.progress import Progress

_KEPT_BYTES = 2**28  # of answers kept until it is known which are worth showing
# Images are chosen by the best model's gain on them: quantile of the gains, and its name.
_SHOWN = (
    (0.5, "the median gain"),
    (1.0, "the largest gain"),
    (0.0, "the smallest gain"),
    (0.75, "a gain above three quarters of the others"),
)


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
    metric: str  # by which the best is chosen
    parameters: dict[str, int]  # by model
    multiply_adds: dict[str, int]  # for the image shown first
    histories: dict[str, NDArray[np.float64]]  # steps and scores (N,2) of runs with a log

    @property
    def best(self) -> str:
        """The model with the best mean."""
        return _best(self.result, self.metric)


@dataclass
class _Bands:
    """Collects the PSNR of every band, image by image."""

    sums: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    counts: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    def add(self, answer: Answer) -> None:
        sr, hr = (
            image.in_unit().values.astype(np.float64) for image in (answer.sr, answer.example.hr)
        )
        error = np.nanmean((sr - hr) ** 2, axis=(1, 2))
        score = -10 * np.log10(np.maximum(error, 1e-12))
        name, good = answer.row.model, np.isfinite(score)
        if name not in self.sums:
            self.sums[name], self.counts[name] = np.zeros(len(score)), np.zeros(len(score))
        self.sums[name] += np.where(good, score, 0)
        self.counts[name] += good

    def means(self) -> dict[str, NDArray[np.float64]]:
        return {name: total / np.maximum(self.counts[name], 1) for name, total in self.sums.items()}


@dataclass
class _Kept:
    """Keeps the answers to as many images as memory allows, spread evenly over the split."""

    models: int
    images: int
    examples: dict[str, Example] = field(default_factory=dict)
    answers: dict[str, dict[str, Image]] = field(default_factory=dict)
    _places: frozenset[int] | None = None
    _seen: int = 0

    def add(self, answer: Answer) -> None:
        place = self._seen % self.images
        self._seen += 1
        if self._places is None:
            most = max(_KEPT_BYTES // (answer.sr.values.nbytes * self.models), len(_SHOWN))
            spread = np.linspace(0, self.images - 1, min(most, self.images)).round()
            self._places = frozenset(spread.astype(int).tolist())
        if place in self._places:
            image = answer.example.id
            self.examples.setdefault(image, answer.example)
            self.answers.setdefault(image, {})[answer.row.model] = answer.sr.in_unit()

    def shown(self, gains: Mapping[str, float]) -> tuple[Shown, ...]:
        """Return the kept images nearest to given quantiles of all gains."""
        known = [image for image in self.answers if image in gains]
        ranked = sorted(gains.values())
        near = ", or close to it" if len(known) < len(gains) else ""
        found: dict[str, Shown] = {}
        for share, name in _SHOWN:
            wanted = ranked[round(share * (len(ranked) - 1))]
            image = min(known, key=lambda image: abs(gains[image] - wanted))
            why = f"{name} of all images{near}" if len(gains) > 1 else "being the only one"
            found.setdefault(
                image,
                Shown(
                    example=self.examples[image],
                    answers=self.answers[image],
                    why=f"{why}: {gains[image]:+.2f}",
                ),
            )
        return tuple(found.values())


def compare(
    models: Sequence[str | Path | Model],
    data: str,
    *,
    progress: Progress | None = None,
    **options: Unpack[EvaluateOptions],
) -> Comparison:
    """Measure models on the same images, with bootstrap intervals of their differences.

    Args:
        models: Two or more; the first is the baseline.
        data: A prepared data set, its folder or its name, optionally with ":split".
        progress: Called with the number of measured images and of all.
        **options: scale, protocol, metrics, degradation and others; see EvaluateSettings.

    Returns:
        Rows, differences from the baseline and from the best, and crops to see.

    Example:
        >>> found = geoloupe.compare(["bicubic", "loupe-x2"], "prepared:test")
        >>> found.best in ("bicubic", "loupe-x2")
        True
    """
    if len(models) < 2:
        raise InputError("name at least two models to compare")
    trial = Trial.open(models, data, **options)
    opened = tuple(entrant.model for entrant in trial.entrants)
    scale = _common_scale(opened)
    rows, bands = [], _Bands()
    kept = _Kept(models=len(opened), images=len(trial) // len(opened))
    for answer in trial.answers(progress):
        rows.append(answer.row)
        bands.add(answer)
        kept.add(answer)
    result = Result(rows=tuple(rows), facts=trial.facts)
    metric = trial.scoring.protocol.yardstick
    first, best = result.models[0], _best(result, metric)
    found = differences(result, first)
    if best != first:
        found += [row for row in differences(result, best) if row.model != first]
    shown = kept.shown(_gains(result, metric, first, best))
    bands_shown, height, width = shown[0].example.lr.values.shape
    facts = result.facts
    return Comparison(
        result=result,
        models=opened,
        differences=tuple(found),
        published=tuple(published(facts["data"]["name"], scale, facts["protocol"]["name"])),
        by_band=bands.means(),
        shown=shown,
        metric=metric,
        parameters={model.card.name: parameter_count(model.network) for model in opened},
        multiply_adds={
            model.card.name: multiply_adds(model.network, height, width, bands_shown)
            for model in opened
        },
        histories=_histories(models, opened, metric),
    )


def _common_scale(models: Sequence[Model]) -> int:
    """Return the common factor; models of different factors or bands cannot be compared."""
    scales = {model.network.signature.scale for model in models}
    if len(scales) > 1:
        raise InputError(
            f"these models enlarge {sorted(scales)} times; compare those of one factor"
        )
    wanted = {", ".join(model.card.bands) for model in models if model.card.bands}
    if len(wanted) > 1:
        raise InputError(f"these models see different bands: {'; '.join(sorted(wanted))}")
    return scales.pop()


def _best(result: Result, metric: str) -> str:
    means = {row.model: row.mean[metric] for row in result.summaries()}
    return max(means, key=lambda name: means[name])


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
    """Read steps and scores (N,2) from the log of the run that holds the weights, if any."""
    try:
        with (weights.parent / "validation.csv").open(encoding="utf-8") as file:
            rows = [(float(row["step"]), float(row[metric])) for row in csv.DictReader(file)]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return np.array(rows) if rows else None


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
