"""Noise is as strong as its settings say, and comes row by row."""

import numpy as np
import pytest

from geoloupe.degradations.noise import GaussianNoise, Noise, PoissonNoise, Stripes

FLAT = np.full((3, 200, 150), 0.5)


@pytest.mark.parametrize(
    "noise",
    [GaussianNoise(std=(3, 9)), PoissonNoise(photons=(50, 200)), Stripes(std=(5, 5))],
    ids=lambda noise: noise.kind,
)
def test_strips_get_the_noise_of_the_whole(noise: Noise) -> None:
    whole = noise.drawn(3, 150, np.random.default_rng(7))(FLAT)
    add = noise.drawn(3, 150, np.random.default_rng(7))
    strips = np.concatenate([add(FLAT[:, rows]) for rows in np.split(np.arange(200), 4)], axis=1)
    assert (strips == whole).all()
    assert (whole != FLAT).any()


def test_gaussian_noise_has_its_strength_and_no_bias() -> None:
    noisy = GaussianNoise(std=(30, 30)).drawn(3, 150, np.random.default_rng(0))(FLAT)
    assert (noisy - FLAT).std() * 255 == pytest.approx(30, rel=0.01)
    assert abs((noisy - FLAT).mean()) < 0.002


def test_photon_noise_grows_as_the_root_of_the_signal() -> None:
    add = PoissonNoise(photons=(1000, 1000)).drawn(3, 150, np.random.default_rng(0))
    dark, bright = add(FLAT / 5), add(FLAT)
    assert bright.var() == pytest.approx(0.5 / 1000, rel=0.03)
    assert bright.var() / dark.var() == pytest.approx(5, rel=0.05)
    assert (add(-FLAT) == 0).all()


def test_stripes_strike_whole_columns_of_some_share() -> None:
    noise = Stripes(std=(5, 5), share=(0.2, 0.2))
    change = noise.drawn(3, 150, np.random.default_rng(0))(FLAT) - FLAT
    assert (change == change[:, :1]).all()
    assert (change[:, 0] != 0).mean() == pytest.approx(0.2, abs=0.05)


def test_chance_leaves_some_images_clean() -> None:
    noise, rng = GaussianNoise(std=(1, 4), chance=0.8), np.random.default_rng(0)
    clean = [(noise.drawn(3, 150, rng)(FLAT) == FLAT).all() for _ in range(300)]
    assert np.mean(clean) == pytest.approx(0.2, abs=0.06)
