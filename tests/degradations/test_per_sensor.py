"""What a sensor would have seen: each band by its own MTF, found by what the image calls it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from geoloupe import catalog
from geoloupe.degradations.blur import SensorMTF
from geoloupe.degradations.degradation import Degradation
from geoloupe.degradations.loading import load_degradation
from geoloupe.degradations.named import MTF_QUICKBIRD, MTF_WORLDVIEW_2, MTF_WORLDVIEW_3
from geoloupe.degradations.per_sensor import LANDSAT_8, QUICKBIRD, SENTINEL_2
from geoloupe.errors import InputError
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT
from geoloupe.imagery.sensors.table import load_sensor, sensors
from geoloupe.imagery.spectra import Band
from geoloupe.rasters.facts import BandFacts, Facts
from geoloupe.rasters.opening import open_source
from geoloupe.rasters.product import write_image
from geoloupe.scenes.degrade import degrade
from geoloupe.settings import build, dump


def image(*names: str) -> Image:
    values = np.random.default_rng(0).random((len(names), 40, 48), np.float32)
    return Image.of(values, radiometry=UNIT, bands=[Band(name) for name in names])


def seen(degradation: Degradation, hr: Image) -> np.ndarray:
    return degradation(hr, 4, np.random.default_rng(0)).values


def by_gains(*gains: float) -> Degradation:
    return Degradation(name="x", about="", blurs=(SensorMTF(gains=gains),), samplings=("strided",))


def test_each_sensor_has_its_degradation() -> None:
    for name in sensors():
        degradation = catalog.resolve("degradation", name)
        assert isinstance(degradation, Degradation)
        assert (degradation.name, degradation.sensor) == (name, name)
        assert not degradation.fixed


def test_bands_get_their_own_blur_in_any_order() -> None:
    hr = image("B12 swir2", "red", "B05", "nir")
    assert (seen(SENTINEL_2, hr) == seen(by_gains(0.23, 0.24, 0.38, 0.26), hr)).all()
    back = hr.select([3, 2, 1, 0])
    assert (seen(SENTINEL_2, back) == seen(SENTINEL_2, hr)[::-1]).all()


def test_a_sharper_band_keeps_more_contrast() -> None:
    hr = image("B05", "B11")
    hr = replace(hr, values=np.repeat(hr.values[:1], 2, axis=0))
    edge, swir = seen(SENTINEL_2, hr).std(axis=(1, 2))
    assert edge > 1.05 * swir


def test_bands_that_say_nothing_get_the_mean() -> None:
    hr = image("", "")
    assert (seen(QUICKBIRD, hr) == seen(by_gains(load_sensor("quickbird").typical_mtf), hr)).all()
    mixed = image("red", "haze")
    assert (seen(LANDSAT_8, mixed) == seen(by_gains(0.3, 0.3), mixed)).all()


def test_bands_of_another_sensor_are_refused_by_name(tmp_path: Path) -> None:
    hr = image("thermal", "haze")
    with pytest.raises(
        InputError, match=r"no band of sentinel-2 is among thermal, haze; it has B01"
    ):
        seen(SENTINEL_2, hr)
    scene = tmp_path / "scene.tif"
    facts = Facts(bands=tuple(BandFacts(description=band.name) for band in hr.bands))
    write_image(scene, hr, facts=facts)
    with pytest.raises(InputError, match=r"scene\.tif: no band of sentinel-2"):
        degrade(scene, tmp_path / "lr.tif", degradation="sentinel-2", scale=2)
    assert [path.name for path in tmp_path.iterdir()] == ["scene.tif"]


def test_a_scene_is_degraded_by_the_name_of_a_sensor(tmp_path: Path) -> None:
    hr = image("B02 blue", "B8A")
    facts = Facts(bands=tuple(BandFacts(description=band.name) for band in hr.bands))
    write_image(tmp_path / "scene.tif", hr, facts=facts)
    degrade(tmp_path / "scene.tif", tmp_path / "lr.tif", degradation="sentinel-2", scale=4)
    with open_source(tmp_path / "lr.tif") as source:
        assert np.abs(source.read().values - seen(by_gains(0.26, 0.33), hr)).max() < 1e-6
        assert json.loads(source.facts.tags["GEOLOUPE_DEGRADATION"])["sensor"] == "sentinel-2"


def test_a_recipe_of_ones_own_names_a_sensor(tmp_path: Path) -> None:
    mine = tmp_path / "mine.json"
    told = {"name": "mine", "about": "", "sensor": "S2A", "samplings": ["strided"]}
    mine.write_text(json.dumps(told))
    hr = image("B02")
    assert (seen(load_degradation(str(mine)), hr) == seen(SENTINEL_2, hr)).all()
    mine.write_text(json.dumps(told | {"sensor": "sentinel"}))
    with pytest.raises(
        InputError, match=r"mine\.json: no sensor is called 'sentinel'; did you mean"
    ):
        load_degradation(str(mine))


def test_a_sensor_and_a_blur_are_not_both() -> None:
    with pytest.raises(InputError, match="sensor stands instead of blurs"):
        build(Degradation, dump(by_gains(0.3)) | {"sensor": "aerial"}, "mine.json")


def test_the_names_of_0_1_have_their_figures_in_their_order() -> None:
    quickbird, second, third = (
        degradation.blurs[0] for degradation in (MTF_QUICKBIRD, MTF_WORLDVIEW_2, MTF_WORLDVIEW_3)
    )
    assert quickbird == SensorMTF(gains=(0.34, 0.32, 0.30, 0.22))
    assert second == SensorMTF(gains=(*(0.35,) * 7, 0.27))
    assert third == SensorMTF(gains=(0.325, 0.355, 0.360, 0.350, 0.365, 0.360, 0.335, 0.315))
