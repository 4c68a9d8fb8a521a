"""The files of sensors are whole, and a band is found by whatever an image calls it."""

import re
import subprocess
import sys
from dataclasses import fields

import pytest

from geoloupe.errors import InputError
from geoloupe.imagery.sensors.table import Sensor, SensorBand, load_sensor, sensors
from geoloupe.imagery.spectra import Band
from geoloupe.rasters import sentinel2
from geoloupe.settings import build, dump

ALL = [load_sensor(name) for name in sensors()]
FIGURES = [field.name for field in fields(SensorBand) if "float" in str(field.type)]
SENTINEL = load_sensor("sentinel-2")


@pytest.mark.parametrize("sensor", ALL, ids=lambda sensor: sensor.name)
def test_every_figure_has_a_source_or_says_why_it_is_assumed(sensor: Sensor) -> None:
    assert FIGURES == ["nm", "width", "pixel", "mtf", "snr", "radiance", "irradiance"]
    for band in sensor.bands:
        for figure in FIGURES:
            if getattr(band, figure) is not None:
                text, _ = sensor.source_of(figure, band)
                assert len(text) > 5, (band.name, figure)
    if sensor.mtf is not None:
        assert sensor.source_of("mtf")[0]
    assert not sensor.numbers or sensor.sources["numbers"]
    told = {*sensor.sources, *sensor.assumed}
    assert told <= {*FIGURES, "numbers"}
    assert not set(sensor.sources) & set(sensor.assumed)


@pytest.mark.parametrize("sensor", ALL, ids=lambda sensor: sensor.name)
def test_a_sensor_is_sound_and_can_be_written_down(sensor: Sensor) -> None:
    assert all(0.05 < band.mtf < 0.5 for band in sensor.bands)
    assert len({band.name for band in sensor.bands}) == len(sensor.bands)
    assert all(re.compile(pattern) for pattern in sensor.file_names)
    assert 0.2 < sensor.typical_mtf < 0.5
    assert build(Sensor, dump(sensor), sensor.name) == sensor
    assert load_sensor(sensor.name) is sensor
    for band in sensor.bands:
        for word in (band.name, band.common, *band.aliases):
            assert sensor.find(Band(word)) is band, word
        assert sensor.find(Band(band.name, band.nm)) is band


def test_sentinel_2_is_what_the_reader_of_its_products_says() -> None:
    assert [band.name for band in SENTINEL.bands] == list(sentinel2.BANDS)
    for band in SENTINEL.bands:
        _, common, nm, pixel = sentinel2.BANDS[band.name]
        assert (band.common, band.pixel) == (common, pixel)
        assert abs(band.nm - nm) < 1


def test_noise_follows_from_the_ratio_at_the_reference_radiance() -> None:
    blue = SENTINEL.find(Band("B02"))
    assert blue is not None
    assert blue.noise == pytest.approx(3.14159 * 128 / 1941.63 / 154, rel=1e-4)
    assert all(0.0002 < (band.noise or 1) < 0.003 for band in SENTINEL.bands)
    assert load_sensor("landsat-8").bands[0].noise is None


@pytest.mark.parametrize(
    ("band", "name"),
    [
        (Band("B2"), "B02"),
        (Band("B02 blue"), "B02"),
        (Band("B8A"), "B8A"),
        (Band("b8a"), "B8A"),
        (Band("T32TQM_20220101T101031_B04_10m"), "B04"),
        (Band("Red"), "B04"),
        (Band("red edge 2"), "B06"),
        (Band("rededge3"), "B07"),
        (Band("near infrared"), "B08"),
        (Band("nir08"), "B8A"),
        (Band("swir16"), "B11"),
        (Band("swir22"), "B12"),
        (Band("coastal aerosol"), "B01"),
        (Band("", 664.9), "B04"),
        (Band("red edge", 782.8), "B07"),
        (Band("", 2185.7), "B12"),
        (Band("anything", 842), "B08"),
    ],
)
def test_a_band_of_sentinel_2_is_found(band: Band, name: str) -> None:
    found = SENTINEL.find(band)
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize(
    "band",
    [
        Band(),
        Band("red edge"),  # there are three
        Band("thermal"),
        Band("ST_B10"),
        Band("B13"),
        Band("B05", 865),  # Landsat's, renamed
        Band("", 1050),
        Band("yellow"),
        Band("B8/B4"),
    ],
)
def test_what_is_no_band_of_sentinel_2_is_not_found(band: Band) -> None:
    assert SENTINEL.find(band) is None


def test_landsat_names_its_bands_in_more_than_one_way() -> None:
    landsat = load_sensor("landsat-8")
    found = [landsat.find(Band(name)) for name in ("B5", "SR_B5", "nir", "nir08")]
    assert [band and band.common for band in found] == ["nir"] * 4
    assert landsat.find(Band("B10")) is None
    assert load_sensor("aerial").find(Band("red", 650)) is None


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("Sentinel-2B", "sentinel-2"),
        ("S2C", "sentinel-2"),
        ("LANDSAT_9", "landsat-9"),
        ("landsat8", "landsat-8"),
        ("WV03", "worldview-3"),
        ("QuickBird-2", "quickbird"),
    ],
)
def test_a_satellite_is_a_name_of_its_sensor(word: str, name: str) -> None:
    assert load_sensor(word).name == name


def test_an_unknown_sensor_is_an_input_error_with_the_nearest() -> None:
    with pytest.raises(InputError, match="no sensor is called 'sentinel2x'; did you mean"):
        load_sensor("sentinel2x")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"bands": [], "mtf": None}, "bands or mtf must be given"),
        ({"colour": "red"}, "colour"),
        (
            {"bands": [{"name": "X", "common": "x", "nm": 1, "width": 1, "pixel": 1, "mtf": 1.2}]},
            "X",
        ),
        (
            {"bands": [{"name": "X", "common": "x", "nm": 1, "width": 0, "pixel": 1, "mtf": 0.2}]},
            "X",
        ),
    ],
)
def test_a_file_with_a_mistake_is_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        build(Sensor, dump(SENTINEL) | change, "mine.toml")


LISTING = """
import sys
from geoloupe.imagery.sensors.table import sensors
assert "sentinel-2" in sensors()
print([name for name in ("torch", "numpy", "rasterio") if name in sys.modules])
"""


def test_listing_sensors_imports_nothing_heavy() -> None:
    answer = subprocess.run(
        [sys.executable, "-c", LISTING], capture_output=True, text=True, check=True, timeout=60
    )
    assert answer.stdout.strip() == "[]"
