"""A sensor as tensors is the degradation of the same transfer function, and can be agreed with."""

import numpy as np
import pytest
import torch

from geoloupe.degradations.blur import SensorMTF
from geoloupe.degradations.recipe import Recipe
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT
from geoloupe.networks.observation import Observation

GAINS = (0.12, 0.2, 0.3, 0.5)


def noise(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
@pytest.mark.parametrize("gains", [(0.3,), GAINS])
def test_it_sees_what_the_degradation_makes(scale: int, gains: tuple[float, ...]) -> None:
    hr = noise(4, 13 * scale, 9 * scale)
    recipe = Recipe(
        name="sensor", about="", blurs=(SensorMTF(gains=gains),), samplings=("strided",)
    )
    image = Image.of(hr.numpy().astype(np.float32), radiometry=UNIT)
    made = recipe(image, scale, np.random.default_rng(0)).values
    seen = Observation(mtf=gains, scale=scale).observe(hr[None].float())[0]
    assert np.abs(seen.numpy() - made).max() < 1e-5  # far tails are cut band by band


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_its_contrast_at_nyquist_is_its_mtf(scale: int) -> None:
    pixels = torch.arange(64 * scale, dtype=torch.float64)
    # Bright and dark LR pixels in turn, as the finer grid holds them.
    wave = torch.cos(torch.pi * ((pixels + 0.5) / scale - 0.5)).expand(1, len(GAINS), 8 * scale, -1)
    seen = Observation(mtf=GAINS, scale=scale).observe(wave)[0, :, 4, 16:48]
    assert seen.abs().mean(1).numpy() == pytest.approx(GAINS, rel=0.02)


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
@pytest.mark.parametrize("mtf", [*GAINS, 0.65])
def test_a_step_leaves_next_to_nothing(scale: int, mtf: float) -> None:
    sensor = Observation(mtf=(mtf,), scale=scale)
    sr, lr = noise(1, 2, 20 * scale, 24 * scale), noise(1, 2, 20, 24)
    before = (sensor.observe(sr) - lr).abs().max()
    once, twice = (
        (sensor.observe(sensor.consistent(sr, lr, steps=steps)) - lr).abs().max() / before
        for steps in (1, 2)
    )
    assert once < 0.05
    assert twice < 0.002


def test_it_follows_gain_and_offset_and_keeps_what_agrees() -> None:
    sensor = Observation(mtf=GAINS, scale=4)
    sr, lr = noise(1, 4, 80, 64), noise(1, 4, 20, 16)
    made = sensor.consistent(sr, lr)
    assert sensor.consistent(3 * sr - 1, 3 * lr - 1).allclose(3 * made - 1)
    assert sensor.consistent(sr, sensor.observe(sr)).allclose(sr)


@pytest.mark.parametrize("mtf", [(0.15,), GAINS])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_it_looks_no_farther_than_it_says(scale: int, mtf: tuple[float, ...]) -> None:
    sensor = Observation(mtf=mtf, scale=scale)
    sr, lr, reach = noise(1, 4, 64 * scale, 64 * scale), noise(1, 4, 64, 64), sensor.reach
    whole = sensor.consistent(sr, lr)
    low, high = slice(10, 50), slice(10 * scale, 50 * scale)
    part = sensor.consistent(sr[:, :, high, high], lr[:, :, low, low])
    inner = slice(reach * scale, -reach * scale)
    assert (part - whole[:, :, high, high])[:, :, inner, inner].abs().max() < 1e-12
    narrow = slice((reach - 3) * scale, -(reach - 3) * scale)
    assert (part - whole[:, :, high, high])[:, :, narrow, narrow].abs().max() > 1e-12


def test_it_carries_gradients() -> None:
    sensor = Observation(mtf=(0.3,), scale=2)
    sr, lr = noise(1, 1, 8, 6).requires_grad_(), noise(1, 1, 4, 3)
    assert torch.autograd.gradcheck(lambda sr: sensor.consistent(sr, lr), sr)
