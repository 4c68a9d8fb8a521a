"""Matching gives the reference's moments or values, and leaves out what does not count."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from skimage.exposure import match_histograms

from geoloupe.errors import InputError
from geoloupe.imagery.matching import Line, match_histogram

Cube = NDArray[np.float64]
FLOATS = st.floats(-1e3, 1e3, allow_subnormal=False)
CUBES = arrays(np.float64, (2, 5, 4), elements=FLOATS)


def by_line(values: Cube, reference: Cube) -> Cube:
    return Line.between(values, reference)(values)


BOTH = pytest.mark.parametrize("match", [by_line, match_histogram])


@given(values=CUBES, reference=arrays(np.float64, (2, 3, 7), elements=FLOATS))
@settings(deadline=None)
def test_moments_are_the_references(values: Cube, reference: Cube) -> None:
    matched = by_line(values, reference)
    assert np.isfinite(matched).all()
    for band, target, result in zip(values, reference, matched, strict=True):
        assert result.mean() == pytest.approx(target.mean(), abs=1e-6)
        if np.ptp(band) > 1e-3:
            assert result.std() == pytest.approx(target.std(), abs=1e-6)


@given(seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_equal_sizes_take_exactly_the_references_values(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values, reference = rng.random((3, 6, 7)), rng.random((3, 7, 6))
    matched = match_histogram(values, reference)
    for band, target, result in zip(values, reference, matched, strict=True):
        assert np.array_equal(np.sort(result, axis=None), np.sort(target, axis=None))
        assert np.array_equal(np.argsort(result, axis=None), np.argsort(band, axis=None))


@pytest.mark.parametrize("levels", [7, 250])
def test_skimage_gives_the_same_quantiles(levels: int) -> None:
    rng = np.random.default_rng(0)
    values, reference = rng.integers(0, levels, (2, 2, 30, 20)).astype(float)
    theirs = match_histograms(values, reference[:, :17], channel_axis=0)
    assert np.allclose(match_histogram(values, reference[:, :17]), theirs, atol=1e-9)


@BOTH
@given(values=CUBES)
@settings(deadline=None)
def test_an_image_matches_itself(match: type, values: Cube) -> None:
    assert np.allclose(match(values, values), values, atol=1e-6)


def test_what_is_no_number_does_not_count() -> None:
    values, reference = np.random.default_rng(1).random((2, 3, 20, 20))
    spoilt = values.copy()
    spoilt[:, :4] = np.nan
    assert np.array_equal(by_line(spoilt, reference)[:, 4:], by_line(values[:, 4:], reference))


def test_what_does_not_count_changes_nothing_and_stays() -> None:
    rng = np.random.default_rng(1)
    values, reference = rng.random((2, 3, 20, 20))
    valid, known = rng.random((2, 20, 20)) < 0.7
    plain = match_histogram(values, reference, valid=valid, reference_valid=known)
    for garbage in (np.nan, np.inf, 1e9):
        spoilt = np.where(valid, values, garbage)
        matched = match_histogram(
            spoilt, np.where(known, reference, garbage), valid=valid, reference_valid=known
        )
        assert np.array_equal(matched[:, valid], plain[:, valid])
        assert np.array_equal(matched[:, ~valid], spoilt[:, ~valid], equal_nan=True)


@BOTH
def test_flat_and_empty_bands_give_no_nan(match: type) -> None:
    flat, varied = np.full((1, 4, 4), 0.1), np.random.default_rng(0).random((1, 4, 4))
    assert np.ptp(match(flat, varied)) == 0
    assert np.allclose(match(varied, flat), 0.1)


def test_a_flat_band_takes_the_mean_and_an_empty_one_stays() -> None:
    flat, varied = np.full((1, 4, 4), 0.1), np.random.default_rng(0).random((1, 4, 4))
    assert np.allclose(by_line(flat, varied), varied.mean())
    nothing = np.zeros((4, 4), bool)
    assert np.array_equal(match_histogram(varied, flat, valid=nothing), varied)
    assert np.array_equal(match_histogram(varied, flat, reference_valid=nothing), varied)


def test_the_type_of_floats_is_kept_and_whole_numbers_become_floats() -> None:
    single = np.ones((1, 2, 2), np.float32)
    assert match_histogram(single, single).dtype == np.float32
    assert match_histogram(single.astype(np.uint8), single).dtype.kind == "f"


@BOTH
def test_bands_must_be_as_many(match: type) -> None:
    with pytest.raises(InputError, match="2 bands cannot be matched to one of 3"):
        match(np.zeros((2, 4, 4)), np.zeros((3, 4, 4)))


def test_a_histogram_is_matched_where_pixels_count_and_nowhere_else() -> None:
    values = np.array([[[1.0, 2.0, np.nan, 4.0]]])
    reference = np.array([[[10.0, 20.0, 30.0, np.nan]]])
    matched = match_histogram(values, reference)
    assert matched[0, 0, [0, 1, 3]].tolist() == [10, 20, 30]
    assert np.isnan(matched[0, 0, 2])
    counts = np.array([[True, True, False, False]])
    matched = match_histogram(values, reference, valid=counts, reference_valid=counts)
    assert matched[0, 0, [0, 1, 3]].tolist() == [10, 20, 4]
    nothing = match_histogram(values, reference, valid=np.zeros_like(counts))
    assert np.array_equal(nothing, values, equal_nan=True)
