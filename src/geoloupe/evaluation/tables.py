"""Rows as files (images.csv, classes.csv, summary.csv, summary.json), and differences as tables."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from geoloupe.evaluation.bootstrap import DRAWS, FEW, Difference
from geoloupe.evaluation.published import Published
from geoloupe.evaluation.rows import Result, Summary
from geoloupe.reports.pages import Table
from geoloupe.reports.table_texts import csv_text
from geoloupe.storage.publish import publish_texts

FILES = ("images.csv", "classes.csv", "summary.csv", "summary.json")


def write_tables(result: Result, folder: Path, *, overwrite: bool = False) -> None:
    """Write every number; each file is whole or absent."""
    summaries = result.summaries()
    texts = {
        "images.csv": csv_text(image_lines(result)),
        "classes.csv": csv_text(_summary_lines(result, result.by_class())),
        "summary.csv": csv_text(_summary_lines(result, summaries)),
        "summary.json": _json(result, summaries),
    }
    publish_texts(folder, texts, overwrite=overwrite)


def image_lines(result: Result) -> Iterable[Sequence[object]]:
    """Return every score of every image, headings first."""
    yield ["model", "scale", "image", "class", *result.metrics, "seconds"]
    for row in result.rows:
        scores = [_number(row.scores.get(name)) for name in result.metrics]
        yield [row.model, row.scale, row.image, row.label, *scores, f"{row.seconds:.4f}"]


def difference_table(found: Sequence[Difference]) -> Table:
    """Tabulate differences for readers."""
    return Table(
        title="How certain the differences are",
        note=f"95 % bootstrap interval (BCa) of the mean over images, {DRAWS:,} draws. A "
        f"difference whose interval contains zero, or of fewer than {FEW} images, may be chance.",
        headings=["model and other", "metric", "difference", "from", "to", "sure"],
        rows=[
            [
                f"{row.model} and {row.other}",
                row.metric,
                *(f"{value:+.4f}" for value in (row.mean, row.low, row.high)),
                "yes" if row.sure else "no",
            ]
            for row in found
        ],
    )


def published_tables(found: Sequence[Published]) -> list[Table]:
    """Tabulate what papers report, if anything."""
    if not found:
        return []
    metrics = list(dict.fromkeys(name for row in found for name in row.scores))
    differences = " ".join(dict.fromkeys(row.differences for row in found))
    return [
        Table(
            title="What papers report",
            note=f"For orientation, not for ranking: other weights, other splits. {differences}",
            headings=["model", *metrics, "source"],
            rows=[
                [
                    row.model,
                    *(f"{row.scores[name]:g}" if name in row.scores else "" for name in metrics),
                    row.source,
                ]
                for row in found
            ],
        )
    ]


def difference_lines(found: Sequence[Difference]) -> list[list[str]]:
    """Return differences for programs."""
    head = ["model", "other", "metric", "images", "mean", "low", "high", "sure"]
    return [head] + [
        [
            *(row.model, row.other, row.metric, str(row.images)),
            *(f"{value:.9f}" for value in (row.mean, row.low, row.high)),
            str(row.sure),
        ]
        for row in found
    ]


def _summary_lines(result: Result, summaries: Iterable[Summary]) -> Iterable[Sequence[object]]:
    columns = [f"{name} {kind}" for name in result.metrics for kind in ("mean", "std")]
    yield ["model", "scale", "class", "images", *columns, "seconds median", "peak MB"]
    for summary in summaries:
        scores = [
            _number(values.get(name))
            for name in result.metrics
            for values in (summary.mean, summary.std)
        ]
        peak = f"{summary.peak / 1e6:.0f}"
        head = [summary.model, summary.scale, summary.label or "all", summary.count]
        yield [*head, *scores, f"{summary.seconds:.4f}", peak]


def _json(result: Result, summaries: Sequence[Summary]) -> str:
    models = [
        {
            "model": summary.model,
            "scale": summary.scale,
            "images": summary.count,
            "mean": {name: _finite(value) for name, value in summary.mean.items()},
            "std": {name: _finite(value) for name, value in summary.std.items()},
            "seconds_median": summary.seconds,
            "seconds_total": summary.total_seconds,
            "peak_bytes": summary.peak,
        }
        for summary in summaries
    ]
    return json.dumps(dict(result.facts) | {"models": models}, indent=2, allow_nan=False) + "\n"


def _finite(value: float) -> float | str:
    """JSON has no infinity, and a perfect image has an infinite PSNR."""
    return value if abs(value) != float("inf") else ("inf" if value > 0 else "-inf")


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if abs(value) < 1e-3 else f"{value:.6f}"
