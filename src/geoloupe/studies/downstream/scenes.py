"""Whether a classifier that learned on true scenes recognises sharpened ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from geoloupe.datasets.preparation.prepared import PreparedDataset
from geoloupe.errors import InputError
from geoloupe.evaluation.bootstrap import differences, interval
from geoloupe.evaluation.rows import Result
from geoloupe.evaluation.tables import difference_lines, difference_table, image_lines
from geoloupe.evaluation.trial import open_data
from geoloupe.reports.drawings import bars
from geoloupe.reports.pages import Figure, Table
from geoloupe.reports.study import Study
from geoloupe.studies.classifier import Classifier
from geoloupe.studies.downstream.observation import TRUTH, observe
from geoloupe.system.progress import Progress

NUMBERS = ("images.csv", "summary.csv", "classes.csv", "differences.csv")
_METRIC = "accuracy"


@dataclass(frozen=True, kw_only=True)
class SceneSettings:
    """How the classifier learns."""

    epochs: int = 30
    learn_from: str = "train"  # the split
    classifier_seed: int = 0

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ValueError("epochs must be 1 or more")


def scene_classes(
    models: Sequence[str],
    data: str,
    *,
    task: SceneSettings | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Study:
    """Train a classifier on true scenes, then show it every model's; `options` are `evaluate`'s."""
    chosen = task or SceneSettings()
    prepared, split = open_data(data, "test")
    _refuse(prepared, split, chosen)
    classifier = Classifier.trained(
        prepared,
        prepared.split(chosen.learn_from),
        epochs=chosen.epochs,
        seed=chosen.classifier_seed,
        progress=progress,
    )
    found = observe(
        models, data, lambda sr, _: classifier.name(sr), progress=progress, options=options
    )
    result = found.judged(lambda name, row: {_METRIC: float(name == row.label), **row.scores})
    table = _table(result)
    first = result.models[0]
    changes = differences(result, first)
    facts = result.facts
    return Study(
        title=f"Scenes recognised on {prepared.name}, {split}",
        lead=_lead(result),
        made=f"A convolutional classifier of {len(classifier.labels)} classes learned the "
        f"{len(prepared.split(chosen.learn_from))} true scenes of the split {chosen.learn_from} in "
        f"{chosen.epochs} epochs (seed {chosen.classifier_seed}) and was shown "
        f"{len(found.seen[TRUTH])} others; LR by {facts['degradation']['name']}, seed "
        f"{facts['settings']['seed']}.",
        tables=[table, difference_table(changes), _class_table(result)],
        drawings={"classes": _drawing(result)},
        numbers={
            "images.csv": image_lines(result),
            "summary.csv": [table.headings, *table.rows],
            "classes.csv": [["class", *result.models], *_class_rows(result)],
            "differences.csv": difference_lines(changes),
        },
    )


def _refuse(prepared: PreparedDataset, split: str, chosen: SceneSettings) -> None:
    """Refuse what would only fail after minutes of learning."""
    learned = {entry.label for entry in prepared.split(chosen.learn_from)}
    strangers = sorted({entry.label for entry in prepared.split(split)} - learned)
    if strangers:
        raise InputError(
            f"{prepared.name}: the split {chosen.learn_from} has no scene of {strangers[0]!r}, "
            f"which the split {split} has"
        )
    if split == chosen.learn_from:
        raise InputError(f"a classifier cannot be tried on what it learned from, {split}")


def _table(result: Result) -> Table:
    rows = []
    for summary in result.summaries():
        right = [row.scores[_METRIC] for row in result.rows if row.model == summary.model]
        low, high = interval(right)
        score = summary.mean.get("psnr")
        rows.append(
            [
                summary.model,
                f"{summary.mean[_METRIC]:.4f}",
                *(f"{value:.4f}" for value in (low, high)),
                "" if score is None else f"{score:.4f}",
            ]
        )
    return Table(
        title="Scenes recognised",
        note="Share of scenes whose class was named rightly, with its 95 % bootstrap interval. "
        "The classifier saw only true scenes before.",
        headings=["shown", "accuracy", "from", "to", "PSNR"],
        rows=rows,
    )


def _class_rows(result: Result) -> list[list[str]]:
    means = {(row.model, row.label): row.mean[_METRIC] for row in result.by_class()}
    labels = sorted({label for _, label in means})
    return [
        [label, *(f"{means.get((name, label), 0.0):.4f}" for name in result.models)]
        for label in labels
    ]


def _class_table(result: Result) -> Table:
    return Table(
        title="Accuracy by class", headings=["class", *result.models], rows=_class_rows(result)
    )


def _drawing(result: Result) -> Figure:
    rows = _class_rows(result)
    series = {
        name: [float(row[place]) for row in rows]
        for place, name in enumerate(result.models, start=1)
    }
    return Figure(
        title="Accuracy by class", svg=bars([row[0] for row in rows], series, "share recognised")
    )


def _lead(result: Result) -> str:
    means = {row.model: row.mean[_METRIC] for row in result.summaries()}
    means_text = ", ".join(f"{name} {mean:.1%}" for name, mean in means.items())
    return f"Scenes recognised: {means_text}."
