"""`geoloupe sensors` shows the figures and where they come from."""

import json
import subprocess

from geoloupe.imagery.sensors.table import sensors
from tests.program import program


def geoloupe(*words: str) -> subprocess.CompletedProcess[str]:
    return program("sensors", *words)


def test_the_list_names_every_sensor() -> None:
    shown = geoloupe().stdout
    assert all(name in shown for name in sensors())
    told = json.loads(geoloupe("--json").stdout)
    assert [sensor["name"] for sensor in told] == list(sensors())


def test_one_sensor_is_shown_with_sources() -> None:
    shown = geoloupe("Sentinel-2B").stdout
    assert "B8A" in shown
    assert "0.23*" in shown
    assert "mtf: the list that SupReME" in shown
    told = json.loads(geoloupe("sentinel-2", "--json").stdout)
    assert told["bands"][1]["mtf"] == 0.26


def test_an_unknown_sensor_is_refused() -> None:
    done = geoloupe("landsat-10")
    assert done.returncode == 2
    assert "no sensor is called 'landsat-10'; did you mean" in done.stderr
