"""Small products of every kind that docs/formats.md shows, as their data centres name them."""

from pathlib import Path

import numpy as np

from tests.rasters.catalogue import sentinel2_item
from tests.rasters.test_enmap import product as enmap
from tests.rasters.test_landsat import packed
from tests.rasters.test_landsat import product as landsat
from tests.rasters.test_sentinel2 import product as sentinel2

CLEAR, CLOUD = 1 << 6, 1 << 3  # of QA_PIXEL


def deliver(folder: Path) -> None:
    """Write them into a folder."""
    marks = np.full((24, 24), CLEAR)
    marks[:4, :6] = CLOUD
    for level, ending in (("L2SP", ".tar"), ("L1TP", ".tar.gz")):
        packed(landsat(folder, level, layers={"QA_PIXEL": marks}), ending)
    classes = np.full((30, 30), 4)
    classes[5:9, 5:9] = 9
    sentinel2(folder, classes=classes)
    enmap(folder)
    sentinel2_item(folder / "stac", raster={"scale": 0.0001, "offset": -0.1})
