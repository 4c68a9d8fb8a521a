"""Fills that nobody declared: found where they are plain, and never guessed."""

import logging
from typing import Any

import numpy as np
import pytest

from geoloupe.errors import InputError
from geoloupe.imagery.nodata import Missing, Nodata, settle, spread_windows, zero_collar
from tests.relief import relief, slanted

Log = pytest.LogCaptureFixture


def decided(
    values: Any, told: Nodata = None, declared: float | None = None
) -> tuple[Missing | None, int]:
    """Settle on what missing pixels of an array hold, and count what was read for it."""
    read = 0

    def window(place: Any) -> Any:
        nonlocal read
        part = values[:, *place.slices]
        read += part.size
        return part

    dtype = values.dtype.name
    found = settle("scene.tif", told, declared, dtype=dtype, size=values.shape, read=window)
    return found, read


CASES = [
    ("float32", 80, 1200, -9999),
    ("float64", 0, 1, -9999),
    ("float32", -50, 50, -999),
    ("float32", 250, 310, 9.969209968386869e36),
    ("float32", 250, 310, 1e20),
    ("int16", 0, 9000, -32768),
    ("int16", -200, 12000, -9999),
    ("int16", -20, 3000, 32767),
    ("uint16", 200, 9000, 65535),
    ("int32", 0, 70_000, -9999),
]


@pytest.mark.parametrize(("dtype", "low", "high", "fill"), CASES)
def test_a_fill_in_a_corner_is_found_and_said(
    dtype: str, low: float, high: float, fill: float, caplog: Log
) -> None:
    found, _ = decided(slanted(relief(dtype, low, high), fill))
    assert found is not None
    assert np.dtype(dtype).type(found.value) == np.dtype(dtype).type(fill)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "scene.tif: " in record.message
    assert "nodata=none" in record.message


@pytest.mark.parametrize("side", ["top", "left", "bottom", "right"])
def test_a_fill_along_one_side_is_found(side: str) -> None:
    values = relief("float32", 80, 1200)
    part = {
        "top": np.s_[:, :9],
        "left": np.s_[:, :, :9],
        "bottom": np.s_[:, -9:],
        "right": np.s_[:, :, -9:],
    }
    values[part[side]] = -9999
    found, _ = decided(values)
    assert found is not None
    assert found.value == -9999


def test_a_band_without_any_data_is_found() -> None:
    values = np.concatenate([relief("int16", 0, 4000)] * 3)
    values[1] = -32768
    found, _ = decided(values)
    assert found is not None
    assert found.value == -32768


@pytest.mark.parametrize(
    "values",
    [
        relief("float32", 80, 1200),
        slanted(relief("float32", 80, 1200), 0),  # water, perhaps
        slanted(relief("float32", 80, 1200), -1234),  # no program's fill
        slanted(relief("uint8", 20, 250), 255),  # clouds, perhaps
        np.full((1, 40, 40), -9999, np.float32),  # nothing else to lie apart from
        slanted(np.zeros((1, 90, 90), np.uint16), 65535),  # a mask
    ],
    ids=["none", "zero", "strange", "white", "alone", "mask"],
)
def test_what_is_not_plainly_a_fill_stays_data(values: Any, caplog: Log) -> None:
    assert decided(values)[0] is None
    assert not caplog.records


def test_a_fill_inside_alone_stays_data() -> None:
    values = relief("float32", 80, 1200)
    values[:, 100:140, 80:120] = -9999
    assert decided(values)[0] is None


@pytest.mark.parametrize(
    ("dtype", "low", "high", "fill"), [("uint16", 0, 65_000, 65535), ("int16", -9000, 9000, -9999)]
)
def test_a_fill_among_other_values_stays_data_and_is_mentioned(
    dtype: str, low: float, high: float, fill: float, caplog: Log
) -> None:
    assert decided(slanted(relief(dtype, low, high), fill))[0] is None
    assert f"nodata={fill:g}" in caplog.text


def test_what_a_person_or_the_file_says_is_not_looked_into(caplog: Log) -> None:
    values = slanted(relief("float32", 80, 1200), -9999)
    assert decided(values, "none") == (None, 0)
    assert decided(values, 77.5) == (Missing(77.5), 0)
    assert decided(values, None, -1.0) == (Missing(-1.0), 0)
    assert decided(values, "none", -1.0) == (None, 0)
    assert not caplog.records


@pytest.mark.parametrize("told", [65536.0, -1.0, 0.5])
def test_a_number_that_no_pixel_can_hold_is_refused(told: float) -> None:
    with pytest.raises(InputError, match=r"scene\.tif: nodata .* does not fit uint16"):
        decided(relief("uint16", 0, 900), told)


def test_little_is_read_of_a_large_scene() -> None:
    large = relief("float32", 80, 1200, size=(4000, 3000))
    assert decided(large)[1] < 50_000
    assert decided(slanted(large, -9999))[1] < 400_000
    assert decided(relief("uint8", 0, 255, size=(900, 900)))[1] == 0


def test_a_scene_of_any_size_is_looked_at() -> None:
    for size in [(1, 1), (1, 9), (5, 3), (70, 2)]:
        assert decided(relief("float32", 80, 1200, size=size))[0] is None
    small = relief("float32", 80, 1200, size=(6, 5))
    small[:, :3, :4] = -9999
    found, _ = decided(small)
    assert found is not None


def test_windows_lie_inside_and_reach_every_corner() -> None:
    for size in [(1, 1, 1), (3, 500, 20), (224, 900, 1000)]:
        windows = spread_windows(size, count=7)
        assert len(set(windows)) == len(windows)
        covered = np.zeros(size[1:], bool)
        for window in windows:
            covered[window.slices] = True
        assert covered[[0, 0, -1, -1], [0, -1, 0, -1]].all()
        assert covered.sum() * size[0] <= max(4_000_000, 49 * 16 * size[0])


def test_blends_in_overviews_do_not_count() -> None:
    missing = Missing(-9999.0, apart=10_000.0)
    sample = np.array([[[-9999.0, -4000.0, 80.0, 900.0]]], np.float32)
    assert missing.without_blends(sample).tolist() == [[[-9999.0, -9999.0, 80.0, 900.0]]]
    assert Missing(-9999.0).without_blends(sample) is sample


def test_zeros_from_the_border_inwards_are_measured() -> None:
    values = np.concatenate([relief("uint8", 20, 200)] * 2)

    def share(of: Any) -> float:
        return zero_collar(of.shape, lambda window: of[:, *window.slices])

    assert share(values) == 0
    lake = values.copy()
    lake[:, 100:220, 60:150] = 0
    assert share(lake) == 0
    assert share(slanted(values, 0)) == pytest.approx(0.125, abs=0.06)
    one_band = slanted(values, 0)
    one_band[1] = values[1]
    assert share(one_band) == 0
