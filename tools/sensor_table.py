"""Measure models against interpolation by sensor: every blur with every noise, on any data sets.

    python -m tools.sensor_table runs/mine/model loupe-x4 --data data/ucmerced:val data/pan:test

Each cell is the mean gain in dB over bicubic interpolation of the same LR images (PSNR as the
protocol hsenet has it) with the 95 % interval of a paired bootstrap over images. A model that can
be told the MTF is told the true one of each degradation, unless --tell says another for all.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from geoloupe.datasets.examples import Example, Examples
from geoloupe.datasets.prepared import find
from geoloupe.degradations.blur import Box, Matlab, SensorMTF
from geoloupe.degradations.noise import GaussianNoise
from geoloupe.degradations.recipe import Recipe
from geoloupe.evaluation.bootstrap import interval
from geoloupe.inference.model import Model, load
from geoloupe.inference.predictor import Predictor
from geoloupe.inference.telling import Telling
from geoloupe.metrics.protocols import HSENET

BLURS: dict[str, Any] = {
    "mtf .2": SensorMTF(gains=(0.2,)),
    "mtf .3": SensorMTF(gains=(0.3,)),
    "mtf .4": SensorMTF(gains=(0.4,)),
    "bicubic": Matlab(),
    "box": Box(),
}
NOISES = (0, 1, 2)  # of 255
PROTOCOL = replace(HSENET, metrics={"psnr": HSENET.metrics["psnr"]})
Table = dict[str, dict[str, list[float]]]


def degradations() -> Iterator[tuple[str, Recipe]]:
    """List the degradations that every model is tried on."""
    for name, blur in BLURS.items():
        for noise in NOISES:
            noises = (GaussianNoise(std=(noise, noise)),) if noise else ()
            yield (
                f"{name}, noise {noise}",
                Recipe(name=name, about="", blurs=(blur,), samplings=("strided",), noises=noises),
            )


def measure(model: Model, data: str, *, limit: int | None, tell: float | None) -> Table:
    """Return for each degradation the gain over interpolation of every image of `data`."""
    name, _, split = data.partition(":")
    prepared, scale = find(name), model.network.signature.scale
    interpolation = Predictor.of(load("bicubic", scale=scale))
    table: Table = {}
    for degradation, recipe in degradations():
        entries = prepared.split(split or "test")[:limit]
        examples = Examples(prepared=prepared, entries=entries, scale=scale, recipe=recipe)
        telling = Telling(model)
        gains = []
        for whole in examples:
            example = whole if tell is None else replace(whole, mtf=(tell,))
            sr = telling.predictor(example.lr, example.mtf).predict(example.lr)
            plain = interpolation.super_resolve(example.lr)
            gains.append(_score(sr, example, scale) - _score(plain, example, scale))
        table[degradation] = {"gains": gains}
    return table


def _score(sr: Any, example: Example, scale: int) -> float:
    return PROTOCOL.score(sr, example.hr, scale)["psnr"]


def row(label: str, values: dict[str, list[float]]) -> str:
    """Write one line of the table."""
    gains = np.array(values["gains"])
    gains = gains[np.isfinite(gains)]  # images without any contrast have no finite PSNR
    low, high = interval(gains.tolist(), seed=0)
    return (
        f"| {label} | {gains.mean():+.3f} | {low:+.3f} to {high:+.3f} | {gains.min():+.2f} | "
        f"{len(gains)} |"
    )


def main() -> None:
    """Measure what the command line names and print a table for each model and data set."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("models", nargs="+")
    parser.add_argument("--data", nargs="+", required=True, help="prepared sets, as data/mine:test")
    parser.add_argument("--limit", type=int, help="only the first so many images of each set")
    parser.add_argument("--tell", type=float, help="an MTF that is told whatever the true one is")
    parser.add_argument("--json", type=Path, help="write every image's gain")
    words = parser.parse_args()
    found: dict[str, dict[str, Table]] = {}
    for name in words.models:
        model = load(name)
        for data in words.data:
            table = measure(model, data, limit=words.limit, tell=words.tell)
            found.setdefault(name, {})[data] = table
            print(f"\n{name} on {data}\n")
            print(
                "| degradation | gain, dB | 95 % | worst image | images |\n|---|---:|---|---:|---:|"
            )
            for degradation, values in table.items():
                print(row(degradation, values), flush=True)
    if words.json is not None:
        words.json.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
