"""Pixel classification on super-resolved cubes compared with the ground truth."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoloupe.errors import InputError, errors_named
from geoloupe.evaluation.bootstrap import differences, interval
from geoloupe.evaluation.rows import Result, Row
from geoloupe.evaluation.tables import difference_lines, difference_table, image_lines
from geoloupe.imagery.image import Image
from geoloupe.rasters.opening import open_source
from geoloupe.reports.drawings import curves
from geoloupe.reports.pages import Figure, Table
from geoloupe.reports.study import Study
from geoloupe.studies.downstream.observation import TRUTH, Observation, observe
from geoloupe.studies.downstream.spectral_classifiers import (
    METHODS,
    Labels,
    Spectra,
    agreement,
    cluster,
    needing_sklearn,
    ranked_bands,
    separate,
    vote,
)
from geoloupe.system.progress import Progress

NUMBERS = ("blocks.csv", "summary.csv", "differences.csv", "bands.csv")
_BLOCKS = 5  # along each side of a cube: what the intervals are drawn from
_COUNTS = (1, 2, 3, 5, 8, 12, 20, 30, 50, 80, 120, 200)  # of bands


@dataclass(frozen=True, kw_only=True)
class PixelSettings:
    """What the pixels are called, and how a classifier learns it."""

    classes: int = 8  # clusters of the truth's spectra that count as classes
    labels: str | None = None  # a raster of class numbers instead, 0 for none; of one cube
    share: float = 0.1  # of the labelled pixels, which the classifiers learn from
    most: int = 1000  # of them
    neighbours: int = 5
    pixel_seed: int = 0

    def __post_init__(self) -> None:
        if self.classes < 2 or self.neighbours < 1 or self.most < 10:
            raise ValueError("classes must be 2 or more, neighbours 1 or more, most 10 or more")
        if not 0 < self.share < 1:
            raise ValueError("share must lie between 0 and 1")


@dataclass(frozen=True, kw_only=True)
class Named:
    """The pixels of one cube that no classifier learned: what they are and were called."""

    labels: Labels  # (N,)
    blocks: Labels  # (N,) the block that each lies in
    answers: Mapping[str, Labels]  # by method
    curve: Mapping[int, float]  # accuracy of nearest neighbours by the number of bands


def pixel_classes(
    models: Sequence[str],
    data: str,
    *,
    task: PixelSettings | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Study:
    """Learn classes from true pixels, then name every model's; `options` are `evaluate`'s."""
    chosen = task or PixelSettings()
    with needing_sklearn():  # before anything is enlarged
        import sklearn  # noqa: F401
    known = None if chosen.labels is None else _read_labels(Path(chosen.labels))

    def look(sr: Image, hr: Image) -> Named:
        with errors_named(chosen.labels or data):
            return name_pixels(sr, hr, chosen, known)

    found = observe(models, data, look, progress=progress, options=options)
    result = Result(rows=tuple(_block_rows(found)), facts=found.result.facts)
    changes = differences(result, result.models[0])
    table, facts = _table(found, result), result.facts
    where = facts["data"]
    origin = f"labels of {Path(chosen.labels).name}" if chosen.labels else "clusters of its spectra"
    return Study(
        title=f"Pixel classes on {where['name']}, {where['split']}",
        lead=_lead(result),
        made=f"Classes are {origin}. Classifiers learned {chosen.share:.0%} of the true "
        f"pixels, {chosen.most} at most, and named the others (seed {chosen.pixel_seed}); LR by "
        f"{facts['degradation']['name']}, seed {facts['settings']['seed']}.",
        tables=[table, difference_table(changes)],
        drawings={"bands": _drawing(found)},
        numbers={
            "blocks.csv": image_lines(result),
            "summary.csv": [table.headings, *table.rows],
            "differences.csv": difference_lines(changes),
            "bands.csv": _curve_lines(found),
        },
    )


def name_pixels(sr: Image, hr: Image, task: PixelSettings, known: Labels | None) -> Named:
    """Learn from true spectra, name the other pixels by the spectra of `sr`."""
    rng = np.random.default_rng(task.pixel_seed)
    true, seen = (image.in_unit().values.astype(np.float64) for image in (hr, sr))
    whole = np.isfinite(true).all(axis=0) & np.isfinite(seen).all(axis=0)
    if known is None:
        labels = np.zeros(whole.shape, np.int64)
        labels[whole] = cluster(true[:, whole].T, task.classes, task.pixel_seed) + 1
    else:
        if known.shape != whole.shape:
            found, expected = (
                f"{width} x {height}" for height, width in (known.shape, whole.shape)
            )
            raise InputError(f"labels of {found} pixels do not fit a truth of {expected}")
        labels = np.where(whole, known, 0)
    learned = _learned(labels, task, rng)
    tried = (labels > 0) & ~learned
    if not tried.any():
        raise InputError("no labelled pixel is left to be named; lower share")
    spectra, answers = true[:, learned].T, seen[:, tried].T
    classes = labels[learned] - 1
    names = (
        vote(spectra, classes, answers, count=task.neighbours),
        separate(spectra, classes, answers),
    )
    order = ranked_bands(answers)
    truth = labels[tried] - 1
    return Named(
        labels=truth,
        blocks=_blocks(whole.shape)[tried],
        answers=dict(zip(METHODS, names, strict=True)),
        curve={
            count: float((vote(some, classes, part, count=task.neighbours) == truth).mean())
            for count, some, part in _fewer(spectra, answers, order)
        },
    )


def _fewer(
    spectra: Spectra, answers: Spectra, order: Labels
) -> Iterator[tuple[int, Spectra, Spectra]]:
    """Return fewer bands, the most telling of the answers first."""
    for count in sorted({*(n for n in _COUNTS if n < len(order)), len(order)}):
        yield count, spectra[:, order[:count]], answers[:, order[:count]]


def _learned(labels: Labels, task: PixelSettings, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Choose pixels (H,W) to learn from, of every class its share."""
    chosen = np.zeros(labels.shape, bool)
    counts = np.bincount(labels[labels > 0])
    share = min(task.share, task.most / max(counts.sum(), 1))
    for label in np.flatnonzero(counts):
        places = np.argwhere(labels == label)
        count = max(int(len(places) * share), 1)
        rows, columns = places[rng.permutation(len(places))[:count]].T
        chosen[rows, columns] = True
    if len(np.unique(labels[chosen])) < 2:
        raise InputError("fewer than two classes are labelled")
    return chosen


def _blocks(shape: tuple[int, ...]) -> Labels:
    """Number the blocks of a cube (H,W)."""
    rows, columns = (np.arange(side) * _BLOCKS // side for side in shape)
    return np.asarray(rows[:, None] * _BLOCKS + columns[None], np.int64)


def _read_labels(path: Path) -> Labels:
    with open_source(path) as source:
        values = source.read().values[0]
    if not np.array_equal(values, np.rint(values)) or values.min() < 0:
        raise InputError(f"{path}: labels are whole numbers from 0, where 0 is no class")
    return np.asarray(values, np.int64)


def _block_rows(found: Observation[Named]) -> Iterator[Row]:
    """Return the accuracy of each method in each block, so that means have intervals."""
    plain = {row.image: row for row in found.result.rows}
    for model, seen in found.seen.items():
        for (image, row), one in zip(plain.items(), seen, strict=True):
            for block in np.unique(one.blocks):
                inside = one.blocks == block
                scores = {
                    method: float((names[inside] == one.labels[inside]).mean())
                    for method, names in one.answers.items()
                }
                yield Row(
                    model=model,
                    scale=row.scale,
                    image=f"{image}, block {block + 1}",
                    label=row.label,
                    scores=scores,
                    seconds=0.0,
                )


def _table(found: Observation[Named], result: Result) -> Table:
    rows = []
    for model, seen in found.seen.items():
        for method in METHODS:
            right = [row.scores[method] for row in result.rows if row.model == model]
            truth = np.concatenate([one.labels for one in seen])
            names = np.concatenate([one.answers[method] for one in seen])
            overall, average, kappa = agreement(truth, names)
            low, high = interval(right)
            rows.append(
                [
                    f"{model}, {method}",
                    *(f"{value:.4f}" for value in (overall, average, kappa, low, high)),
                ]
            )
    return Table(
        title="Pixels named rightly",
        note="Overall and average accuracy, Cohen's kappa, and the 95 % bootstrap interval of "
        f"the mean over the {_BLOCKS} x {_BLOCKS} blocks of each cube. The classifiers "
        "learned from true pixels alone.",
        headings=["shown and method", "overall", "average", "kappa", "from", "to"],
        rows=rows,
    )


def _curves(found: Observation[Named]) -> dict[str, dict[int, float]]:
    """Average accuracy over cubes by the number of bands, for each model and the truth."""
    return {
        model: {
            count: float(np.mean([one.curve[count] for one in seen if count in one.curve]))
            for count in sorted({count for one in seen for count in one.curve})
        }
        for model, seen in found.seen.items()
    }


def _curve_lines(found: Observation[Named]) -> list[list[str]]:
    lines = [["shown", "bands", "accuracy"]]
    for model, curve in _curves(found).items():
        lines += [[model, str(count), f"{score:.6f}"] for count, score in curve.items()]
    return lines


def _drawing(found: Observation[Named]) -> Figure:
    lines = {
        model: (np.array(list(curve), float), np.array(list(curve.values())))
        for model, curve in _curves(found).items()
    }
    return Figure(
        title="Accuracy with fewer bands",
        note="Nearest neighbours; the bands of each image in the order in which they add the most "
        "(QR with column pivoting of its own spectra).",
        svg=curves(lines, "bands", "share of pixels named rightly", logarithmic="x"),
    )


def _lead(result: Result) -> str:
    method = METHODS[0]
    means = {row.model: row.mean[method] for row in result.summaries() if row.model != TRUTH}
    truth = next(row.mean[method] for row in result.summaries() if row.model == TRUTH)
    means_text = ", ".join(f"{name} {mean:.1%}" for name, mean in means.items())
    return f"Pixels named rightly by {method}: {means_text}; of the truth itself {truth:.1%}."
