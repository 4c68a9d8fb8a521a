"""Measure how fast training samples come from a prepared data set, on one thread.

    python -m benchmarks.loading                    on pictures of noise that it prepares itself
    python -m benchmarks.loading data/ucmerced      on a prepared data set

A sample is an aligned crop of LR and truth, degraded on the fly and augmented. Beside it stands
what HSENet in training needs on this machine, one core, which is what the loader must keep up with.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from geoloupe.datasets.preparation.prepare import prepare
from geoloupe.datasets.preparation.prepared import PreparedDataset, find
from geoloupe.datasets.samples.examples import Examples
from geoloupe.datasets.samples.patches import Patches, PatchSettings
from geoloupe.degradations.named import BD, BI, MULSR_TRAIN
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import Radiometry
from geoloupe.networks import build
from geoloupe.rasters.product import write_image
from geoloupe.system.measuring import Stopwatch

SAMPLES = 300
SIZE = 48
SCALES = (2, 4, 8)


@contextmanager
def pictures() -> Iterator[PreparedDataset]:
    """Prepare 40 pictures of 512 x 512 in a folder of their own."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "train").mkdir()
        rng = np.random.default_rng(0)
        for number in range(40):
            values = rng.integers(0, 256, (3, 512, 512)).astype(np.uint8)
            image = Image.of(values, radiometry=Radiometry(dtype="uint8", high=(255.0,)))
            write_image(folder / "train" / f"{number:02}.png", image)
        yield prepare("folder", folder, folder / "prepared").prepared


def samples_a_second(patches: Patches) -> float:
    """Take the best of three runs."""
    speeds = []
    for first in range(0, 3 * SAMPLES, SAMPLES):
        with Stopwatch() as clock:
            for number in range(first, first + SAMPLES):
                patches[number]
        speeds.append(SAMPLES / clock.wall)
    return max(speeds)


def trained_a_second(scale: int, batch: int = 4) -> float:
    """Measure forward and backward passes of HSENet on crops of 48 x 48."""
    network = build("hsenet", scale=scale, bands=3)
    lr, hr = torch.rand(batch, 3, SIZE, SIZE), torch.rand(batch, 3, SIZE * scale, SIZE * scale)
    seconds = []
    for _ in range(3):
        with Stopwatch() as clock:
            (network(lr) - hr).abs().mean().backward()
        seconds.append(clock.wall)
    return batch / min(seconds)


def main() -> None:
    """Print one line for each factor and degradation, and one for what a network needs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", help="a prepared data set; else noise is prepared")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    with pictures() if chosen.data is None else _opened(chosen.data) as prepared:
        entries = prepared.split("train")
        for scale in SCALES:
            height, width, _ = entries[0].parts["hr"].shape
            size = min(SIZE, height // scale, width // scale)
            for degradation in (BI, BD, MULSR_TRAIN):
                examples = Examples(
                    prepared=prepared, entries=entries, scale=scale, degradation=degradation
                )
                usable = _large_enough(examples, size)
                speed = samples_a_second(Patches(usable, PatchSettings(size=size), seed=0))
                sys.stdout.write(
                    f"x{scale} {degradation.name:12} LR {size} x {size}: {speed:7.0f} samples/s\n"
                )
    for scale in (2, 4):
        speed = trained_a_second(scale)
        sys.stdout.write(f"HSENet x{scale}, LR {SIZE} x {SIZE}, trains {speed:.2f} samples/s\n")


@contextmanager
def _opened(name: str) -> Iterator[PreparedDataset]:
    yield find(name)


def _large_enough(examples: Examples, size: int) -> Examples:
    entries = tuple(e for e in examples.entries if min(examples.lr_size(e)) >= size)
    return Examples(
        prepared=examples.prepared,
        entries=entries,
        scale=examples.scale,
        degradation=examples.degradation,
    )


if __name__ == "__main__":
    main()
