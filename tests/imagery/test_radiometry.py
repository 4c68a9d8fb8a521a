"""Stored numbers to unit values and back."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from geoloupe.imagery.radiometry import Radiometry, infer

DTYPES = ["uint8", "int16", "uint16", "int32", "float32", "float64"]


@given(data=st.data(), dtype=st.sampled_from(["uint8", "int16", "uint16"]))
@settings(max_examples=60, deadline=None)
def test_what_no_network_changed_comes_back_exactly(data: Any, dtype: str) -> None:
    values = data.draw(hnp.arrays(dtype, (2, 3, 4)))
    low = data.draw(st.integers(-100, 100))
    radiometry = Radiometry(dtype=dtype, low=(float(low),), high=(float(low + 10_000),))
    assert np.array_equal(radiometry.from_unit(radiometry.to_unit(values)), values)


@given(data=st.data(), dtype=st.sampled_from(DTYPES), nodata=st.sampled_from([0, 7, 255, None]))
@settings(max_examples=80, deadline=None)
def test_nodata_goes_around_and_no_pixel_with_data_becomes_it(
    data: Any, dtype: str, nodata: float | None
) -> None:
    unit = data.draw(
        hnp.arrays("float32", (1, 4, 5), elements=st.floats(-2, 3, width=32, allow_subnormal=False))
    )
    absent = data.draw(hnp.arrays(bool, (1, 4, 5)))
    unit[absent] = np.nan
    radiometry = Radiometry(dtype=dtype, high=(100.0,), nodata=nodata)
    stored = radiometry.from_unit(unit)
    assert stored.dtype == dtype
    if nodata is not None or stored.dtype.kind == "f":
        assert np.array_equal(radiometry.missing(stored), absent)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32"])
def test_values_beyond_the_type_are_clipped_not_wrapped(dtype: str) -> None:
    limits = np.iinfo(dtype)
    stored = Radiometry(dtype=dtype, high=(100.0,)).from_unit(
        np.array([[[-1e9, 1e9]]], dtype=np.float32)
    )
    assert stored.ravel().tolist() == [limits.min, pytest.approx(limits.max, abs=200)]


def test_the_range_is_inferred_as_a_person_would() -> None:
    def high(dtype: str, *values: float) -> float:
        sample = np.array(values, dtype=dtype).reshape(1, 1, -1)
        return infer(dtype, None, sample=sample).high[0]

    assert high("uint8", 3, 90) == 255
    assert high("uint16", 300, 9000) == 10_000
    assert high("uint16", 300, 60_000) == pytest.approx(60_000, rel=0.01)
    assert high("float32", 0.1, 0.9) == 1
    assert high("float32", 10, 900) == 1024


@pytest.mark.parametrize("tag", [(0.0, 0.0), (math.nan, 0.0), (0.1, math.inf)])
def test_tags_that_make_no_sense_do_not_count(tag: tuple[float, float]) -> None:
    sample = np.full((1, 3, 3), 4000, np.uint16)
    assert infer("uint16", None, sample=sample, tags=[tag]) == infer("uint16", None, sample=sample)
