"""Window scores against scikit-image, textbook formulas and hypercomplex arithmetic by hand."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from geoloupe.errors import InputError
from geoloupe.metrics.structural import q2n, ssim, ssim_uniform, uiqi

Block = NDArray[Any]
HAMILTON = {  # e_i times e_j for 1, i, j, k
    (1, 1): (0, -1), (2, 2): (0, -1), (3, 3): (0, -1),
    (1, 2): (3, 1), (2, 3): (1, 1), (3, 1): (2, 1),
    (2, 1): (3, -1), (3, 2): (1, -1), (1, 3): (2, -1),
}  # fmt: skip


@pytest.fixture
def cubes() -> tuple[Block, Block]:
    """Two cubes (3,37,29) that are alike."""
    rng = np.random.default_rng(2)
    hr = rng.random((3, 37, 29))
    return hr + 0.1 * rng.standard_normal(hr.shape), hr


@pytest.mark.parametrize("peak", [1.0, 255.0])
def test_ssim_as_scikit_image_has_it(cubes: tuple[Block, Block], peak: float) -> None:
    sr, hr = (peak * cube for cube in cubes)
    options = {"channel_axis": 0, "data_range": peak}
    gaussian = structural_similarity(
        hr, sr, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, **options
    )
    assert ssim(sr, hr, peak=peak) == pytest.approx(gaussian, rel=1e-10)
    uniform = structural_similarity(hr, sr, **options)
    assert ssim_uniform(sr, hr, peak=peak) == pytest.approx(uniform, rel=1e-10)


def test_ssim_needs_room_for_a_window() -> None:
    small = np.zeros((1, 10, 30))
    with pytest.raises(InputError, match=r"11 x 11 pixels, and the image has 30 x 10"):
        ssim(small, small)
    assert ssim_uniform(small, small) == 1


def test_uiqi_is_wang_and_bovik_s_formula_in_every_window() -> None:
    sr, hr = np.random.default_rng(0).random((2, 1, 11, 9))
    expected = []
    for top in range(4):
        for left in range(2):
            one, two = (cube[0, top : top + 8, left : left + 8] for cube in (sr, hr))
            covariance = np.mean((one - one.mean()) * (two - two.mean()))
            expected.append(
                4 * covariance * one.mean() * two.mean()
                / ((one.var() + two.var()) * (one.mean() ** 2 + two.mean() ** 2))
            )  # fmt: skip
    assert uiqi(sr, hr) == pytest.approx(np.mean(expected), rel=1e-10)


def quality(one: Block, two: Block, multiply: Any) -> float:
    """Compare pixels (N,parts) of one block by the definition, with a product of numbers."""
    conjugate = np.array([1] + [-1] * (one.shape[1] - 1))
    mean_one, mean_two = one.mean(axis=0), two.mean(axis=0)
    products = [
        multiply(a - mean_one, (b - mean_two) * conjugate) for a, b in zip(one, two, strict=True)
    ]
    covariance = np.linalg.norm(np.mean(products, axis=0))
    spreads = [np.mean(np.sum((x - m) ** 2, axis=1)) for x, m in ((one, mean_one), (two, mean_two))]
    lengths = np.linalg.norm(mean_one), np.linalg.norm(mean_two)
    light = 2 * lengths[0] * lengths[1] / (lengths[0] ** 2 + lengths[1] ** 2)
    return float(2 * covariance / sum(spreads) * light)


def hamilton(one: Block, two: Block) -> Block:
    product = np.zeros(4)
    for i in range(4):
        for j in range(4):
            unit, sign = HAMILTON.get((i, j), (i + j, 1))
            product[unit] += sign * one[i] * two[j]
    return product


def complex_product(one: Block, two: Block) -> Block:
    product = complex(*one) * complex(*two)
    return np.array([product.real, product.imag])


@pytest.mark.parametrize(
    ("bands", "multiply"),
    [(1, np.multiply), (2, complex_product), (3, hamilton), (4, hamilton)],
)
def test_q2n_is_the_quality_of_hypercomplex_numbers(bands: int, multiply: Any) -> None:
    rng = np.random.default_rng(bands)
    hr = rng.random((bands, 32, 20))
    sr = hr + 0.2 * rng.random(hr.shape)
    parts = 4 if bands == 3 else bands
    one, two = (
        np.concatenate([cube.reshape(bands, -1), np.zeros((parts - bands, 640))]).T
        for cube in (sr, hr)
    )
    assert q2n(sr, hr) == pytest.approx(quality(one, two, multiply), rel=1e-10)


def test_octonions_keep_lengths() -> None:
    """Of 8 parts the product of lengths is the length of the product: a law of octonions only."""
    from geoloupe.metrics.structural import _units

    rng = np.random.default_rng(0)
    one, two = rng.standard_normal((2, 8))
    products, signs = _units(3)
    parts = np.bincount(products.ravel(), weights=(signs * np.outer(one, two)).ravel())
    assert np.linalg.norm(parts) == pytest.approx(np.linalg.norm(one) * np.linalg.norm(two))


def test_q2n_falls_when_one_band_moves(cubes: tuple[Block, Block]) -> None:
    _, hr = cubes
    moved = hr.copy()
    moved[1] = np.roll(moved[1], 1, axis=1)
    assert q2n(hr, hr) == pytest.approx(1.0, rel=1e-12)
    assert q2n(moved, hr) < 0.9
