"""A comparison as files: tables in three forms, drawings, pictures, and a page with all of them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from geoloupe.evaluation.bootstrap import FEW
from geoloupe.evaluation.comparison import Comparison, Shown
from geoloupe.evaluation.comparison_drawings import drawings_of, spectra_of
from geoloupe.evaluation.rows import Summary
from geoloupe.evaluation.tables import FILES as TABLES
from geoloupe.evaluation.tables import (
    difference_lines,
    difference_table,
    published_tables,
    write_tables,
)
from geoloupe.imagery.image import Image
from geoloupe.rasters.picture import limits_of
from geoloupe.reports.pages import Table, Viewer, layer
from geoloupe.reports.study import TEXTS, Study, check_study

NUMBERS = (
    *(*TABLES, "differences.csv", "bands.csv", "published.csv"),
    *("costs.csv", "spectra.csv", "training.csv"),
)
FILES = (*TEXTS, *NUMBERS)

Rows = list[list[str]]


def check_report(folder: Path, *, overwrite: bool) -> None:
    """Refuse a folder that cannot hold a report, before any work."""
    check_study(folder, NUMBERS, overwrite=overwrite)


def write_report(found: Comparison, folder: Path, *, overwrite: bool = False) -> None:
    """Write everything; each file is whole or absent."""
    write_tables(found.result, folder, overwrite=overwrite)
    study_of(found).write(folder, overwrite=overwrite)


def study_of(found: Comparison) -> Study:
    """Arrange a comparison for readers and for programs."""
    facts = found.result.facts
    data, count = facts["data"], found.result.summaries()[0].count
    pair = (1, 1 + found.result.models.index(found.best))  # behind the LR pixels
    viewers = [_viewer(shown, pair) for shown in found.shown]
    return Study(
        title=f"{len(found.models)} models on {data['name']}, {data['split']}",
        lead=_lead(found),
        tables=_tables(found),
        drawings=drawings_of(found),
        first=viewers[:1],
        last=viewers[1:],
        numbers={
            "differences.csv": difference_lines(found.differences),
            "bands.csv": _band_lines(found),
            "published.csv": _published_lines(found),
            "costs.csv": _cost_lines(found),
            "spectra.csv": _spectrum_lines(found),
            "training.csv": _history_lines(found),
        },
        made=f"{count} images; {facts['protocol']['name']}: {facts['protocol']['conventions']}; "
        f"LR by {facts['degradation']['name']}, seed {facts['settings']['seed']}.",
    )


def _lead(found: Comparison) -> str:
    first, best = found.result.models[0], found.best
    rows = [row for row in found.differences if (row.model, row.other) == (best, first)]
    row = next((row for row in rows if row.metric == found.metric), None)
    if row is None:
        return f"None is better than {first} in {found.metric}."
    if row.images < FEW:
        images = "one image" if row.images == 1 else f"{row.images} images"
        return (
            f"{best} is {row.mean:+.2f} from {first} in {found.metric} on {images}, too "
            "few to say that it holds on others."
        )
    doubt = "" if row.sure else "; that may be chance"
    return (
        f"{best} is {row.mean:+.2f} from {first} in {found.metric}, 95 % bootstrap interval "
        f"{row.low:+.2f} to {row.high:+.2f}{doubt}."
    )


def _tables(found: Comparison) -> list[Table]:
    result = found.result
    summaries = {row.model: row for row in result.summaries()}
    scores: Rows = [
        [
            name,
            *(_spread(row, metric) for metric in result.metrics),
            f"{found.parameters[name]:,}",
            f"{row.seconds:.3f}",
            f"{row.peak / 1e6:.0f}",
        ]
        for name, row in summaries.items()
    ]
    tables = [
        Table(
            title="Scores",
            note="Mean and standard deviation over images; the time is the median per image.",
            headings=["model", *result.metrics, "parameters", "seconds", "peak MB"],
            rows=scores,
        ),
        difference_table(found.differences),
    ]
    tables += published_tables(found.published)
    labels = sorted({row.label for row in result.rows if row.label})
    if len(labels) > 1:
        tables.append(_class_table(found, labels))
    return tables


def _class_table(found: Comparison, labels: Sequence[str]) -> Table:
    means = {(row.model, row.label): row.mean for row in found.result.by_class()}
    return Table(
        title=f"{found.metric} by class",
        headings=["class", *found.result.models],
        rows=[
            [label, *(_score(means[name, label].get(found.metric)) for name in found.result.models)]
            for label in labels
        ],
    )


def _viewer(shown: Shown, pair: tuple[int, int]) -> Viewer:
    """Show the LR pixels, every answer, the truth, and how far each answer is from it."""
    hr = shown.example.hr.in_unit()
    scale = hr.grid.height // shown.example.lr.grid.height
    limits = limits_of(hr)
    pixels = shown.example.lr.in_unit().repeated(scale)
    layers = [layer("LR", pixels, limits)]
    errors = []
    for name, answer in shown.answers.items():
        layers.append(layer(name, answer, limits))
        errors.append((name, Image.of(np.abs(answer.values - hr.values), radiometry=hr.radiometry)))
    layers.append(layer("truth", hr, limits))
    for name, error in errors:
        mean = np.nanmean(error.values, axis=0, keepdims=True)
        shade = Image.of(mean, radiometry=hr.radiometry)
        layers.append(layer(f"error of {name}", shade, ((0.0,), (0.15,))))
    return Viewer(
        title=shown.example.id,
        note=f"Chosen for {shown.why}. Errors are drawn from 0 (black) to 0.15.",
        size=(hr.grid.width, hr.grid.height),
        layers=layers,
        pair=pair,
    )


def _spread(row: Summary, metric: str) -> str:
    if metric not in row.mean:
        return ""
    mean = f"{row.mean[metric]:.4f}"
    return mean if row.count == 1 else f"{mean} ± {row.std[metric]:.4f}"


def _score(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _band_lines(found: Comparison) -> Rows:
    lines = [["model", "band", "psnr"]]
    for name, scores in found.by_band.items():
        lines += [[name, str(band), f"{score:.6f}"] for band, score in enumerate(scores, start=1)]
    return lines


def _published_lines(found: Comparison) -> Rows:
    lines = [["model", "metric", "value", "source", "differences"]]
    for row in found.published:
        lines += [
            [row.model, name, f"{value:g}", row.source, row.differences]
            for name, value in row.scores.items()
        ]
    return lines


def _cost_lines(found: Comparison) -> Rows:
    lines = [["model", "parameters", "multiply-adds"]]
    for name, count in found.parameters.items():
        lines.append([name, str(count), str(found.multiply_adds[name])])
    return lines


def _spectrum_lines(found: Comparison) -> Rows:
    lines = [["place", "image", "band", "value"]]
    for place, spectra in spectra_of(found.shown[0]).items():
        for name, (bands, values) in spectra.items():
            lines += [
                [place, name, f"{band:.0f}", f"{value:.6f}"]
                for band, value in zip(bands, values, strict=True)
            ]
    return lines


def _history_lines(found: Comparison) -> Rows:
    lines = [["model", "step", found.metric]]
    for name, history in found.histories.items():
        lines += [[name, f"{step:.0f}", f"{score:.6f}"] for step, score in history]
    return lines
