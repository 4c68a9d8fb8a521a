"""What a card says a model is not for is said when it is used for that."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

import geoloupe
from geoloupe.errors import InputError
from geoloupe.models.model import Model, load
from geoloupe.models.shipped import shipped
from tests.relief import relief
from tests.scenes.test_upscale import PLACE, write

Log = pytest.LogCaptureFixture


def make(path: Path, values: Any, *names: str, unit: str = "", **tags: str) -> Path:
    """Write a scene that describes itself."""
    write(path, values)
    with rasterio.open(path, "r+") as out:
        if names:
            out.descriptions = names
        for index in range(1, out.count + 1):
            if unit:
                out.set_band_unit(index, unit)
        out.update_tags(**tags)
    return path


def warnings(log: Log) -> list[str]:
    """List what was warned of."""
    return [record.message for record in log.records if record.levelno == logging.WARNING]


CASES: list[tuple[str, tuple[str, ...], str, str, str]] = [
    ("a.tif", ("Gamma0_VV",), "", "float32", "radar backscatter"),
    ("S1A_IW_GRDH_1SDV.tif", (), "", "uint16", "radar backscatter"),
    ("a.tif", ("LST",), "K", "float32", "temperature"),
    ("a.tif", (), "kelvin", "uint16", "temperature"),
    ("dem.tif", (), "", "int16", "elevation"),
    ("a.tif", (), "metre", "float32", "elevation"),
    ("a.tif", ("land cover",), "", "uint8", "a map of classes"),
]


@pytest.mark.parametrize("case", CASES, ids=[f"{c[4]} by {c[0]} {c[1]} {c[2]}" for c in CASES])
def test_a_scene_that_a_model_is_not_for_is_mentioned(
    tmp_path: Path, caplog: Log, case: tuple[str, tuple[str, ...], str, str, str]
) -> None:
    name, bands, unit, dtype, phrase = case
    scene = make(tmp_path / name, relief(dtype, 10, 200, size=(40, 40)), *bands, unit=unit)
    geoloupe.upscale(scene, tmp_path / "out.tif", model="loupe-x2")
    (said,) = warnings(caplog)
    assert f"{scene}: looks like {phrase} (" in said
    assert "loupe-x2 was not made for it (see geoloupe models loupe-x2)" in said


def test_patches_of_few_numbers_are_mentioned(tmp_path: Path, caplog: Log) -> None:
    patches: Any = np.random.default_rng(0).integers(1, 9, (1, 9, 9))
    scene = make(tmp_path / "a.tif", patches.repeat(8, 1).repeat(8, 2).astype(np.uint8))
    geoloupe.upscale(scene, tmp_path / "out.tif", model="loupe-x2")
    assert "looks like a map of classes" in warnings(caplog)[0]


def test_optical_and_unknown_scenes_and_other_models_hear_nothing(
    tmp_path: Path, caplog: Log
) -> None:
    scene = make(tmp_path / "a.tif", relief("uint16", 200, 9000, size=(40, 40)))
    geoloupe.upscale(scene, tmp_path / "b.tif", model="loupe-x2")
    radar = make(tmp_path / "c.tif", relief("float32", 0, 1, size=(40, 40)), "VV")
    geoloupe.upscale(radar, tmp_path / "d.tif", model="bicubic", scale=2)
    assert not warnings(caplog)


def test_arrays_are_looked_at_too(caplog: Log) -> None:
    xarray = pytest.importorskip("xarray")
    values = relief("float32", 280, 300, size=(40, 40))
    array = xarray.DataArray(values, dims=("band", "y", "x"), attrs={"units": "K"})
    geoloupe.upscale_array(array, model="loupe-x2")
    named = xarray.DataArray(values[0], dims=("y", "x"), name="elevation")
    geoloupe.upscale_array(named, model="loupe-x2")
    said = warnings(caplog)
    assert ["temperature" in said[0], "elevation" in said[1]] == [True, True]


def test_a_cube_model_refuses_scenes_of_few_bands(tmp_path: Path) -> None:
    scene = make(tmp_path / "four.tif", relief("uint16", 9, 200, size=(9, 9)).repeat(4, axis=0))
    guide = tmp_path / "rgb.tif"
    values = relief("uint16", 9, 200, size=(36, 36)).repeat(3, axis=0)
    write(guide, values, transform=PLACE @ Affine.scale(0.25))
    options: dict[str, Any] = {"model": "mulsr-x4", "guide": guide}
    with pytest.raises(InputError, match=r"four\.tif: mulsr-x4 .* 16 .* 4; .*anyway=true"):
        geoloupe.upscale(scene, tmp_path / "out.tif", **options)
    assert not (tmp_path / "out.tif").exists()
    geoloupe.upscale(scene, tmp_path / "out.tif", anyway=True, **options)
    assert (tmp_path / "out.tif").exists()


def test_fewer_bands_are_refused_by_the_card_and_not_by_a_name(tmp_path: Path) -> None:
    scene = make(tmp_path / "in.tif", relief("uint8", 9, 200, size=(20, 20)))
    plain = load("bicubic", scale=2)
    picky = Model(plain.network, plain.card.model_copy(update={"least_bands": 2}))
    with pytest.raises(InputError, match="2 or more bands"):
        geoloupe.upscale(scene, tmp_path / "out.tif", model=picky)


@pytest.mark.parametrize("name", shipped())
def test_every_shipped_card_says_it_to_programs_too(name: str) -> None:
    card = load(name).card
    assert {"radar", "thermal", "elevation", "classes"} <= set(card.unsuited)
    assert card.bound is not None
    assert card.notes
    assert card.not_for
