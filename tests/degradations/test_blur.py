"""Kernels are what their names say, and blurring is plain correlation."""

import math

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from geoloupe.degradations.blur import (
    Anisotropic,
    AnySensor,
    SensorMTF,
    correlate,
    gaussian,
    response,
)
from geoloupe.degradations.named import BD, MULSR_TEST
from geoloupe.degradations.sampling import centre_offset, sample
from geoloupe.errors import InputError
from geoloupe.imagery.optics import sensor_sigma
from tests.networks.golden import FOLDER

GOLDEN = load_file(FOLDER / "mulsr-degradation.safetensors")
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("scale", [4, 8])
def test_mulsr_test_degradation_is_the_published_one(scale: int) -> None:
    (blur,) = MULSR_TEST.blurs
    kernel = blur.drawn(scale, RNG, offset=0)
    assert np.abs(kernel[0] - GOLDEN[f"x{scale}.kernel"]).max() <= 1e-12
    blurred = correlate(GOLDEN[f"x{scale}.hr"].astype(float), kernel)
    assert np.abs(blurred - GOLDEN[f"x{scale}.blurred"]).max() <= 1e-6
    (sampling,) = MULSR_TEST.samplings
    lr = sample(blurred, scale, sampling)
    assert np.abs(lr - GOLDEN[f"x{scale}.lr_noise_free"]).max() <= 1e-6


@pytest.mark.parametrize("size", [9, 11, 13, 15])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_mulsr_centres_its_kernel_on_the_low_resolution_pixel(size: int, scale: int) -> None:
    blur = Anisotropic(variances=((0.5, 0.5), (0.5, 0.5)), sizes=(size,), shifted=True)
    (kernel,) = blur.drawn(scale, RNG, offset=0)
    for profile in (kernel.sum(axis=0), kernel.sum(axis=1)):
        beyond = profile @ np.arange(size) - (size - 1) / 2
        assert beyond == pytest.approx((scale - 1) / 2, abs=1e-3)


def test_a_centre_outside_the_window_is_kept() -> None:
    """At x16 MulSR's published centre is element 13.5 of 0 to 12: a quirk of its test data."""
    (kernel,) = MULSR_TEST.blurs[0].drawn(16, RNG, offset=0)
    assert kernel.sum() == pytest.approx(1)
    assert np.unravel_index(kernel.argmax(), kernel.shape) == (12, 12)


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    size=st.integers(1, 12),
    rank=st.sampled_from([1, 2, 5]),
    border=st.sampled_from([("mirror", "reflect"), ("repeat", "nearest")]),
)
@settings(max_examples=80, deadline=None)
def test_blurring_is_correlation(
    height: int, width: int, size: int, rank: int, border: tuple[str, str]
) -> None:
    rng = np.random.default_rng(height * width)
    values = rng.random((3, height, width))
    kernel = rng.random((size, rank)) @ rng.random((rank, size))
    ours, scipys = border
    found = correlate(values, kernel[None], ours)  # type: ignore[arg-type]
    # An even kernel of SciPy's hangs to the other side of its middle.
    origin = -1 if size % 2 == 0 else 0
    for band, expected in zip(found, values, strict=True):
        other = scipy.ndimage.correlate(expected, kernel, mode=scipys, origin=origin)
        assert np.abs(band - other).max() <= 1e-10 * kernel.sum()


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
@pytest.mark.parametrize("gain", [0.15, 0.29, 0.36])
def test_a_sensor_passes_its_gain_at_nyquist(gain: float, scale: int) -> None:
    (kernel,) = SensorMTF(gains=(gain,)).drawn(scale, RNG, offset=0)
    profile = kernel.sum(axis=0)
    position = np.arange(len(profile)) - (len(profile) - 1) / 2
    passed = (profile * np.cos(np.pi / scale * position)).sum()
    assert passed == pytest.approx(gain, abs=0.002)
    assert sensor_sigma(gain, 2 * scale) == pytest.approx(2 * sensor_sigma(gain, scale))


@pytest.mark.parametrize(("scale", "size"), [(2, 12), (3, 11), (4, 12), (8, 12)])
def test_bd_looks_at_the_middle_of_each_block(scale: int, size: int) -> None:
    offset = centre_offset(scale, "strided")
    (kernel,) = BD.blurs[0].drawn(scale, RNG, offset=offset)
    assert kernel.shape == (size, size)
    assert np.allclose(kernel, kernel[::-1, ::-1])
    ramp = np.arange(10.0 * scale)[None, None, :].repeat(10 * scale, axis=1)
    middle = sample(correlate(ramp, kernel[None], "repeat"), scale, "strided")[0, 5, 4:6]
    assert np.allclose(middle, [4.5 * scale - 0.5, 5.5 * scale - 0.5])


def test_an_oval_lies_along_its_angle() -> None:
    turned = math.pi / 6
    along = np.array([math.sin(turned), math.cos(turned)])  # rows, columns
    covariance = 9 * np.outer(along, along) + np.outer([along[1], -along[0]], [along[1], -along[0]])
    kernel = gaussian(31, covariance, 15)
    axis = np.arange(31) - 15
    y, x = np.meshgrid(axis, axis, indexing="ij")
    measured = [[(kernel * y * y).sum(), (kernel * y * x).sum()]]
    assert np.allclose(measured, covariance[:1], atol=0.05)


def test_kernels_for_other_bands_are_refused() -> None:
    with pytest.raises(InputError, match="2 blur kernels do not fit 3 bands"):
        correlate(np.zeros((3, 8, 8)), np.ones((2, 3, 3)) / 9)


def test_any_sensor_draws_bands_that_differ_a_little() -> None:
    blur = AnySensor(mtf=(0.2, 0.4), spread=0.03)
    drawn = [blur.drawn(4, RNG, offset=0.5, band_count=5) for _ in range(40)]
    passed = np.array([[response(kernel, 4) for kernel in kernels] for kernels in drawn])
    assert passed.shape == (40, 5)
    assert passed.min() >= 0.2 - 0.002
    assert passed.max() <= 0.4 + 0.002
    assert 0 < np.ptp(passed, axis=1).max() <= 0.06
    assert np.ptp(passed) > 0.15


@pytest.mark.parametrize("size", [1, 4, 5])
def test_only_what_is_kept_is_made(size: int) -> None:
    rng = np.random.default_rng(size)
    values, kernels = rng.random((3, 20, 23)), rng.random((3, size, size))
    for kernel in (kernels, kernels[:1], np.ones((1, size, size))):
        kept = correlate(values, kernel, kept=slice(1, None, 4))
        assert np.allclose(kept, correlate(values, kernel)[:, 1::4, 1::4], atol=1e-12)
