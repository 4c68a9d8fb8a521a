"""Pixel and spectrum scores against other people's code, textbook formulas and laws."""

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio

from geoloupe.errors import InputError
from geoloupe.metrics import reference, structural

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # torchmetrics looks for packages that are not there
    from torchmetrics.functional.image import (
        error_relative_global_dimensionless_synthesis,
        spectral_angle_mapper,
    )

SCORES = [
    reference.rmse,
    reference.mae,
    reference.psnr,
    reference.mean_psnr,
    reference.sre,
    reference.cc,
    reference.scc,
    reference.sam,
    reference.sid,
    structural.ssim,
    structural.ssim_uniform,
    structural.uiqi,
    structural.q2n,
]
every_score = pytest.mark.parametrize("score", SCORES, ids=lambda score: score.__name__)
Cubes = tuple[NDArray[Any], NDArray[Any]]


@pytest.fixture
def cubes() -> Cubes:
    """Two cubes (5,40,33) that are alike."""
    rng = np.random.default_rng(1)
    hr = rng.random((5, 40, 33)) * np.linspace(0.2, 1, 5)[:, None, None]
    return hr + 0.05 * rng.standard_normal(hr.shape), hr


def test_errors_and_ratios_as_scikit_image_has_them(cubes: Cubes) -> None:
    sr, hr = cubes
    assert reference.rmse(sr, hr) == pytest.approx(mean_squared_error(hr, sr) ** 0.5, rel=1e-12)
    assert reference.mae(sr, hr) == pytest.approx(np.abs(sr - hr).mean(), rel=1e-12)
    ratio = peak_signal_noise_ratio(hr, sr, data_range=2.0)
    assert reference.psnr(sr, hr, peak=2.0) == pytest.approx(ratio, rel=1e-12)
    ratios = [peak_signal_noise_ratio(*pair, data_range=1.0) for pair in zip(hr, sr, strict=True)]
    assert reference.mean_psnr(sr, hr) == pytest.approx(np.mean(ratios), rel=1e-12)
    assert reference.mean_psnr(sr, hr) >= reference.psnr(sr, hr)


def test_sre_is_of_each_band_s_own_brightness(cubes: Cubes) -> None:
    sr, hr = cubes
    bands = [
        10 * np.log10(truth.mean() ** 2 / np.mean((band - truth) ** 2))
        for band, truth in zip(sr, hr, strict=True)
    ]
    assert reference.sre(sr, hr) == pytest.approx(np.mean(bands), rel=1e-12)
    half = (0.5 * sr, 0.5 * hr)
    assert reference.sre(*half) == pytest.approx(reference.sre(sr, hr), rel=1e-12)


def test_sam_and_ergas_as_torchmetrics_has_them(cubes: Cubes) -> None:
    sr, hr = (torch.from_numpy(np.abs(cube))[None] for cube in cubes)
    angle = np.degrees(spectral_angle_mapper(sr, hr).item())
    assert reference.sam(sr[0].numpy(), hr[0].numpy()) == pytest.approx(angle, rel=1e-9)
    expected = error_relative_global_dimensionless_synthesis(sr, hr, ratio=4).item()
    found = reference.ergas(sr[0].numpy(), hr[0].numpy(), ratio=4)
    assert found == pytest.approx(expected, rel=1e-6)


def test_cc_is_the_mean_of_numpy_s_coefficients(cubes: Cubes) -> None:
    expected = [
        np.corrcoef(one.ravel(), two.ravel())[0, 1] for one, two in zip(*cubes, strict=True)
    ]
    assert reference.cc(*cubes) == pytest.approx(np.mean(expected), rel=1e-12)
    _, hr = cubes
    assert reference.cc(3 * hr + 7, hr) == pytest.approx(1.0, rel=1e-12)
    assert reference.cc(-hr, hr) == pytest.approx(-1.0, rel=1e-12)


def test_sid_is_the_sum_of_both_divergences(cubes: Cubes) -> None:
    sr, hr = (np.maximum(cube, 1e-3) for cube in cubes)
    total = 0.0
    for one, two in zip(sr.reshape(5, -1).T, hr.reshape(5, -1).T, strict=True):
        p, q = one / one.sum(), two / two.sum()
        total += sum(p * np.log(p / q)) + sum(q * np.log(q / p))
    assert reference.sid(sr, hr) == pytest.approx(total / sr[0].size, rel=1e-7)


def test_scc_correlates_edges_in_windows() -> None:
    rng = np.random.default_rng(0)
    sr, hr = rng.random((2, 1, 12, 11))
    edges = []
    for band in (sr[0], hr[0]):
        wide = np.pad(band, 1, mode="symmetric")
        around = sum(wide[1 + y : 13 + y, 1 + x : 12 + x] for y in (-1, 0, 1) for x in (-1, 0, 1))
        edges.append(9 * band - around)
    expected = [
        np.corrcoef(*(e[top : top + 8, left : left + 8].ravel() for e in edges))[0, 1]
        for top in range(5)
        for left in range(4)
    ]
    assert reference.scc(sr, hr) == pytest.approx(np.mean(expected), rel=1e-9)


def test_black_spectra_have_an_agreed_angle() -> None:
    hr = np.ones((3, 1, 4))
    sr = np.ones((3, 1, 4))
    hr[:, 0, 0] = sr[:, 0, 0] = 0
    hr[:, 0, 1] = 0
    hr[0, 0, 2] = 0
    angle = np.degrees(np.arccos(2 / np.sqrt(6)))
    assert reference.sam(sr, hr) == pytest.approx((0 + 90 + angle + 0) / 4)
    assert reference.sam(sr, hr, black="skip") == pytest.approx((angle + 0) / 2)
    assert reference.sam(sr, hr, black="zero") == pytest.approx((0 + 0 + angle + 0) / 4)
    assert reference.sam(np.zeros((3, 2, 2)), np.zeros((3, 2, 2)), black="skip") == 0


def test_tiny_angles_keep_their_digits() -> None:
    hr = np.array([1.0, 1.0]).reshape(2, 1, 1)
    sr = np.array([1.0, 1.0 + 1e-9]).reshape(2, 1, 1)
    assert reference.sam(sr, hr) == pytest.approx(np.degrees(5e-10), rel=1e-6)


def test_bands_without_light_are_left_out_of_ergas(cubes: Cubes) -> None:
    sr, hr = cubes
    dark = np.zeros((1, 40, 33))
    with_dark = np.concatenate([sr, dark + 0.1]), np.concatenate([hr, dark])
    whole = reference.ergas(sr, hr, ratio=2)
    assert reference.ergas(*with_dark, ratio=2) == pytest.approx(whole, rel=1e-12)
    assert reference.ergas(dark, dark, ratio=2) == 0


@every_score
@pytest.mark.parametrize("level", [0.0, 0.5, 1e-30, 255.0])
def test_flat_and_black_images_have_finite_scores(score: Any, level: float) -> None:
    flat = np.full((3, 16, 16), level)
    rng = np.random.default_rng(0)
    for sr in (flat + 0.25, rng.random((3, 16, 16)), -flat - 1):
        for pair in ((sr, flat), (flat, sr)):
            assert np.isfinite(score(*pair))


@every_score
def test_what_does_not_count_changes_nothing(score: Any, cubes: Cubes) -> None:
    sr, hr = (cube.copy() for cube in cubes)
    valid = np.ones(sr.shape[1:], bool)
    valid[3:9, 5:30] = False
    valid[-1] = False
    before = score(sr, hr, valid=valid)
    sr[:, ~valid] = 1e6
    hr[2, ~valid] = -7
    assert score(sr, hr, valid=valid) == before
    sr[1, ~valid] = np.nan
    hr[:, 4, 6] = np.inf
    assert score(sr, hr) == before
    assert before != score(*cubes)


@every_score
def test_a_batch_is_its_images(score: Any, cubes: Cubes) -> None:
    sr, hr = cubes
    valid = np.ones((2, 3, 40, 33), bool)
    valid[1, 2, :9] = False
    batch = np.stack([sr] * 6).reshape(2, 3, *sr.shape) + np.arange(6).reshape(2, 3, 1, 1, 1) / 50
    truth = np.broadcast_to(hr, batch.shape)
    scores = score(batch, truth, valid=valid)
    assert scores.shape == (2, 3)
    for place in np.ndindex(2, 3):
        assert scores[place] == score(batch[place], hr, valid=valid[place])


@every_score
def test_sums_are_in_double_precision(score: Any, cubes: Cubes) -> None:
    singles = [cube.astype(np.float32) for cube in cubes]
    doubles = [cube.astype(np.float64) for cube in singles]
    assert score(*singles) == score(*doubles)


@every_score
def test_what_cannot_be_compared_is_refused(score: Any, cubes: Cubes) -> None:
    sr, hr = cubes
    with pytest.raises(InputError, match=r"\(5, 40, 33\) and \(5, 40, 32\)"):
        score(sr, hr[..., :32])
    with pytest.raises(InputError, match="no pixel in common"):
        score(sr, hr, valid=np.zeros((40, 33), bool))
