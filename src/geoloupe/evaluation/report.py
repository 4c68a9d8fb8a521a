"""A comparison as files: tables in three forms, drawings, pictures, and a page with all of them."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from geoloupe.evaluation.comparison import Comparison, Shown
from geoloupe.evaluation.drawings import bars, curves, points
from geoloupe.evaluation.pages import Figure, Page, Table, Viewer, layer, render
from geoloupe.evaluation.tables import FILES as TABLES
from geoloupe.evaluation.tables import write_tables
from geoloupe.files.picture import limits_of, visible
from geoloupe.files.publish import check_folder, publish_texts
from geoloupe.imagery.image import Image

PAGE = "report.html"
FILES = (*TABLES, PAGE, "report.md", "report.tex", "differences.csv", "bands.csv", "published.csv")

Rows = list[list[str]]


def check_report(folder: Path, *, overwrite: bool) -> None:
    """Refuse a folder that cannot hold a report, before the work for it."""
    check_folder(folder, FILES, overwrite=overwrite)


def write_report(found: Comparison, folder: Path, *, overwrite: bool = False) -> None:
    """Write everything; each file is whole or absent."""
    write_tables(found.result, folder, overwrite=overwrite)
    tables = _tables(found)
    drawings = _drawings(found)
    texts = {
        "differences.csv": _csv(_difference_lines(found)),
        "bands.csv": _csv(_band_lines(found)),
        "published.csv": _csv(_published_lines(found)),
        "report.md": _markdown(found, tables),
        "report.tex": _latex(tables[0]),
        PAGE: render(_page(found, tables, drawings)),
        **{f"{name}.svg": figure.svg for name, figure in drawings.items()},
    }
    publish_texts(folder, texts, overwrite=overwrite)


def _page(found: Comparison, tables: Sequence[Table], drawings: dict[str, Figure]) -> Page:
    facts = found.result.facts
    data, count = facts["data"], found.result.summaries()[0].count
    pair = (1, 1 + found.result.models.index(found.best))  # behind the LR pixels
    viewers = [_viewer(shown, pair) for shown in found.shown]
    return Page(
        title=f"{len(found.models)} models on {data['name']}, {data['split']}",
        lead=_lead(found),
        parts=[tables[0], *viewers[:1], *tables[1:], *drawings.values(), *viewers[1:]],
        made=f"{count} images; {facts['protocol']['name']}: {facts['protocol']['conventions']}; "
        f"LR by {facts['recipe']['name']}, seed {facts['settings']['seed']}. Every number is in "
        "the .csv files beside this page.",
    )


def _lead(found: Comparison) -> str:
    first, best = found.result.models[0], found.best
    rows = [row for row in found.differences if (row.model, row.other) == (best, first)]
    row = next((row for row in rows if row.metric == found.metric), None)
    if row is None:
        return f"None is better than {first} in {found.metric}."
    doubt = "" if row.sure else "; that may be chance"
    return (
        f"{best} is {row.mean:+.2f} from {first} in {found.metric}, in 95 of 100 draws of the "
        f"images between {row.low:+.2f} and {row.high:+.2f}{doubt}."
    )


def _tables(found: Comparison) -> list[Table]:
    result = found.result
    summaries = {row.model: row for row in result.summaries()}
    parameters = {model.card.name: _parameters(model.network) for model in found.models}
    scores: Rows = [
        [
            name,
            *(_spread(row.mean.get(metric), row.std.get(metric)) for metric in result.metrics),
            f"{parameters[name]:,}",
            f"{row.seconds:.3f}",
            f"{result.peaks[name] / 1e6:.0f}",
        ]
        for name, row in summaries.items()
    ]
    tables = [
        Table(
            title="Scores",
            note="Mean and standard deviation over images; the time is the median of an image.",
            headings=["model", *result.metrics, "parameters", "seconds", "peak MB"],
            rows=scores,
        ),
        Table(
            title="How sure the differences are",
            note="Paired bootstrap over images, 10,000 draws: 95 % of them lie between. A "
            "difference whose interval holds zero may be chance.",
            headings=["model and other", "metric", "difference", "from", "to", "sure"],
            rows=[
                [
                    f"{row.model} and {row.other}",
                    row.metric,
                    *(f"{value:+.4f}" for value in (row.mean, row.low, row.high)),
                    "yes" if row.sure else "no",
                ]
                for row in found.differences
            ],
        ),
    ]
    if found.published:
        metrics = list(dict.fromkeys(name for row in found.published for name in row.scores))
        warnings = " ".join(dict.fromkeys(row.warning for row in found.published))
        tables.append(
            Table(
                title="What papers give",
                note=f"For orientation, not for ranking: other weights, other splits. {warnings}",
                headings=["model", *metrics, "source"],
                rows=[
                    [
                        row.model,
                        *(f"{row.scores.get(name, np.nan):g}" for name in metrics),
                        row.source,
                    ]
                    for row in found.published
                ],
            )
        )
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


def _drawings(found: Comparison) -> dict[str, Figure]:
    result, metric = found.result, found.metric
    summaries = {row.model: row for row in result.summaries()}
    first = result.models[0]
    drawings = {
        "time": Figure(
            title="Quality and time",
            svg=points(
                {name: (row.seconds, row.mean[metric]) for name, row in summaries.items()},
                "seconds an image, median",
                metric,
            ),
        )
    }
    labels = sorted({row.label for row in result.rows if row.label})
    if len(labels) > 1:
        means = {(row.model, row.label): row.mean[metric] for row in result.by_class()}
        gains = {
            name: [means[name, label] - means[first, label] for label in labels]
            for name in result.models[1:]
        }
        drawings["classes"] = Figure(
            title="Gain by class", svg=bars(labels, gains, f"{metric} above {first}")
        )
    if max(len(scores) for scores in found.by_band.values()) > 3:
        lines = {
            name: (np.arange(1.0, len(scores) + 1), scores)
            for name, scores in found.by_band.items()
        }
        drawings["bands"] = Figure(title="PSNR of each band", svg=curves(lines, "band", "PSNR, dB"))
    return drawings


def _viewer(shown: Shown, pair: tuple[int, int]) -> Viewer:
    """Show the LR pixels, every answer, the truth, and how far each answer is from it."""
    hr = shown.example.hr.in_unit()
    scale = hr.grid.height // shown.example.lr.grid.height
    limits = limits_of(hr.select(visible(hr.bands)))
    pixels = _repeated(shown.example.lr.in_unit(), hr, scale)
    layers = [layer("LR", pixels, limits)]
    errors = []
    for name, answer in shown.answers.items():
        layers.append(layer(name, answer, limits))
        errors.append((name, Image.of(np.abs(answer.values - hr.values), radiometry=hr.radiometry)))
    layers.append(layer("truth", hr, limits))
    for name, error in errors:
        mean = np.nanmean(error.values, axis=0, keepdims=True)
        shade = Image.of(mean, radiometry=hr.radiometry)
        layers.append(layer(f"error of {name}", shade, (0.0, 0.15)))
    return Viewer(
        title=shown.example.id,
        note=f"Chosen for {shown.why} of all images. Errors are drawn from 0 (black) to 0.15.",
        size=(hr.grid.width, hr.grid.height),
        layers=layers,
        pair=pair,
    )


def _repeated(lr: Image, like: Image, scale: int) -> Image:
    values = lr.values.repeat(scale, axis=1).repeat(scale, axis=2)
    return Image.of(values, radiometry=lr.radiometry, grid=like.grid, bands=lr.bands)


def _parameters(network: object) -> int:
    return sum(weight.numel() for weight in network.parameters())  # type: ignore[attr-defined]


def _spread(mean: float | None, deviation: float | None) -> str:
    return "" if mean is None else f"{mean:.4f} ± {deviation or 0:.4f}"


def _score(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _difference_lines(found: Comparison) -> Rows:
    head = ["model", "other", "metric", "images", "mean", "low", "high", "sure"]
    return [head] + [
        [
            *(row.model, row.other, row.metric, str(row.images)),
            *(f"{value:.6f}" for value in (row.mean, row.low, row.high)),
            str(row.sure),
        ]
        for row in found.differences
    ]


def _band_lines(found: Comparison) -> Rows:
    lines = [["model", "band", "psnr"]]
    for name, scores in found.by_band.items():
        lines += [[name, str(band), f"{score:.6f}"] for band, score in enumerate(scores, start=1)]
    return lines


def _published_lines(found: Comparison) -> Rows:
    lines = [["model", "metric", "value", "source", "warning"]]
    for row in found.published:
        lines += [
            [row.model, name, f"{value:g}", row.source, row.warning]
            for name, value in row.scores.items()
        ]
    return lines


def _csv(lines: Rows) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()


def _markdown(found: Comparison, tables: Sequence[Table]) -> str:
    parts = [_lead(found), ""]
    for table in tables:
        parts += [f"## {table.title}", "", *([table.note, ""] if table.note else [])]
        parts.append("| " + " | ".join(table.headings) + " |")
        parts.append("|" + "---|" + "---:|" * (len(table.headings) - 1))
        parts += ["| " + " | ".join(row) + " |" for row in table.rows]
        parts.append("")
    return "\n".join(parts)


def _latex(table: Table) -> str:
    def safe(text: str) -> str:
        for letter in "\\&%$#_{}":
            text = text.replace(letter, f"\\{letter}" if letter != "\\" else r"\textbackslash ")
        return text.replace("±", r"$\pm$")

    rows = [" & ".join(map(safe, row)) + r" \\" for row in (table.headings, *table.rows)]
    columns = "l" + "r" * (len(table.headings) - 1)
    lines = [
        *(rf"\begin{{tabular}}{{{columns}}}", r"\toprule", rows[0], r"\midrule"),
        *rows[1:],
        *(r"\bottomrule", r"\end{tabular}", ""),
    ]
    return "\n".join(lines)
