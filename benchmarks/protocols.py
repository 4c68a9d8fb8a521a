"""Measure one image pair under every protocol: the same two images, five different tables.

    python -m benchmarks.protocols

The truth is the sample scene in red, green and blue, stretched to 8 bits; its LR image is made by
`bi` at x4 and enlarged by bicubic interpolation.
"""

import sys
from dataclasses import replace

import numpy as np
from tools.drawing.scene import sample_scene

from geoloupe import catalog
from geoloupe.degradations.named import BI
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import Radiometry
from geoloupe.metrics.protocols import Protocol
from geoloupe.models.model import load
from geoloupe.models.predictor import Predictor

SCALE = 4
BYTE = Radiometry(dtype="uint8", high=(255.0,))
COLUMNS = ("psnr", "ssim", "sam", "rmse", "ergas", "cc")


def pair() -> tuple[Image, Image]:
    """Return the enlarged image, as a network would give it, and the truth."""
    scene = sample_scene().select([0, 1, 2])
    stretched = replace(scene, radiometry=replace(scene.radiometry, high=(4000.0,)))
    hr = stretched.in_radiometry(BYTE)
    lr = BI(hr, SCALE, np.random.default_rng(0))
    return Predictor.of(load("bicubic", scale=SCALE)).predict(lr), hr


def main() -> None:
    """Print a table in Markdown."""
    sr, hr = pair()
    lines = [("protocol", *COLUMNS), ("---", *["---:"] * len(COLUMNS))]
    for name in catalog.names("protocol"):
        protocol = catalog.resolve("protocol", name)
        assert isinstance(protocol, Protocol)
        scores = protocol.score(sr, hr, SCALE)
        lines.append((name, *(f"{scores[key]:.4f}" if key in scores else "" for key in COLUMNS)))
    sys.stdout.writelines(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    main()
