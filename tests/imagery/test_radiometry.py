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


def through(values: Any, nodata: float | None = None) -> tuple[Radiometry, Any]:
    """Send values (H,W) to unit values and back, by the range that is chosen for them."""
    stored = np.asarray(values)[None]
    radiometry = infer(stored.dtype.name, nodata, sample=stored)
    return radiometry, radiometry.from_unit(radiometry.to_unit(stored))[0]


@pytest.mark.parametrize(
    ("offset", "spread"),
    [(1e9, 0.8), (-1e9, 0.8), (1e9, 1e-3), (5e12, 3.0), (290, 12), (-290, 1e-6), (0.5, 1e-8)],
)
def test_doubles_far_from_zero_keep_their_relief(offset: float, spread: float) -> None:
    values = offset + np.random.default_rng(0).random((40, 50)) * spread
    radiometry, back = through(values)
    rounding = np.spacing(abs(offset))  # of a double at this place, which is in the values too
    assert np.abs(back - values).max() <= 1e-6 * spread + rounding
    unit = radiometry.to_unit(values[None])
    assert 0.25 < np.ptp(unit) <= 1.01
    assert np.abs(unit).max() < 1.01


@given(data=st.data(), offset=st.sampled_from([290.0, 3000.0, 1e6, -1e6, 1e-3, 7e9]))
@settings(max_examples=80, deadline=None)
def test_what_no_network_changed_comes_back_exactly_far_from_zero(data: Any, offset: float) -> None:
    relief = data.draw(
        hnp.arrays("float32", (6, 7), elements=st.floats(-1, 1, width=32, allow_subnormal=False))
    )
    share = data.draw(st.sampled_from([0.1, 1e-3, 1e-5]))
    values = (offset * (1 + share * relief.astype(np.float64))).astype(np.float32)
    _, back = through(values)
    assert np.array_equal(back, values)


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_floats_that_reach_down_to_zero_come_back_exactly(data: Any) -> None:
    top = data.draw(st.sampled_from([3.0, 900.0, 1e7]))
    values = data.draw(
        hnp.arrays("float32", (5, 6), elements=st.just(0.0) | st.floats(2.0**-60, top, width=32))
    )
    values[0, 0] = 0
    _, back = through(values)
    assert np.array_equal(back, values)


def test_whole_metres_come_back_exactly_below_the_sea_too() -> None:
    values = np.random.default_rng(1).integers(-431, 8849, (60, 60)).astype(np.float32)
    _, back = through(values)
    assert np.array_equal(back, values)


def test_temperatures_and_relief_fill_the_range_of_a_network() -> None:
    rng = np.random.default_rng(2)
    for values in (290 + 8 * rng.random((30, 30)), 3000 + 10 * rng.random((30, 30))):
        radiometry, _ = through(values.astype(np.float32))
        unit = radiometry.to_unit(values.astype(np.float32)[None])
        assert np.ptp(unit) > 0.45
        assert unit.min() >= 0


def test_one_stray_value_does_not_blind_a_network_to_the_others() -> None:
    values = 1e9 + np.random.default_rng(3).random((50, 50))
    values[7, 7] = 2.5e9
    _, back = through(values)
    rest = values != 2.5e9
    assert np.abs(back - values)[rest].max() < 1e-5
    assert back[7, 7] == pytest.approx(2.5e9, rel=1e-6)


@pytest.mark.parametrize("value", [0.0, 0.25, -3.5, 290.15, 1e9 + 0.05, 1e-30, 3e36])
def test_a_scene_of_one_value_keeps_it(value: float) -> None:
    values = np.full((9, 9), value)
    _, back = through(values)
    assert back == pytest.approx(values, rel=1e-7)
    values[3, 3] += 0.125
    _, back = through(values)
    assert back == pytest.approx(values, rel=1e-6)


@pytest.mark.parametrize(
    ("dtype", "lowest"),
    [
        ("int64", 2**60),
        ("int64", -(2**63)),
        ("int64", 2**63 - 1001),
        ("uint64", 2**64 - 1001),
        ("uint64", 2**53 + 1),
        ("int32", 2**31 - 1001),
        ("uint32", 2**32 - 1001),
    ],
)
def test_wide_integers_keep_every_unit(dtype: str, lowest: int) -> None:
    steps = np.random.default_rng(4).integers(0, 1000, (30, 30))
    values = np.array([[lowest + int(step) for step in row] for row in steps], dtype)
    _, back = through(values)
    assert np.array_equal(back, values)


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_wide_integers_are_clipped_not_wrapped(dtype: str) -> None:
    limits = np.iinfo(dtype)
    values = np.array([[limits.max - 40, limits.max - 1]], dtype)
    radiometry, _ = through(values)
    stored = radiometry.from_unit(np.array([[[-1, 5, 1e9, -1e9, 1e30, -1e30]]], np.float32))[0, 0]
    assert stored[0] < limits.max - 40
    assert stored[1] == limits.max
    assert stored[2] == limits.max
    assert stored[3] < stored[0]
    assert int(stored[4]) >= limits.max - 2**12
    assert stored[5] == limits.min


def test_scale_and_offset_tags_do_not_flatten_doubles() -> None:
    values = 1e9 + np.random.default_rng(5).random((1, 30, 30))
    radiometry = infer("float64", None, sample=values, tags=[(1.0, -1e9)])
    assert radiometry.low == (1e9,)
    assert np.abs(radiometry.from_unit(radiometry.to_unit(values)) - values).max() < 1e-6


def test_zero_is_known_in_unit_values() -> None:
    """Nothing physical lies below it, whatever a network calls dark."""
    plain = Radiometry(dtype="float32", low=(-40.0,), high=(24.0,))
    assert plain.floor().ravel().tolist() == [0.625]
    values = np.full((1, 4, 4), 2500, np.uint16)
    offset = infer("uint16", None, sample=values, tags=[(1e-4, -0.1)])  # as Sentinel-2
    assert offset.zero == (1000.0,)
    assert offset.floor().ravel().tolist() == [0.0]
    assert offset.select([0]).zero == (1000.0,)
    for low in (0.1, -0.3, 17.3, -99.9):
        odd = Radiometry(dtype="float64", low=(low,), high=(low + 3.7,))
        assert 0 <= float(odd.from_unit(odd.floor())[0, 0, 0]) < 1e-5
