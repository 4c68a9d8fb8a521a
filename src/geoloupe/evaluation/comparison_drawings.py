"""Drawings of a comparison: quality against cost, by class, by band, over training."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from geoloupe.evaluation.comparison import Comparison, Shown
from geoloupe.reports.drawings import bars, curves, points
from geoloupe.reports.pages import Figure

Curves = Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]]

_MIN_CUBE_BANDS = 4  # bands from which an image is a cube, with spectra to draw


def drawings_of(found: Comparison) -> dict[str, Figure]:
    """Draw what this comparison has."""
    drawings = _costs(found)
    labels = sorted({row.label for row in found.result.rows if row.label})
    if len(labels) > 1:
        drawings["classes"] = _classes(found, labels)
    if max(len(scores) for scores in found.by_band.values()) >= _MIN_CUBE_BANDS:
        lines = {
            name: (np.arange(1.0, len(scores) + 1), scores)
            for name, scores in found.by_band.items()
        }
        drawings["bands"] = Figure(title="PSNR of each band", svg=curves(lines, "band", "PSNR, dB"))
        for number, (place, spectra) in enumerate(spectra_of(found.shown[0]).items(), start=1):
            drawings[f"spectrum-{number}"] = Figure(
                title=f"Spectrum at {place}", svg=curves(spectra, "band", "unit value")
            )
    if found.histories:
        lines = {name: (history[:, 0], history[:, 1]) for name, history in found.histories.items()}
        drawings["training"] = Figure(
            title="Training",
            note="On the validation images of each run, by its own protocol.",
            svg=curves(lines, "steps", found.metric),
        )
    return drawings


def spectra_of(shown: Shown) -> dict[str, Curves]:
    """Return the spectra of three pixels: where answers are worst, median and best."""
    hr = shown.example.hr.in_unit().values
    error = np.mean(
        [
            np.abs(image.in_unit().values - hr).mean(axis=0)
            for image in shown.answers.values()
            if image.values.shape == hr.shape
        ],
        axis=0,
    )
    order = np.argsort(np.where(np.isnan(error), np.inf, error), axis=None)
    known = order[: int(np.isfinite(error).sum())]
    found: dict[str, Curves] = {}
    for why, share in (("small", 0.1), ("middle", 0.5), ("large", 0.99)):
        row, column = np.unravel_index(known[int(share * (len(known) - 1))], error.shape)
        bands = np.arange(1.0, len(hr) + 1)
        place = f"row {row + 1}, column {column + 1}, where errors are {why}"
        found[place] = {
            "truth": (bands, hr[:, row, column]),
            **{
                name: (bands, image.in_unit().values[:, row, column])
                for name, image in shown.answers.items()
            },
        }
    return found


def _costs(found: Comparison) -> dict[str, Figure]:
    metric = found.metric
    quality = {row.model: row.mean[metric] for row in found.result.summaries()}
    seconds = {row.model: row.seconds for row in found.result.summaries()}
    drawings = {
        "time": Figure(
            title="Quality and time",
            svg=points(
                {name: (seconds[name], score) for name, score in quality.items()},
                "seconds per image, median",
                metric,
            ),
        )
    }
    for name, title, counts, across in (
        ("parameters", "Quality and parameters", found.parameters, "parameters"),
        (
            "operations",
            "Quality and operations",
            found.multiply_adds,
            "multiply-adds for the first image shown",
        ),
    ):
        learned = {model: count for model, count in counts.items() if found.parameters[model]}
        if len(learned) > 1:
            places = {model: (count, quality[model]) for model, count in learned.items()}
            drawings[name] = Figure(title=title, svg=points(places, across, metric))
    return drawings


def _classes(found: Comparison, labels: list[str]) -> Figure:
    result, metric = found.result, found.metric
    first = result.models[0]
    means = {(row.model, row.label): row.mean[metric] for row in result.by_class()}
    gains = {
        name: [means[name, label] - means[first, label] for label in labels]
        for name in result.models[1:]
    }
    return Figure(title="Gain by class", svg=bars(labels, gains, f"{metric} above {first}"))
