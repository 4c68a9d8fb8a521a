"""The offset of Sentinel-2's numbers: told, or said to be unknown."""

import pytest

from geoloupe.imagery.sensors.offset import offset_of
from geoloupe.imagery.sensors.table import load_sensor

SENTINEL = load_sensor("sentinel-2")
NEW = "S2B_MSIL2A_20220301T101031_N0400_R022_T33UUP_20220301T121212.SAFE"


@pytest.mark.parametrize(
    ("tags", "name", "number"),
    [
        ({"s2:processing_baseline": "05.11"}, "", -1000),
        ({"s2:processing_baseline": "04.00"}, "", -1000),
        ({"s2:processing_baseline": "03.01"}, "", 0),
        ({"PROCESSING_BASELINE": "02.04"}, "", 0),
        ({"earthsearch:boa_offset_applied": "True", "s2:processing_baseline": "04.00"}, "", 0),
        ({"earthsearch:boa_offset_applied": "false", "s2:processing_baseline": "04.00"}, "", -1000),
        ({"earthsearch:boa_offset_applied": "false", "s2:processing_baseline": "03.01"}, "", 0),
        ({"sentinel:boa_offset_applied": "true"}, "", 0),
        ({"PRODUCT_URI": NEW}, "", -1000),
        ({}, NEW, -1000),
        ({}, NEW.replace("N0400", "N0301"), 0),
        ({"LICENSE": "catalog/COPERNICUS_S2_SR_HARMONIZED#terms", "PRODUCT_ID": NEW}, "", 0),
    ],
)
def test_what_is_said_decides(tags: dict[str, str], name: str, number: float) -> None:
    offset = offset_of(SENTINEL, tags, name=name)
    assert (offset.number, offset.scale) == (number, 0.0001)
    assert offset.why


@pytest.mark.parametrize(
    ("tags", "name"),
    [
        ({}, "B04.tif"),
        ({"earthsearch:boa_offset_applied": "false"}, ""),
        ({"s2:processing_baseline": "unknown"}, "T32TQM_20220101T101031_B04_10m.jp2"),
        ({}, NEW.replace("N0400", "N9999")),  # somebody's own processing
        ({"PRODUCT_ID": NEW}, NEW.replace("N0400", "N0301")),
    ],
)
def test_what_nothing_tells_is_not_guessed(tags: dict[str, str], name: str) -> None:
    offset = offset_of(SENTINEL, tags, name=name)
    assert offset.number is None
    assert offset.scale is None
    assert "0.1 of reflectance" in offset.why


def test_a_tag_that_has_been_wrong_is_doubted() -> None:
    tags = {"earthsearch:boa_offset_applied": "false", "s2:processing_baseline": "05.00"}
    assert "has been wrong" in offset_of(SENTINEL, tags).why


def test_other_sensors_say_it_with_the_product() -> None:
    offset = offset_of(load_sensor("landsat-8"), {"s2:processing_baseline": "05.00"})
    assert offset.number is None
    assert offset.why.startswith("landsat-8: ")
