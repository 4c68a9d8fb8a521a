"""Overviews of whole numbers are rounded to the nearest, not cut off."""

import numpy as np
import pytest

from geoloupe.files.planes import _means

WHOLE = ["uint8", "int16", "uint16", "int32", "uint32", "int64"]


@pytest.mark.parametrize("dtype", WHOLE)
@pytest.mark.parametrize(
    ("four", "mean"), [([1, 1, 1, 2], 1), ([1, 1, 2, 2], 2), ([1, 2, 2, 2], 2), ([4, 5, 5, 5], 5)]
)
def test_a_mean_of_four_is_the_nearest_whole_number(dtype: str, four: list[int], mean: int) -> None:
    values = np.array(four, dtype).reshape(2, 2)
    assert _means(values, np.zeros((2, 2), bool), None).item() == mean


@pytest.mark.parametrize("dtype", WHOLE)
def test_so_is_a_mean_of_the_three_that_hold_data(dtype: str) -> None:
    values = np.array([0, 1, 2, 2], dtype).reshape(2, 2)
    assert _means(values, values == 0, 0).item() == 2
