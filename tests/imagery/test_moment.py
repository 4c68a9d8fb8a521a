"""When a scene was taken, as products of many kinds say it."""

from datetime import UTC, datetime

import pytest

from geoloupe.imagery.moment import moment_of


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("tags", "name", "wanted"),
    [
        ({"ACQUISITIONDATETIME": "2024-07-01T10:15:59Z"}, "a.tif", "2024-07-01T10:15:59"),
        ({"acquisition time": "2011-06-01T17:03:10.1234567Z"}, "", "2011-06-01T17:03:10.123456"),
        ({"PRODUCT_START_TIME": "2024-07-01T10:15:59.024Z"}, "", "2024-07-01T10:15:59.024"),
        (
            {"DATE_ACQUIRED": "2017-06-14", "SCENE_CENTER_TIME": "18:46:02.1234560Z"},
            "",
            "2017-06-14T18:46:02.123456",
        ),
        ({}, "archive/S2B_MSIL2A_20240701T101559_N0510_R065_T33UVQ_X.SAFE", "2024-07-01T10:15:59"),
    ],
)
def test_a_moment_is_read(tags: dict[str, str], name: str, wanted: str) -> None:
    assert moment_of(tags, [name]) == (moment(wanted), moment(wanted))


@pytest.mark.parametrize(
    ("tags", "name"),
    [
        ({}, "LC08_L1TP_044034_20170614_20170628_01_T1/LC08_B1.TIF"),
        ({"DATE_ACQUIRED": "2017-06-14"}, "a.tif"),
        ({"DATE_ACQUIRED": "2017-06-14", "SCENE_CENTER_TIME": "noon"}, "a.tif"),
    ],
)
def test_a_day_is_all_of_it(tags: dict[str, str], name: str) -> None:
    wanted = (moment("2017-06-14T00:00:00"), moment("2017-06-14T23:59:59"))
    assert moment_of(tags, [name]) == wanted


@pytest.mark.parametrize(
    ("tags", "name"),
    [
        ({}, "scene_20240701.tif"),  # which may be the day it was cut out
        ({"TIFFTAG_DATETIME": "2024:07:01 10:15:59"}, "a.tif"),  # when the file was written
        ({"ACQUISITIONDATETIME": "yesterday"}, "a.tif"),
        ({}, "S2B_MSIL2A_20241301T101559_N0510.SAFE"),
    ],
)
def test_what_says_nothing_is_not_guessed(tags: dict[str, str], name: str) -> None:
    assert moment_of(tags, [name]) is None
