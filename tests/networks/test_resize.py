"""Enlargement agrees with MATLAB's imresize: with its outputs and with its definition."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.numpy import load_file

from geoloupe.imagery.resize import down_taps, symmetric_index
from geoloupe.networks.resize import bicubic_up
from tests.networks.golden import FOLDER

GOLDEN = load_file(FOLDER / "imresize.safetensors")
TOLERANCE = 1e-6  # the golden values were computed in single precision

Matrix = NDArray[np.float64]


def textbook_kernel(x: Matrix) -> Matrix:
    """Keys' cubic, as imresize's documentation writes it."""
    a = np.abs(x)
    near = (1.5 * a**3 - 2.5 * a**2 + 1) * (a <= 1)
    far = (-0.5 * a**3 + 2.5 * a**2 - 4 * a + 2) * ((a > 1) & (a <= 2))
    return near + far


def textbook_matrix(length: int, factor: float) -> Matrix:
    """Write imresize along one axis as a dense matrix (output length, length)."""
    outputs, shrink = round(length * factor), min(factor, 1.0)
    reach = 4 / shrink / 2
    matrix = np.zeros((outputs, length))
    for out in range(outputs):
        centre = (out + 0.5) / factor - 0.5
        taps = np.arange(np.floor(centre - reach) - 1, np.ceil(centre + reach) + 2)
        weights = textbook_kernel((centre - taps) * shrink)
        for tap, weight in zip(taps, weights / weights.sum(), strict=True):
            inside = int(tap)
            while not 0 <= inside < length:  # mirror at the outer edge of the border pixel
                inside = -1 - inside if inside < 0 else 2 * length - 1 - inside
            matrix[out, inside] += weight
    return matrix


def enlarged(image: Matrix, scale: int) -> Matrix:
    """Run our enlargement on an image (H,W,C) of doubles."""
    tensor = torch.from_numpy(image.transpose(2, 0, 1).copy())[None]
    return bicubic_up(tensor, scale)[0].permute(1, 2, 0).numpy()


def crop(image: Matrix, multiple: int) -> Matrix:
    height, width = (side // multiple * multiple for side in image.shape[:2])
    return image[:height, :width]


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
@pytest.mark.parametrize("kind", ["even", "odd"])
def test_enlarging_gives_what_imresize_gives(kind: str, scale: int) -> None:
    image = crop(GOLDEN[f"{kind}.image_u8"][:24, :24] / 255, scale)
    assert np.abs(enlarged(image, scale) - GOLDEN[f"{kind}.up{scale}"]).max() <= TOLERANCE


@pytest.mark.parametrize("scale", [2, 3, 4, 8, 16])
@pytest.mark.parametrize("kind", ["even", "odd"])
def test_shrinking_weights_give_what_imresize_gives(kind: str, scale: int) -> None:
    image = crop(GOLDEN[f"{kind}.image_u8"] / 255, scale)
    rows, columns = (shrinking_matrix(side, scale) for side in image.shape[:2])
    shrunk = np.einsum("ih,jw,hwc->ijc", rows, columns, image)
    assert np.abs(shrunk - GOLDEN[f"{kind}.down{scale}"]).max() <= TOLERANCE


def shrinking_matrix(length: int, scale: int) -> Matrix:
    """Write our filter for shrinking as a dense matrix (length / scale, length)."""
    weights, first = down_taps(scale)
    after = max(len(weights) - 1 + first - (scale - 1), 0)
    index = symmetric_index(length, -first, after)
    matrix = np.zeros((length // scale, length))
    for out in range(length // scale):
        at = index[out * scale : out * scale + len(weights)]
        np.add.at(matrix[out], at, weights)
    return matrix


@given(
    height=st.integers(1, 12),
    width=st.integers(1, 12),
    scale=st.sampled_from([1, 2, 3, 4, 5, 8, 16]),
    seed=st.integers(0, 99),
)
@settings(max_examples=40, deadline=None)
def test_enlarging_follows_the_definition(height: int, width: int, scale: int, seed: int) -> None:
    image = np.random.default_rng(seed).random((height, width, 2))
    rows, columns = textbook_matrix(height, scale), textbook_matrix(width, scale)
    expected = np.einsum("ih,jw,hwc->ijc", rows, columns, image)
    assert np.abs(enlarged(image, scale) - expected).max() <= 1e-12


@given(count=st.integers(1, 6), scale=st.sampled_from([1, 2, 3, 4, 5, 8, 16]))
@settings(max_examples=30, deadline=None)
def test_shrinking_weights_follow_the_definition(count: int, scale: int) -> None:
    length = count * scale
    difference = shrinking_matrix(length, scale) - textbook_matrix(length, 1 / scale)
    assert np.abs(difference).max() <= 1e-12


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_enlarging_keeps_type_and_constants(dtype: torch.dtype) -> None:
    flat = torch.full((2, 3, 1, 4), 0.5, dtype=dtype)
    found = bicubic_up(flat, 3)
    assert found.dtype == dtype
    assert found.shape == (2, 3, 3, 12)
    assert (found.float() - 0.5).abs().max() <= 4 * torch.finfo(dtype).eps


@pytest.mark.parametrize("length", [1, 2, 5])
def test_symmetric_index_mirrors_with_the_edge_repeated(length: int) -> None:
    """The index of a ramp agrees with numpy's symmetric padding, many mirrors deep."""
    expected = np.pad(np.arange(length), (7, 13), mode="symmetric")
    assert symmetric_index(length, 7, 13).tolist() == expected.tolist()
