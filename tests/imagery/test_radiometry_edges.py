"""Where one meaning of stored numbers ends and the next begins."""

import numpy as np
import pytest

from geoloupe.imagery.radiometry import Radiometry, infer


@pytest.mark.parametrize(
    ("dtype", "nodata", "exact", "stored"),
    [
        ("uint8", 7, [6.8, 7.0, 7.2], [6, 8, 8]),
        ("int16", -7, [-7.2, -7.0, -6.8], [-8, -6, -6]),
        ("uint16", 0, [-0.3, 0.2], [1, 1]),  # nothing lies below
        ("uint8", 255, [254.8, 255.4], [254, 254]),  # nor above
    ],
)
def test_a_value_beside_nodata_stays_on_its_side(
    dtype: str, nodata: int, exact: list[float], stored: list[int]
) -> None:
    radiometry = Radiometry(dtype=dtype, high=(100.0,), nodata=nodata)
    unit = np.array([[exact]], np.float32) / 100
    assert radiometry.from_unit(unit).ravel().tolist() == stored


def _high(dtype: str, *values: float) -> float:
    return infer(dtype, None, sample=np.array(values, dtype).reshape(1, 1, -1)).high[0]


def test_clouds_are_reflectance_too() -> None:
    assert _high("uint16", 300, 15_000) == 10_000
    assert _high("int16", -500, 15_000) == 10_000
    assert _high("uint16", 300, 20_000) == 10_000
    assert _high("uint16", 300, 25_000) > 20_000
    assert _high("float32", 0.02, 1.5) == 1
    assert _high("float32", 0.02, 2.5) > 1


def test_what_lies_far_below_zero_is_no_reflectance() -> None:
    assert _high("int32", -9_000, 9_000) == 10_000
    low = infer("int32", None, sample=np.array([[[-15_000, 9_000]]], np.int32)).low[0]
    assert low == pytest.approx(-15_000, rel=0.01)


def test_a_float_beside_nodata_is_the_nearest_that_programs_tell_from_it() -> None:
    unit = np.array([[[0.0, np.nan]]], np.float32)
    beside, missing = Radiometry(dtype="float32", nodata=0).from_unit(unit).ravel()
    assert missing == 0
    assert 0 < abs(beside) == np.finfo("float32").tiny  # not denormal: many take that for zero
    radiometry = Radiometry(dtype="float32", low=(-9999.0,), high=(-9998.0,), nodata=-9999)
    beside, missing = radiometry.from_unit(unit).ravel()
    assert missing == -9999
    assert beside == np.nextafter(np.float32(-9999), np.float32(0))
