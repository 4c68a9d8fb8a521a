"""Noise is told from a scene by what the scene's optics cannot have passed."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tools.drawing.scene import sample_scene

from geoloupe.imagery.image import Image
from geoloupe.imagery.noise import noise_level
from geoloupe.imagery.radiometry import UNIT, Radiometry
from geoloupe.networks.observation import Observation

SCENE = sample_scene().in_unit().values[:3, 60:460, 60:460]


def seen(mtf: float, deviation: float) -> np.ndarray:
    """Give what a sensor sees of the drawn scene at half its size, with noise."""
    sensor = Observation.aligned(mtf, scale=2)
    lr = sensor.observe(torch.tensor(SCENE)[None], (200, 200))[0].numpy()
    return lr + np.random.default_rng(0).normal(0, deviation, lr.shape)


def image(values: np.ndarray) -> Image:
    return Image.of(values.astype(np.float32), radiometry=UNIT)


@pytest.mark.parametrize("mtf", [0.2, 0.3])
@pytest.mark.parametrize("deviation", [0.002, 0.008])
def test_noise_is_measured_over_a_scene(mtf: float, deviation: float) -> None:
    assert noise_level(image(seen(mtf, deviation))) == pytest.approx(deviation, rel=0.35)
    assert (noise_level(image(seen(mtf, 0))) < 0.0015).all()


def test_it_goes_with_the_gain_and_not_with_the_offset() -> None:
    values = seen(0.3, 0.004)
    level = noise_level(image(values))
    assert noise_level(image(0.25 * values + 0.3)) == pytest.approx(0.25 * level, rel=1e-3)


def test_missing_pixels_do_not_count() -> None:
    values = seen(0.3, 0.004)
    level = noise_level(image(values))
    values[:, 50:90, 20:180] = np.nan
    assert noise_level(image(values)) == pytest.approx(level, rel=0.1)
    values[1] = np.nan
    assert np.isnan(noise_level(image(values))).tolist() == [False, True, False]


def test_steps_of_the_type_are_noise() -> None:
    flat = np.full((2, 40, 40), 100, np.uint8)
    byte = Image.of(flat, radiometry=Radiometry(dtype="uint8", high=(255.0,)))
    assert noise_level(byte) == pytest.approx(1 / 255 / 12**0.5)
    stretched = replace(byte, radiometry=Radiometry(dtype="uint8", low=(50.0,), high=(150.0,)))
    assert noise_level(stretched) == pytest.approx(1 / 100 / 12**0.5)
    assert noise_level(image(np.full((1, 40, 40), 0.5))) == 0
