"""People read the same figures on the page, on the screen and in the files."""

from tools import sensor_page

from geoloupe.imagery.sensors.listing import citations, rows
from geoloupe.imagery.sensors.table import load_sensor, sensors


def test_the_page_is_what_the_files_say() -> None:
    assert (sensor_page.DOCS / sensor_page.PAGE).read_text(encoding="utf-8") == sensor_page.page()


def test_a_star_marks_what_is_assumed() -> None:
    cells = {row[0]: row[5] for row in rows(load_sensor("sentinel-2"))}
    assert (cells["B02"], cells["B10"]) == ("0.26", "0.23*")
    assert [row[5] for row in rows(load_sensor("aerial"))] == ["0.4*"]
    assert all(row[5].endswith("*") for row in rows(load_sensor("landsat-9")))


def test_every_sensor_says_where_its_mtf_comes_from() -> None:
    for name in sensors():
        assert any(figure.startswith("mtf") for figure, _ in citations(load_sensor(name)))
