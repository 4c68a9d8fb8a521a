"""Strokes that a network draws over noise are told from detail that a scene holds."""

from typing import Any

import numpy as np
import pytest
from scipy import fft

from geoloupe.degradations.jpeg import compress
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT
from geoloupe.imagery.resize import imresize
from geoloupe.metrics.texture import find_strokes, texture
from geoloupe.models.model import Model, load
from geoloupe.models.predictor import Predictor
from geoloupe.rasters.opening import open_source
from geoloupe.scenes.inspection import LIMITS
from tests.real_data import DATA

LIMIT = LIMITS["texture"]
SCALE = 4


def image(values: Any) -> Image:
    return Image.of(np.asarray(values, np.float32), radiometry=UNIT)


def share(lr: Any, sr: Any, *, scale: int = SCALE) -> float:
    found = texture([find_strokes(image(lr), image(sr), scale)])
    assert found is not None
    return found


def natural(seed: int, *, side: int = 384, bands: int = 3) -> Any:
    """Draw noise of a spectrum that falls as that of scenes does, and its LR image."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(*np.ix_(np.arange(side) + 1, np.arange(side) + 1))
    grey = fft.idctn(fft.dctn(rng.normal(0, 1, (side, side))) / frequency)
    truth = 0.5 + 0.12 * grey / grey.std() + np.zeros((bands, 1, 1))
    return imresize(truth, 1 / SCALE), truth


def strokes(seed: int, side: int = 384) -> Any:
    """Draw noise (side,side) of details that are just too fine for the LR image, of deviation 1."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(*np.ix_(np.arange(side), np.arange(side))) * SCALE / (2 * side)
    spectrum = fft.dctn(rng.normal(0, 1, (side, side))) * ((frequency > 0.5) & (frequency < 1))
    found = fft.idctn(spectrum)
    return found / found.std()


@pytest.mark.parametrize("seed", range(3))
def test_a_truth_and_an_interpolation_have_none(seed: int) -> None:
    lr, truth = natural(seed)
    assert share(lr, truth) == 0
    assert share(lr, imresize(lr, SCALE)) == 0


@pytest.mark.parametrize("seed", range(3))
def test_strokes_over_an_interpolation_are_found_where_they_are(seed: int) -> None:
    lr, _ = natural(seed)
    sr = imresize(lr, SCALE)
    sr[:, :, 192:] += 0.06 * strokes(seed)[:, 192:]
    assert share(lr, sr) == pytest.approx(0.5, abs=0.06)


def test_what_nobody_sees_does_not_count() -> None:
    lr, _ = natural(0)
    sr = imresize(0.02 * lr, SCALE) + 0.06 * strokes(0)
    assert share(0.02 * lr, sr) > 0.9
    bright = np.s_[:, :24]
    lr = 0.02 * lr
    lr[bright] += np.linspace(0, 20, 24)[:, None]  # a scene of which this is the dark, flat part
    sr = imresize(lr, SCALE) + 0.06 * strokes(0)
    assert share(lr, sr) < 0.05


def test_finer_detail_with_them_makes_them_a_texture_of_the_scene() -> None:
    lr, _ = natural(1)
    white = np.random.default_rng(1).normal(0, 0.15, (1, 384, 384))
    assert share(lr, imresize(lr, SCALE) + white) == 0


def test_lines_of_the_input_bear_them_out() -> None:
    lr, _ = natural(2)
    rows = np.sin(np.arange(384) * 2 * np.pi * 0.6 / SCALE)[:, None]
    upright = lr + 0.5 * np.sin(np.arange(96) * 2 * np.pi * 0.3)[:, None]
    assert share(lr, imresize(lr, SCALE) + 0.2 * rows) > 0.9
    assert share(upright, imresize(upright, SCALE) + 0.2 * rows) < 0.05


def clean_model() -> Model:
    """Load a model that learned from images without noise, and takes noise for edges."""
    return load("hsenet-x4")


def test_noise_enlarged_by_a_network_is_flagged_and_by_interpolation_not() -> None:
    rng = np.random.default_rng(0)
    lr = image(natural(3)[0] + rng.normal(0, 0.06, (1, 96, 96)))
    drawn, plain = (
        Predictor.of(model).predict(lr) for model in (clean_model(), load("bicubic", scale=4))
    )
    assert share(lr.values, drawn.values) > 3 * LIMIT
    assert share(lr.values, plain.values) < LIMIT / 2


@pytest.mark.parametrize("bands", [1, 2, 20])
def test_any_number_of_bands_is_looked_at(bands: int) -> None:
    lr, truth = natural(4, bands=bands)
    assert share(lr, truth) == 0
    assert share(lr, imresize(lr, SCALE) + 0.06 * strokes(4)) > 0.9


@pytest.mark.parametrize("scale", [3, 8])
def test_any_factor_from_three_on_is_looked_at(scale: int) -> None:
    lr = natural(5)[0]
    drawn = strokes(5, 96 * SCALE)
    sr = imresize(lr, scale) + 0.06 * imresize(drawn, scale / SCALE)
    assert share(lr, imresize(lr, scale), scale=scale) == 0
    assert share(lr, sr, scale=scale) > 0.8


def test_missing_pixels_are_left_out_with_what_is_next_to_them() -> None:
    lr, _ = natural(6)
    sr = imresize(lr, SCALE)
    lr[:, 30:50, 40:70] = 40  # what the file holds where it holds nothing
    sr[:, 30 * SCALE : 50 * SCALE, 40 * SCALE : 70 * SCALE] = -40
    missing = np.zeros((96, 96), bool)
    missing[30:50, 40:70] = True
    lr[:, missing] = np.nan
    sr[:, missing.repeat(SCALE, 0).repeat(SCALE, 1)] = np.nan
    found = find_strokes(image(lr), image(sr), SCALE)
    assert found.strength.size == 144 - 4 * 5  # of 12 x 12 patches, those that it touches
    assert not found.strength.any()


def test_without_a_whole_patch_nothing_is_told() -> None:
    small = find_strokes(image(np.ones((1, 7, 30))), image(np.ones((1, 28, 120))), SCALE)
    nothing = np.full((1, 16, 16), np.nan)
    empty = find_strokes(image(nothing), image(nothing.repeat(4, 1).repeat(4, 2)), SCALE)
    assert texture([small, empty]) is None
    assert texture([]) is None


@pytest.mark.skipif(not (DATA / "ucmerced").is_dir(), reason="no real images here")
@pytest.mark.parametrize("name", ["mediumresidential11", "golfcourse12", "sparseresidential06"])
def test_photographs_are_told_from_what_a_network_makes_of_coarse_ones(name: str) -> None:
    with open_source(DATA / "ucmerced" / "test" / f"{name}.webp") as source:
        hr = source.read().in_unit().values.astype(np.float64)
    rng = np.random.default_rng(0)
    network = Predictor.of(clean_model())
    fine = imresize(hr, 1 / SCALE)
    assert share(fine, hr) <= LIMIT
    assert share(fine, network.predict(image(fine)).values) <= LIMIT
    coarse = compress(hr[:, 1::4, 1::4] + rng.normal(0, 0.02, fine.shape), 50)
    assert share(coarse, network.predict(image(coarse)).values) > LIMIT
