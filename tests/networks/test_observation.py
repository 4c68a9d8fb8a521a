"""A sensor as tensors is the degradation of the same transfer function, and can be agreed with."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from geoloupe.degradations.blur import SensorMTF
from geoloupe.degradations.degradation import Degradation
from geoloupe.imagery.alignment import Axis
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT
from geoloupe.networks.observation import Observation
from geoloupe.networks.resize import bicubic_up

GAINS = (0.12, 0.2, 0.3, 0.5)
SHIFTED = Observation(
    mtf=GAINS, down=Axis(ratio=2, offset=0.5), across=Axis(ratio=10 / 3, offset=-0.7)
)


def noise(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
@pytest.mark.parametrize("gains", [(0.3,), GAINS])
def test_it_sees_what_the_degradation_makes(scale: int, gains: tuple[float, ...]) -> None:
    hr = noise(4, 13 * scale, 9 * scale)
    recipe = Degradation(
        name="sensor", about="", blurs=(SensorMTF(gains=gains),), samplings=("strided",)
    )
    image = Image.of(hr.numpy().astype(np.float32), radiometry=UNIT)
    made = recipe(image, scale, np.random.default_rng(0)).values
    seen = Observation.aligned(*gains, scale=scale).observe(hr[None].float(), (13, 9))[0]
    assert np.abs(seen.numpy() - made).max() < 1e-5  # far tails are cut band by band


@pytest.mark.parametrize("ratio", [2, 3, 4, 8, 10 / 3, 2.5])
@pytest.mark.parametrize("offset", [0, 0.5, -0.7])
def test_its_contrast_at_nyquist_is_its_mtf(ratio: float, offset: float) -> None:
    pixels = torch.arange(round(64 * ratio), dtype=torch.float64)
    # Bright and dark LR pixels in turn, as the finer grid holds them.
    wave = torch.cos(torch.pi * ((pixels + 0.5 - offset) / ratio - 0.5))
    axis = Axis(ratio=ratio, offset=offset)
    sensor = Observation(mtf=GAINS, down=axis, across=axis)
    seen = sensor.observe(wave.expand(1, len(GAINS), len(pixels), -1), (64, 64))[0, :, 32, 16:48]
    assert seen.abs().mean(1).numpy() == pytest.approx(GAINS, rel=0.02)


def test_interpolation_is_matlabs_where_grids_share_a_corner() -> None:
    lr = noise(1, 2, 9, 7)
    sensor = Observation.aligned(0.3, scale=3)
    assert sensor.interpolate(lr, (27, 21)).allclose(bicubic_up(lr, 3))


def test_a_shifted_grid_is_interpolated_at_its_place() -> None:
    row, column = torch.meshgrid(torch.arange(60.0), torch.arange(100.0), indexing="ij")
    plane = (row + 2 * column).double().expand(1, 4, -1, -1)
    # Of a slope a sensor sees the value at the middle of its pixel; interpolation returns it.
    coarse = SHIFTED.observe(plane, (28, 28))
    made = SHIFTED.interpolate(coarse, (60, 100))
    assert made[..., 15:40, 25:70].allclose(plane[..., 15:40, 25:70])


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
@pytest.mark.parametrize("mtf", [*GAINS, 0.65])
def test_a_step_leaves_next_to_nothing(scale: int, mtf: float) -> None:
    sensor = Observation.aligned(mtf, scale=scale)
    sr, lr = noise(1, 2, 20 * scale, 24 * scale), noise(1, 2, 20, 24)
    before = (sensor.observe(sr, (20, 24)) - lr).abs().max()
    once, twice = (
        (sensor.observe(sensor.consistent(sr, lr, steps=steps), (20, 24)) - lr).abs().max() / before
        for steps in (1, 2)
    )
    assert once < 0.05
    assert twice < 0.002


def test_any_two_grids_can_agree() -> None:
    sr, lr = noise(1, 4, 60, 100), noise(1, 4, 28, 28)
    made = SHIFTED.consistent(sr, lr, steps=6)
    missed = (SHIFTED.observe(made, (28, 28)) - lr)[..., 4:-4, 4:-4]
    assert missed.abs().max() < 0.01


def test_it_follows_gain_and_offset_and_keeps_what_agrees() -> None:
    sensor = Observation.aligned(*GAINS, scale=4)
    sr, lr = noise(1, 4, 80, 64), noise(1, 4, 20, 16)
    made = sensor.consistent(sr, lr)
    assert sensor.consistent(3 * sr - 1, 3 * lr - 1).allclose(3 * made - 1)
    assert sensor.consistent(sr, sensor.observe(sr, (20, 16))).allclose(sr)


@pytest.mark.parametrize("gain", [1.0, 1e-3])
def test_noise_is_not_sharpened_into_an_answer_that_is_without(gain: float) -> None:
    exact = Observation.aligned(*GAINS, scale=4)
    sensor = replace(exact, noise=(0.01 * gain,) * 3 + (0.0,))
    sr = gain * exact.interpolate(noise(1, 4, 24, 20), (96, 80))
    clean = exact.observe(sr, (24, 20))
    lr = clean + 0.01 * gain * noise(1, 4, 24, 20)
    assert sensor.consistent(sr, clean).allclose(sr, atol=1e-9 * gain)
    added, asked = (one.consistent(sr, lr) - sr for one in (sensor, exact))
    assert added[:, :3].std() < 0.15 * asked[:, :3].std()
    assert added[:, 3:].allclose(asked[:, 3:], atol=1e-9 * gain)  # a band without noise


def test_what_noise_cannot_explain_is_put_right() -> None:
    exact = Observation.aligned(0.3, scale=4)
    sensor = replace(exact, noise=(0.01,))
    sr, lr = noise(1, 1, 96, 80), noise(1, 1, 24, 20)
    assert sensor.consistent(sr, lr).allclose(exact.consistent(sr, lr), atol=0.02)
    brighter = exact.observe(sr, (24, 20)) + 0.005  # less than noise, but everywhere
    assert (sensor.consistent(sr, brighter) - sr).mean() == pytest.approx(0.005, rel=0.05)


@pytest.mark.parametrize("noisy", [(), (0.1,)])
@pytest.mark.parametrize("mtf", [(0.15,), GAINS])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_it_looks_no_farther_than_it_says(
    scale: int, mtf: tuple[float, ...], noisy: tuple[float, ...]
) -> None:
    sensor = Observation.aligned(*mtf, scale=scale, noise=noisy)
    sr, lr, reach = noise(1, 4, 64 * scale, 64 * scale), noise(1, 4, 64, 64), sensor.reach
    whole = sensor.consistent(sr, lr)
    low, high = slice(7, 57), slice(7 * scale, 57 * scale)
    part = sensor.consistent(sr[:, :, high, high], lr[:, :, low, low])
    apart = (part - whole[:, :, high, high]).abs().amax((0, 1))
    assert apart[reach * scale : -reach * scale, reach * scale : -reach * scale].max() < 1e-12
    nearer = (reach - 3) * scale
    assert apart[nearer:-nearer, nearer:-nearer].max() > 1e-12


def test_it_carries_gradients() -> None:
    sensor = Observation.aligned(0.3, scale=2)
    sr, lr = noise(1, 1, 8, 6).requires_grad_(), noise(1, 1, 4, 3)
    assert torch.autograd.gradcheck(lambda sr: sensor.consistent(sr, lr), sr)
