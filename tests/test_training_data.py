"""The collected scenes: what a rectangle without holes is, and what 8 bits keep."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tools.training_data import RGB, _bytes, _largest


@given(
    rows=st.integers(1, 7),
    columns=st.integers(1, 7),
    seed=st.integers(0, 999),
    share=st.integers(0, 10),
)
@settings(max_examples=60, deadline=None)
def test_the_largest_rectangle_is_whole_and_the_largest(
    rows: int, columns: int, seed: int, share: int
) -> None:
    valid = np.random.default_rng(seed).random((rows, columns)) < share / 10
    found = valid[_largest(valid)]
    assert found.all()
    tops, lefts = range(rows), range(columns)
    areas = [
        (bottom - top + 1) * (right - left + 1)
        for top in tops
        for bottom in tops[top:]
        for left in lefts
        for right in lefts[left:]
        if valid[top : bottom + 1, left : right + 1].all()
    ]
    assert found.size == max(areas, default=0)


def test_8_bits_stay_and_more_are_stretched_band_by_band() -> None:
    values = np.arange(2 * 100 * 100).reshape(2, 100, 100)
    assert _bytes(values.astype(np.uint8)).dtype == np.uint8
    stretched = _bytes(values)
    assert stretched.min(axis=(1, 2)).tolist() == [0, 0]
    assert stretched.max(axis=(1, 2)).tolist() == [255, 255]


def test_both_crops_of_an_orthophoto_are_on_the_same_side() -> None:
    for held in RGB.values():
        for start in held.starts:
            assert held.split(f"{start}_0") == held.split(f"{start}_1") == "test"
