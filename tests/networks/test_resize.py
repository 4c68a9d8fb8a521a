"""Resizing of tensors equals resizing of arrays, and carries gradients."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from geoloupe.imagery import resize as arrays
from geoloupe.networks.resize import bicubic_up, imresize


@given(
    height=st.integers(1, 70),
    width=st.integers(1, 12),
    factor=st.fractions(Fraction(1, 17), 9, max_denominator=17),
    method=st.sampled_from(arrays.METHODS),
    antialias=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_a_tensor_is_resized_as_an_array_is(
    height: int, width: int, factor: Fraction, method: str, antialias: bool
) -> None:
    image = np.random.default_rng(height).random((2, 3, height, width))
    expected = arrays.imresize(image, factor, method=method, antialias=antialias)
    found = imresize(torch.from_numpy(image), factor, method=method, antialias=antialias)
    assert np.abs(found.numpy() - expected).max() <= 1e-12


@given(
    height=st.integers(1, 12),
    width=st.integers(1, 12),
    scale=st.sampled_from([1, 2, 3, 4, 5, 8, 16]),
)
@settings(max_examples=40, deadline=None)
def test_the_form_for_networks_is_the_same(height: int, width: int, scale: int) -> None:
    image = np.random.default_rng(height).random((2, 3, height, width))
    found = bicubic_up(torch.from_numpy(image), scale)
    assert np.abs(found.numpy() - arrays.imresize(image, scale)).max() <= 1e-12


@pytest.mark.parametrize("scale", [1 / 3, 2])
def test_gradients_are_right(scale: float) -> None:
    x = torch.rand(1, 2, 7, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: imresize(x, scale), x)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_resizing_keeps_type_and_constants(dtype: torch.dtype) -> None:
    flat = torch.full((2, 3, 3, 6), 0.5, dtype=dtype)
    for found in (bicubic_up(flat, 3), imresize(flat, 3), imresize(flat, 1 / 3)):
        assert found.dtype == dtype
        assert (found.float() - 0.5).abs().max() <= 4 * torch.finfo(dtype).eps


@pytest.mark.parametrize("bands", [9, 40])
def test_many_bands_are_enlarged_one_by_one_to_the_same_numbers(bands: int) -> None:
    image = torch.rand(2, bands, 13, 11)
    together = bicubic_up(image, 4)
    with torch.inference_mode():
        assert torch.equal(bicubic_up(image, 4), together)
