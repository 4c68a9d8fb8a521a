"""Missing pixels become means of their neighbours, ring by ring, alike in a part and the whole."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from geoloupe.imagery.fill import fill_missing

NAN = np.nan


def test_what_is_there_stays_and_bands_are_filled_each_by_itself() -> None:
    values = np.array([[[1, 2], [3, 4]], [[5, NAN], [7, 8]]], np.float32)
    filled = fill_missing(values, rings=1)
    assert np.array_equal(filled[0], values[0])
    assert np.isnan(values[1, 0, 1])  # the image itself is left alone
    assert np.allclose(filled[1], [[5, 20 / 3], [7, 8]])


def test_each_ring_is_the_mean_of_the_neighbours_that_the_last_one_left() -> None:
    band = np.full((1, 1, 6), NAN, np.float32)
    band[0, 0, 0], band[0, 0, 5] = 1, 9
    assert fill_missing(band, rings=1).ravel().tolist() == [1, 1, 5, 5, 9, 9]
    assert fill_missing(band, rings=2).ravel().tolist() == [1, 1, 1, 9, 9, 9]


def test_beyond_the_rings_lies_the_mean_and_an_empty_band_is_zero() -> None:
    band = np.full((2, 1, 7), NAN, np.float32)
    band[0, 0, :2] = 2, 4
    assert fill_missing(band, rings=2)[0].ravel().tolist() == [2, 4, 4, 4, 3, 3, 3]
    assert fill_missing(band, rings=2)[1].ravel().tolist() == [0] * 7
    whole = np.ones((1, 2, 2), np.float32)
    assert np.array_equal(fill_missing(whole, rings=0), whole)


@given(
    values=hnp.arrays("float32", (1, 9, 9), elements=st.integers(0, 9)),
    absent=hnp.arrays(bool, (1, 9, 9)),
    rings=st.integers(1, 3),
)
def test_a_ring_depends_on_no_pixel_farther_than_it(
    values: np.ndarray, absent: np.ndarray, rings: int
) -> None:
    values[absent] = NAN
    before = fill_missing(values, rings=rings)
    other = values.copy()
    other[:, :, 8] = 100
    after = fill_missing(other, rings=rings)
    near = np.zeros((9, 9), bool)
    near[:, : 8 - rings] = True
    filled = near & ndimage.binary_dilation(~absent[0], np.ones((3, 3)), iterations=rings)
    assert np.array_equal(before[0][filled], after[0][filled])
