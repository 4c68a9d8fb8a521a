"""What a network sees of a guide: holes filled alike in every tile, coarse and fine pixels."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rasterio.transform import Affine

from geoloupe.imagery.grid import Window
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT
from geoloupe.models.predictor import Predictor
from geoloupe.models.transfer import transfer_to
from geoloupe.networks.signature import Signature
from geoloupe.rasters.opening import aligned, open_source
from tests.scenes.test_guides import FINE, GRID
from tests.scenes.test_upscale import PLACE, write

SCALE, MARGIN = 4, 5


def test_holes_of_a_guide_are_filled_in_a_tile_as_in_the_whole() -> None:
    seen = Predictor(
        network=lambda lr, guide: guide,  # it shows what it is shown
        signature=Signature(scale=SCALE, bands=1, guide_bands=1),
        name="mirror",
        rings=MARGIN,
        transfer=transfer_to(torch.device("cpu")),
    )
    rng = np.random.default_rng(0)
    lr = Image.of(rng.random((1, 12, 30), np.float32), radiometry=UNIT)
    values = rng.random((1, 48, 120), np.float32)
    values[:, :, 40:72] = np.nan  # no pixel of it is farther from data than `rings` LR pixels
    guide = Image.of(values, radiometry=UNIT)
    whole = seen.predict(lr, guide).values
    tile = Window(top=0, left=0, height=12, width=23)
    part = seen.predict(lr.crop(tile), guide.crop(tile.finer(SCALE))).values
    kept = (tile.width - MARGIN) * SCALE
    assert kept == 72
    assert np.array_equal(part[:, :, :kept], whole[:, :, :kept])


def _chequered(side: int) -> Any:
    row, column = np.indices((48 * 4, 40 * 4)) // side
    return np.where((row + column) % 2, 200, 0).astype(np.uint8)[None].repeat(3, 0)


def test_a_finer_guide_is_averaged(tmp_path: Path) -> None:
    fine = Affine(2.5 / 4, 0.0, PLACE.c, 0.0, -2.5 / 4, PLACE.f)
    path = write(tmp_path / "guide.tif", _chequered(1), transform=fine)
    with open_source(path) as guide, aligned(guide, GRID) as fitted:
        assert np.unique(fitted.read().values).tolist() == [100]


def test_a_coarser_guide_is_smooth(tmp_path: Path) -> None:
    coarse = Affine(10.0, 0.0, PLACE.c, 0.0, -10.0, PLACE.f)
    steps = np.arange(0, 120, 10, dtype=np.uint8)[:, None].repeat(10, 1)[None].repeat(3, 0)
    path = write(tmp_path / "guide.tif", steps, transform=coarse)
    with open_source(path) as guide, aligned(guide, GRID) as fitted:
        column = fitted.read().values[0, 8:-8, 20].astype(int)
    assert set(np.diff(column)) == {2, 3}  # a slope of 10 in four pixels, rounded; no stairs


@pytest.mark.parametrize("shift", [0.0, 0.3])
def test_a_guide_of_the_same_pixels_is_left_as_it_is(tmp_path: Path, shift: float) -> None:
    values = _chequered(8)[:, :48, :40]
    placed = FINE @ Affine.translation(shift, 0)
    path = write(tmp_path / "guide.tif", values, transform=placed)
    with open_source(path) as guide, aligned(guide, GRID) as fitted:
        image = fitted.read()
    if shift == 0.0:
        assert np.array_equal(image.values, values)
    else:  # between two pixels lies something between their values
        assert len(np.unique(image.values[:, :, 8:-8])) > 2
