"""Prepared data sets of drawn scenes, for tests of training."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tools.drawing.scene import sample_scene

from geoloupe.datasets.preparation.prepare import prepare
from geoloupe.imagery.grid import Window
from geoloupe.rasters.product import write_image

SIDE = 96


def draw(folder: Path, count: int = 6, bands: Sequence[int] = (0, 1, 2)) -> Path:
    """Write drawn scenes as a person's folder of images: red, green, blue, or near infrared too."""
    folder.mkdir(parents=True)
    for seed in range(count):
        image = sample_scene(128, seed=seed).select(bands)
        image = image.crop(Window(top=32, left=0, height=SIDE, width=SIDE))
        image = replace(image, radiometry=replace(image.radiometry, high=(5000.0,)))
        write_image(folder / f"scene{seed}.tif", image)
    return folder


def prepared(folder: Path, count: int = 6) -> Path:
    """Prepare such a folder."""
    target = folder / "prepared"
    prepare("folder", draw(folder / "images", count), target)
    return target
