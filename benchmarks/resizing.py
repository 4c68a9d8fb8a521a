"""Measure MATLAB's imresize, ours, on one thread: millions of pixels a second.

    python -m benchmarks.resizing

Pixels are those that go in when shrinking and those that come out when enlarging.
"""

import sys
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import numpy as np
import torch

from geoloupe.imagery.resize import imresize
from geoloupe.networks.resize import imresize as tensor_imresize
from geoloupe.system.measuring import Stopwatch

SIDE = 2048
FACTORS = (2, 3, 4, 8)


def best(work: Callable[[], Any], repeat: int = 5) -> float:
    """Take the fastest of several runs, in seconds."""
    seconds = []
    for _ in range(repeat):
        with Stopwatch() as clock:
            work()
        seconds.append(clock.wall)
    return min(seconds)


def main() -> None:
    """Print a table in Markdown."""
    torch.set_num_threads(1)
    values = np.random.default_rng(0).random((1, SIDE, SIDE)).astype(np.float32)
    tensor = torch.from_numpy(values)[None]
    sys.stdout.write("| factor | numpy down | numpy up | torch down | torch up |\n")
    sys.stdout.write("|---|---:|---:|---:|---:|\n")
    for factor in FACTORS:
        small = SIDE // factor
        cells = []
        for resize, whole in ((imresize, values), (tensor_imresize, tensor)):
            few = whole[..., :small, :small]
            down = best(partial(cast("Any", resize), whole, 1 / factor))
            up = best(partial(cast("Any", resize), few, factor))
            cells += [SIDE**2 / down / 1e6, (small * factor) ** 2 / up / 1e6]
        sys.stdout.write(f"| {factor} | {' | '.join(f'{cell:.0f}' for cell in cells)} |\n")


if __name__ == "__main__":
    main()
