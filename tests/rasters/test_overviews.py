"""Overviews of whole numbers are rounded to the nearest, not cut off."""

from pathlib import Path

import numpy as np
import pytest
import rasterio

import geoloupe
from geoloupe.rasters.planes import _means
from tests.scenes.test_upscale import ramp, write

WHOLE = ["uint8", "int16", "uint16", "int32", "uint32", "int64"]


@pytest.mark.parametrize("dtype", WHOLE)
@pytest.mark.parametrize(
    ("four", "mean"), [([1, 1, 1, 2], 1), ([1, 1, 2, 2], 2), ([1, 2, 2, 2], 2), ([4, 5, 5, 5], 5)]
)
def test_a_mean_of_four_is_the_nearest_whole_number(dtype: str, four: list[int], mean: int) -> None:
    values = np.array(four, dtype).reshape(2, 2)
    assert _means(values, np.zeros((2, 2), bool), None).item() == mean


@pytest.mark.parametrize("dtype", WHOLE)
def test_so_is_a_mean_of_the_three_that_hold_data(dtype: str) -> None:
    values = np.array([0, 1, 2, 2], dtype).reshape(2, 2)
    assert _means(values, values == 0, 0).item() == 2


def test_where_a_mask_ends_an_overview_is_made_of_what_it_shows(tmp_path: Path) -> None:
    scene = write(tmp_path / "scene.tif", ramp(1, 180, 180))
    shown = np.full((180, 180), 255, np.uint8)
    shown[:, 91:] = 0  # at x3 within a pixel of the overview
    with rasterio.open(scene, "r+") as out:
        out.write_mask(shown)
    geoloupe.upscale(scene, tmp_path / "out.tif", model="nearest", scale=3)
    with rasterio.open(tmp_path / "out.tif") as out:
        whole, valid = out.read(1).astype(float), out.dataset_mask() > 0
    with rasterio.open(tmp_path / "out.tif", overview_level=0) as out:
        coarse, seen = out.read(1), out.dataset_mask() > 0
    cells, held = (
        part.reshape(270, 2, 270, 2).transpose(0, 2, 1, 3).reshape(270, 270, 4)
        for part in (whole, valid)
    )
    assert np.array_equal(seen, held.any(axis=2))
    assert (held.any(axis=2) & ~held.all(axis=2)).any()
    means = (cells * held).sum(axis=2)[seen] / held.sum(axis=2)[seen]
    assert np.abs(coarse[seen] - means).max() <= 0.5
