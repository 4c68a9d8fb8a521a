"""What models do to the colours of scenes, beside the truth: ratios of bands, and highlights.

    python -m benchmarks.colour scenes/*_10m.tif --models loupe-x4 loupe-x2 --sensor sentinel-2

Scenes are the truth; their sensor's MTF makes them coarser, with noise. Grain is the deviation of
the ratios of neighbouring bands from their own blur over an LR pixel, in parts of interpolation's;
overshoot is how far the brightest pixel in a thousand lies beyond that of the LR image.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from geoloupe.imagery.grid import Window
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT
from geoloupe.models.model import Model, load
from geoloupe.models.predictor import Predictor
from geoloupe.networks.observation import Observation
from geoloupe.rasters.opening import open_source
from geoloupe.scenes.optics import optics_of, tuned_to

SIDE = 480  # pixels of a scene that are used, from its middle
BORDER = 8  # pixels that are left out of PSNR
HIGHLIGHTS = 99.9  # per cent of the pixels are darker

Values = NDArray[np.float64]


def grain(values: Values, scale: int) -> float:
    """Return the deviation of band ratios from their own blur."""
    found = []
    for one, two in pairwise(values):
        ratio = one / np.maximum(two, 1e-3)
        rest = ratio - ndimage.gaussian_filter(ratio, scale)
        # Over water ratios are of nothing: quantiles leave such pixels out.
        found.append(np.diff(np.percentile(rest, (16, 84))) / 2)
    return float(np.mean(found))


def overshoot(values: Values, lr: Values) -> float:
    """Return how far highlights lie beyond those of the LR image, the mean over the bands."""
    bright, known = (np.percentile(image, HIGHLIGHTS, axis=(1, 2)) for image in (values, lr))
    return float(np.mean(bright / known - 1))


def _psnr(values: Values, truth: Values) -> float:
    inside = np.s_[:, BORDER:-BORDER, BORDER:-BORDER]
    error = np.mean((values - truth)[inside] ** 2)
    return float(10 * np.log10(np.ptp(truth) ** 2 / error))


def _answers(
    path: str, model: Model, sensor: str | None, noise: float
) -> Iterator[tuple[str, tuple[float, float, float]]]:
    """Return what is measured of the truth and of each answer to its LR image."""
    scale = model.network.signature.scale
    with open_source(path) as source:
        height, width = (
            min(side, SIDE) // scale * scale for side in (source.grid.height, source.grid.width)
        )
        top, left = (source.grid.height - height) // 2, (source.grid.width - width) // 2
        read = source.read(Window(top=top, left=left, height=height, width=width))
        optics = optics_of(source, sensor=sensor)
    truth = read.in_unit().values
    observation = Observation.aligned(*optics.mtf, scale=scale)
    seen = observation.observe(torch.tensor(truth)[None], (height // scale, width // scale))[0]
    dark, bright = np.percentile(truth, (2, 98))
    rng = np.random.default_rng(0).normal(0, noise / 255 * (bright - dark), seen.shape)
    lr = Image.of(seen.numpy() + rng.astype(np.float32), radiometry=UNIT, bands=read.bands)
    free = Predictor.of(tuned_to(model, optics))
    makers = {
        "bicubic": Predictor.of(load("bicubic", scale=scale)),
        model.card.name: free,
        f"{model.card.name}, consistent": replace(free, observation=observation),
    }
    made = {name: maker.predict(lr).values.astype(np.float64) for name, maker in makers.items()}
    usual, known = made["bicubic"], truth.astype(np.float64)
    low = lr.values.astype(np.float64)
    yield "the truth", (grain(known, scale) / grain(usual, scale), overshoot(known, low), np.nan)
    for name, values in made.items():
        gain = _psnr(values, known) - _psnr(usual, known)
        yield name, (grain(values, scale) / grain(usual, scale), overshoot(values, low), gain)


def main() -> None:
    """Print a table in Markdown, for each model."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("scenes", nargs="+")
    parser.add_argument("--models", nargs="+", required=True)
    parser.add_argument("--sensor", help="a name of geoloupe sensors, for scenes that do not say")
    parser.add_argument("--noise", type=float, default=0.5, help="of 255 parts of the contrast")
    words = parser.parse_args()
    for name in words.models:
        model = load(name)
        rows: dict[str, list[tuple[float, float, float]]] = {}
        for path in words.scenes:
            for answer, row in _answers(path, model, words.sensor, words.noise):
                rows.setdefault(answer, []).append(row)
        scale = model.network.signature.scale
        print(f"\n| x{scale}, {len(words.scenes)} scenes | grain | overshoot | PSNR, dB |")
        print("|---|---:|---:|---:|")
        for answer, found in rows.items():
            more, over, gain = np.mean(found, axis=0)
            said = "" if np.isnan(gain) else f"{gain:+.2f}"
            print(f"| {answer} | {more:.2f} | {over:+.1%} | {said} |")


if __name__ == "__main__":
    main()
