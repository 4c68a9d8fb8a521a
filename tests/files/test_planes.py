"""Overviews: each coarse pixel is the mean of those that hold data, and missing without any."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from geoloupe.files.planes import _means

TYPES = ["uint8", "int16", "uint16", "int32", "int64", "uint64", "float32"]


@given(data=st.data(), dtype=st.sampled_from(TYPES), nodata=st.sampled_from([None, 0, 1]))
def test_means_of_four(data: st.DataObject, dtype: str, nodata: float | None) -> None:
    limits = (-1e6, 1e6) if dtype == "float32" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    small = st.integers(max(int(limits[0]), -3), 3)
    whole = st.integers(int(limits[0]), int(limits[1]))
    values = data.draw(arrays(dtype, (2, 2), elements=st.one_of(small, whole)))
    absent = data.draw(arrays(bool, (2, 2)))
    if nodata is not None:
        absent |= values == nodata
    (mean,) = _means(values, absent, nodata).ravel()
    present = values[~absent].astype(object)
    if not present.size:
        assert mean == (nodata or 0)
    elif mean in present:
        assert nodata is None or mean != nodata
    else:
        exact = sum(int(value) for value in present) / present.size
        assert abs(float(mean) - exact) <= max(0.5, abs(exact) * 1e-6, float(limits[1]) * 1e-12)
        assert nodata is None or mean != nodata or dtype == "float32"


@pytest.mark.parametrize(
    ("dtype", "four", "nodata", "mean"),
    [
        ("int16", [1, -1, 1, -1], 0, 1),  # 0 would read as missing
        ("uint8", [0, 0, 0, 1], None, 0),
        ("int64", [2**62] * 4, None, 2**62),
        ("uint64", [2**64 - 1] * 4, None, 2**64 - 2048),  # the greatest that a float can hold
    ],
)
def test_means_neither_vanish_nor_wrap(dtype: str, four: Any, nodata: Any, mean: int) -> None:
    values = np.array(four, dtype).reshape(2, 2)
    found = _means(values, np.zeros((2, 2), bool), nodata)
    assert found.item() == mean
