"""Resizing agrees with MATLAB's imresize: with its outputs and with its definition."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.numpy import load_file

from geoloupe.errors import InputError
from geoloupe.imagery.resize import METHODS, imresize, symmetric_index
from tests.networks.golden import FOLDER

GOLDEN = load_file(FOLDER / "imresize.safetensors")
TOLERANCE = 1e-6  # the golden values were computed in single precision

Matrix = NDArray[np.float64]


def textbook_cubic(x: Matrix, a: float = -0.5) -> Matrix:
    """Keys' cubic, as its paper writes it."""
    d = np.abs(x)
    near = ((a + 2) * d**3 - (a + 3) * d**2 + 1) * (d <= 1)
    far = (a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a) * ((d > 1) & (d <= 2))
    return near + far


def textbook_weight(method: str, x: Matrix) -> Matrix:
    if method == "bilinear":
        return np.interp(x, [-1, 0, 1], [0, 1, 0])
    if method == "nearest":
        return np.select([(x >= -0.5) & (x < 0.5)], [np.ones_like(x)])
    return textbook_cubic(x, -0.75 if method == "bicubic-torch" else -0.5)


def textbook_matrix(length: int, factor: Fraction, method: str = "bicubic") -> Matrix:
    """Write imresize along one axis as a dense matrix (output length, length)."""
    outputs = -(-length * factor.numerator // factor.denominator)
    stretched = method in ("bicubic", "bilinear")
    shrink = min(float(factor), 1.0) if stretched else 1.0
    matrix = np.zeros((outputs, length))
    for out in range(outputs):
        centre = (out + 0.5) / float(factor) - 0.5
        taps = np.arange(np.floor(centre - 2 / shrink) - 1, np.ceil(centre + 2 / shrink) + 2)
        weights = textbook_weight(method, (centre - taps) * shrink)
        for tap, weight in zip(taps, weights / weights.sum(), strict=True):
            inside = int(tap)
            while not 0 <= inside < length:  # mirror at the outer edge of the border pixel
                inside = -1 - inside if inside < 0 else 2 * length - 1 - inside
            matrix[out, inside] += weight
    return matrix


def crop(image: Matrix, multiple: int) -> Matrix:
    """Cut a golden image (H,W,C) to whole multiples and put its bands first."""
    height, width = (side // multiple * multiple for side in image.shape[:2])
    return image[:height, :width].transpose(2, 0, 1)


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
@pytest.mark.parametrize("kind", ["even", "odd"])
def test_enlarging_gives_what_matlab_gives(kind: str, scale: int) -> None:
    image = crop(GOLDEN[f"{kind}.image_u8"][:24, :24] / 255, scale)
    expected = GOLDEN[f"{kind}.up{scale}"].transpose(2, 0, 1)
    assert np.abs(imresize(image, scale) - expected).max() <= TOLERANCE


@pytest.mark.parametrize("scale", [2, 3, 4, 8, 16])
@pytest.mark.parametrize("kind", ["even", "odd"])
def test_shrinking_gives_what_matlab_gives(kind: str, scale: int) -> None:
    image = crop(GOLDEN[f"{kind}.image_u8"] / 255, scale)
    found = imresize(image, 1 / scale)
    expected = GOLDEN[f"{kind}.down{scale}"].transpose(2, 0, 1)
    assert np.abs(found - expected).max() <= TOLERANCE
    assert (np.floor(255 * found + 0.5) == np.floor(255 * expected + 0.5)).all()


@given(
    height=st.integers(1, 70),
    width=st.integers(1, 12),
    factor=st.fractions(Fraction(1, 17), 9, max_denominator=17),
    method=st.sampled_from(METHODS),
    seed=st.integers(0, 99),
)
@settings(max_examples=150, deadline=None)
def test_resizing_follows_the_definition(
    height: int, width: int, factor: Fraction, method: str, seed: int
) -> None:
    image = np.random.default_rng(seed).random((2, height, width))
    rows = textbook_matrix(height, factor, method)
    columns = textbook_matrix(width, factor, method)
    expected = np.einsum("ih,jw,chw->cij", rows, columns, image)
    found = imresize(image, float(factor), method=method)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 1e-12


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scale", [1 / 16, 1 / 3, 0.7, 1, 2.5, 8])
def test_constants_stay_and_types_are_kept(method: str, scale: float) -> None:
    for dtype in (np.float32, np.float64, np.uint8, np.int16):
        found = imresize(np.full((3, 17, 5), 7, dtype), scale, method=method)
        assert found.dtype == dtype
        assert np.abs(found.astype(float) - 7).max() <= 1e-5


def test_whole_numbers_are_rounded_after_each_pass_and_never_wrap() -> None:
    image = np.zeros((8, 8), np.uint8)
    image[:4] = 255  # an edge that a cubic overshoots
    found = imresize(image, 4)
    assert found.min() == 0
    assert found.max() == 255
    rows = np.einsum("ih,hw->iw", textbook_matrix(8, Fraction(4)), image)
    rows = np.clip(np.floor(rows + 0.5), 0, 255)
    expected = np.einsum("jw,iw->ij", textbook_matrix(8, Fraction(4)), rows)
    assert (found == np.clip(np.floor(expected + 0.5), 0, 255)).all()


def test_without_antialiasing_the_kernel_is_not_stretched() -> None:
    ramp = np.arange(16.0)[None, :].repeat(16, axis=0)
    found = imresize(ramp, 1 / 4, antialias=False)
    assert np.allclose(found[0], [1.5, 5.5, 9.5, 13.5])
    assert not np.allclose(imresize(ramp, 1 / 4)[0], found[0])  # stretched, it meets the border


def test_what_cannot_be_resized_is_refused() -> None:
    with pytest.raises(InputError, match="above 0"):
        imresize(np.ones((4, 4)), 0)
    with pytest.raises(InputError, match="bicubic"):
        imresize(np.ones((4, 4)), 2, method="bicubik")
    with pytest.raises(InputError, match="0 x 4"):
        imresize(np.ones((4, 0)), 2)


@pytest.mark.parametrize("length", [1, 2, 5])
def test_symmetric_index_mirrors_with_the_edge_repeated(length: int) -> None:
    """The index of a ramp agrees with numpy's symmetric padding, many mirrors deep."""
    expected = np.pad(np.arange(length), (7, 13), mode="symmetric")
    assert symmetric_index(length, 7, 13).tolist() == expected.tolist()
