"""Measure models against interpolation by sensor: every blur with every noise, on any data sets.

    python -m tools.sensor_table runs/mine/model loupe-x4 --data data/ucmerced:val data/pan:test
    python -m tools.sensor_table src/geoloupe/weights/loupe-x4 --data data/pan:test --cards

Each cell is the mean gain in dB over bicubic interpolation of the same LR images (PSNR as the
protocol hsenet has it) with the 95 % interval of a paired bootstrap over images. A model that can
be told the MTF is told the true one of each degradation, unless --tell says another for all; its
answers agree with their images, as in products of known sensors, unless --free lets them be.
--cards writes the gains into the cards of folders of weights.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from geoloupe.datasets.preparation.prepared import find
from geoloupe.datasets.samples.examples import Example, Examples
from geoloupe.degradations.blur import Box, Matlab, SensorMTF
from geoloupe.degradations.degradation import Degradation
from geoloupe.degradations.noise import GaussianNoise
from geoloupe.evaluation.bootstrap import interval
from geoloupe.evaluation.cards import record_gains
from geoloupe.metrics.protocols import HSENET
from geoloupe.models.card import Gain
from geoloupe.models.model import Model, load
from geoloupe.models.predictor import Predictor
from geoloupe.models.tuned import TunedModel

BLURS: dict[str, Any] = {
    "mtf .2": SensorMTF(gains=(0.2,)),
    "mtf .3": SensorMTF(gains=(0.3,)),
    "mtf .4": SensorMTF(gains=(0.4,)),
    "bicubic": Matlab(),
    "box": Box(),
}
NOISES = (0, 1, 2)  # of 255
JPEG = "mtf .3, JPEG 85"  # what a mosaic of a drone may have gone through
PROTOCOL = replace(HSENET, metrics={"psnr": HSENET.metrics["psnr"]})
Table = dict[tuple[str, int], list[float]]  # the gain of each image, by blur and noise


def degradations() -> Iterator[tuple[tuple[str, int], Degradation]]:
    """List the degradations that every model is tried on, by blur and noise."""
    for name, blur in BLURS.items():
        for noise in NOISES:
            noises = (GaussianNoise(std=(noise, noise)),) if noise else ()
            yield (
                (name, noise),
                Degradation(
                    name=name, about="", blurs=(blur,), samplings=("strided",), noises=noises
                ),
            )
    seen = Degradation(
        name=JPEG, about="", blurs=(BLURS["mtf .3"],), samplings=("strided",), jpeg=(85, 85)
    )
    yield (JPEG, 0), seen


def measure(
    model: Model, data: str, *, every: int = 1, tell: float | None = None, consistent: bool = True
) -> Table:
    """Return for each degradation the gain over interpolation of every image of `data`."""
    name, _, split = data.partition(":")
    prepared, scale = find(name), model.network.signature.scale
    interpolation = Predictor.of(load("bicubic", scale=scale))
    table: Table = {}
    for key, degradation in degradations():
        entries = prepared.split(split or "test")[::every]
        examples = Examples(
            prepared=prepared, entries=entries, scale=scale, degradation=degradation
        )
        # Products need not agree with what JPEG left, either.
        telling = TunedModel(model, consistent=consistent and degradation.jpeg is None)
        gains = []
        for whole in examples:
            example = whole if tell is None else replace(whole, mtf=(tell,))
            sr = telling.predictor(example.lr, example.mtf).predict(example.lr)
            plain = interpolation.super_resolve(example.lr)
            gains.append(_score(sr, example, scale) - _score(plain, example, scale))
        table[key] = [gain for gain in gains if np.isfinite(gain)]
    return table


def _score(sr: Any, example: Example, scale: int) -> float:
    return PROTOCOL.score(sr, example.hr, scale)["psnr"]


def gains_of(table: Table, data: str) -> list[Gain]:
    """Sum up a table as a card holds it; images without any contrast have no finite PSNR."""
    found = []
    for (blur, noise), gains in table.items():
        low, high = interval(gains, seed=0)
        found.append(
            Gain(
                data=data,
                degradation=blur,
                noise=noise,
                mean=_rounded(np.mean(gains)),
                low=_rounded(low),
                high=_rounded(high),
                worst=_rounded(min(gains)),
                images=len(gains),
            )
        )
    return found


def _rounded(value: Any) -> float:
    return round(float(value), 3)


def _row(gain: Gain) -> str:
    return (
        f"| {gain.degradation}, noise {gain.noise:g} | {gain.mean:+.3f} | {gain.low:+.3f} to "
        f"{gain.high:+.3f} | {gain.worst:+.2f} | {gain.images} |"
    )


def main() -> None:
    """Measure what the command line names and print a table for each model and data set."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("models", nargs="+")
    parser.add_argument("--data", nargs="+", required=True, help="prepared sets, as data/mine:test")
    parser.add_argument("--every", type=int, default=1, help="measure only every Nth image")
    parser.add_argument("--tell", type=float, help="an MTF that is told whatever the true one is")
    parser.add_argument("--free", action="store_true", help="answers as the networks give them")
    parser.add_argument("--cards", action="store_true", help="write the gains into the cards")
    words = parser.parse_args()
    if words.cards and (words.tell is not None or words.free):
        parser.error("cards hold what products gain; leave --tell and --free out")
    for name in words.models:
        model = load(name)
        for data in words.data:
            table = measure(
                model, data, every=words.every, tell=words.tell, consistent=not words.free
            )
            gains = gains_of(table, _named(data))
            print(f"\n{name} on {data}\n")
            print("| degradation | gain, dB | 95 % | worst image | images |")
            print("|---|---:|---|---:|---:|")
            print("\n".join(map(_row, gains)), flush=True)
            if words.cards:
                record_gains(gains, Path(name))


def _named(data: str) -> str:
    """Name a data set without the folder in which somebody keeps it."""
    folder, _, split = data.partition(":")
    return f"{Path(folder).name}:{split or 'test'}"


if __name__ == "__main__":
    main()
