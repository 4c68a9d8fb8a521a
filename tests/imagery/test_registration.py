"""Shifts are found: whole ones, parts of a pixel, across bands, beside holes, in real pairs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage
from scipy.io import loadmat
from skimage.registration import phase_cross_correlation

from geoloupe.errors import InputError
from geoloupe.imagery.registration import Shift, check_registration, measure_shift
from geoloupe.imagery.resize import imresize
from tests.real_data import DATA

LANDSAT = DATA / "landsat7"
Plane = NDArray[np.float64]


def land(seed: int, side: int = 128, margin: int = 16) -> Plane:
    """Draw what land looks like to a spectrum: amplitudes that fall with frequency, and fields."""
    rng = np.random.default_rng(seed)
    size = side + 2 * margin
    f = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size)) + 1 / size
    noise = np.fft.ifft2(np.fft.fft2(rng.standard_normal((size, size))) / f**1.2).real
    fields = ndimage.gaussian_filter(np.where(noise > np.median(noise), 1.0, -1.0), 0.7)
    return noise / noise.std() + fields


def moved_by(image: Plane, rows: float, columns: float) -> Plane:
    """Move (H,W) content down and right by any part of a pixel, exactly, around the border."""
    shifted = ndimage.fourier_shift(np.fft.fft2(image), (rows, columns))
    return np.fft.ifft2(shifted).real


def inner(image: Plane, margin: int = 16) -> Plane:
    return image[..., margin:-margin, margin:-margin]


def error(shift: Shift, rows: float, columns: float) -> float:
    return float(np.hypot(shift.rows - rows, shift.columns - columns))


@given(
    seed=st.integers(0, 50),
    rows=st.floats(-6, 6, allow_subnormal=False),
    columns=st.floats(-6, 6, allow_subnormal=False),
)
@settings(max_examples=40, deadline=None)
def test_parts_of_a_pixel_are_found(seed: int, rows: float, columns: float) -> None:
    image = land(seed)
    shift = measure_shift(inner(image), inner(moved_by(image, rows, columns)))
    assert error(shift, rows, columns) < 0.05
    assert shift.confidence > 0.7


@given(seed=st.integers(0, 50), rows=st.integers(-20, 20), columns=st.integers(-20, 20))
@settings(max_examples=25, deadline=None)
def test_a_rolled_image_is_found_and_the_sign_is_as_documented(
    seed: int, rows: int, columns: int
) -> None:
    image = land(seed, margin=0)
    shift = measure_shift(image, np.roll(image, (rows, columns), axis=(0, 1)))
    assert error(shift, rows, columns) < 0.05
    back = measure_shift(np.roll(image, (rows, columns), axis=(0, 1)), image)
    assert error(back, -rows, -columns) < 0.05


@pytest.mark.parametrize("shape", [(8, 8), (9, 31), (3, 40, 33), (64, 97)])
def test_an_image_lies_where_it_lies(shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).random(shape)
    shift = measure_shift(image, image)
    assert (shift.rows, shift.columns, shift.length) == (0, 0, 0)


@pytest.mark.parametrize("seed", range(6))
def test_bands_of_opposite_contrast_and_their_own_noise_agree(seed: int) -> None:
    image = land(seed, side=160)
    other = np.exp(-0.7 * image) * 900 + 3 * land(seed + 100, side=160)
    shift = measure_shift(inner(image), inner(moved_by(other, 1.3, -2.6)))
    assert error(shift, 1.3, -2.6) < 0.1


def test_the_number_of_bands_may_differ() -> None:
    bands = np.stack([land(1), 50 + 7 * land(1)])
    shift = measure_shift(inner(bands), inner(moved_by(land(1), 2, -1)))
    assert error(shift, 2, -1) < 0.05


@pytest.mark.parametrize("garbage", [np.nan, np.inf, -9999.0, 1e6])
def test_holes_do_not_hold_the_images_together(garbage: float) -> None:
    image = land(4)
    valid = np.ones((128, 128), bool)
    valid[30:80, 20:90] = False
    valid[:9] = False
    first, second = inner(image), inner(moved_by(image, 3.4, -2.7))
    shift = measure_shift(
        np.where(valid, first, garbage), np.where(valid, second, garbage), valid=valid
    )
    assert error(shift, 3.4, -2.7) < 0.05
    noise = np.random.default_rng(1).standard_normal(valid.shape) * 50
    again = measure_shift(
        np.where(valid, first, noise), np.where(valid, second, noise), valid=valid
    )
    assert again == shift


@pytest.mark.parametrize("image", [np.zeros((20, 30)), np.full((2, 16, 16), 7.0), np.eye(5)])
def test_nothing_to_see_gives_no_shift_and_no_confidence(image: Plane) -> None:
    assert measure_shift(image, image) == Shift()
    assert measure_shift(image, np.full(image.shape, np.nan)) == Shift()


def test_nothing_valid_gives_no_shift() -> None:
    image = land(0)
    assert measure_shift(image, image, valid=np.zeros(image.shape, bool)) == Shift()
    assert measure_shift(image, np.zeros_like(image)) == Shift()


def test_confidence_tells_the_same_place_from_another() -> None:
    rng = np.random.default_rng(0)
    strangers = [
        measure_shift(land(seed), land(seed + 60), limit=20).confidence for seed in range(8)
    ]
    noisy = land(0) + 0.3 * rng.standard_normal(land(0).shape)
    assert max(strangers) < 0.4
    assert measure_shift(land(0), noisy).confidence > 0.7


def test_the_limit_bounds_the_search() -> None:
    image = land(3)
    far = np.roll(image, (12, 0), axis=(0, 1))
    assert abs(measure_shift(image, far, limit=3).rows) <= 5
    assert error(measure_shift(image, far, limit=12), 12, 0) < 0.05


def test_images_of_different_sizes_are_refused() -> None:
    with pytest.raises(InputError, match="one grid first"):
        measure_shift(np.zeros((9, 9)), np.zeros((9, 8)))


@pytest.mark.parametrize("seed", range(4))
def test_skimage_finds_the_same(seed: int) -> None:
    image = land(seed)
    first, second = inner(image), inner(moved_by(image, -0.6, 2.3))
    theirs, _, _ = phase_cross_correlation(second, first, upsample_factor=100, normalization=None)
    ours = measure_shift(first, second)
    assert error(ours, *theirs) < 0.25  # theirs sees the border that moves in and out
    assert error(ours, -0.6, 2.3) < error(Shift(rows=theirs[0], columns=theirs[1]), -0.6, 2.3)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_pair_of_two_resolutions_is_measured_in_hr_pixels(scale: int) -> None:
    image = land(5, side=48 * scale, margin=4 * scale)
    lr = imresize(inner(image, 4 * scale), 1 / scale)
    hr = inner(moved_by(image, 1.5, -0.5), 4 * scale)
    valid = np.ones(hr.shape, bool)
    valid[40:60, 50:80] = False
    spoilt = np.where(valid, hr, np.nan)
    for shift in (
        check_registration(lr, hr, scale),
        check_registration(lr[None], hr[None], scale, valid=valid),
        check_registration(lr, spoilt, scale, limit=5),
    ):
        assert error(shift, 1.5, -0.5) < 0.2


def test_a_pair_whose_sizes_do_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="is not 4 times"):
        check_registration(np.zeros((1, 10, 10)), np.zeros((1, 40, 39)), 4)


@pytest.mark.skipif(not LANDSAT.is_dir(), reason=f"no Landsat 7 pairs in {LANDSAT}")
@pytest.mark.parametrize("number", range(1, 13))
def test_landsat_7_sees_its_panchromatic_band_one_pixel_up_and_left(number: int) -> None:
    ms = loadmat(LANDSAT / f"{number}_ms.mat")["cropped_im"].transpose(2, 0, 1)
    pan = loadmat(LANDSAT / f"{number}_pan.mat")["cropped_gray"][None]
    seen = ms[:4].mean(axis=0, keepdims=True)
    shift = check_registration(seen, pan, 2)
    assert error(shift, -1, -1) < 0.2
    assert shift.confidence > 0.85
    mended = check_registration(seen, np.roll(pan, (1, 1), axis=(1, 2)), 2)
    assert mended.length < 0.2
