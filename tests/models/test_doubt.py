"""Sigma and detail beside a product: what they say, and that they come and go with it."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch

import geoloupe
from geoloupe.errors import InputError
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT
from geoloupe.models.card import Calibration, Card
from geoloupe.models.doubt import Doubt, shortened
from geoloupe.models.model import Model, save
from geoloupe.networks import build
from geoloupe.scenes import assemble, plan
from geoloupe.scenes.commands import finish
from geoloupe.scenes.upscale import Upscaled
from geoloupe.scenes.work_folder import work_folder
from geoloupe.storage import publish
from geoloupe.storage.beside import beside
from tests.program import program
from tests.scenes.test_upscale import write

CALIBRATION = Calibration(
    data="drawn",
    images=4,
    mtf=(0.2, 0.4),
    ratios=(0.1, 0.5, 1.0),
    sigmas=((1.0, 2.0, 3.0), (0.5, 1.0, 1.5)),
    factors=((1.0, 2.0, 3.0), (1.0, 1.5, 2.0)),
)
SETTINGS = {"scale": 2, "features": 8, "blocks": 1}
EXACT = np.zeros((1, 1, 1), np.float32)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A small model that has been calibrated."""
    torch.manual_seed(0)
    card = Card(name="mine", network="loupe", settings=SETTINGS, calibration=CALIBRATION)
    save(Model(build("loupe", **SETTINGS), card), tmp_path / "mine")
    return tmp_path / "mine"


def fields(bands: int = 2, height: int = 60, width: int = 90) -> Any:
    """Draw even fields beside rough ones (B,H,W)."""
    rng = np.random.default_rng(3)
    even = rng.uniform(1500, 3000, (bands, height // 10, width // 10))
    rough = rng.normal(0, 200, (bands, height, width)) * (np.arange(width) > width // 2)
    return even.repeat(10, 1).repeat(10, 2) + rough


def scene(folder: Path, name: str = "scene.tif", **more: Any) -> Path:
    return write(folder / name, fields().astype(np.uint16), **more)


def made(path: Path, weights: Path, name: str = "out.tif", **more: Any) -> Upscaled:
    options: dict[str, Any] = {"mtf": 0.3, "uncertainty": True} | more
    return geoloupe.upscale(path, path.with_name(name), model=weights, **options)


def read(path: Path) -> Any:
    with rasterio.open(path) as file:
        return file.read()


def unit(values: Any) -> Image:
    return Image.of(np.asarray(values, np.float32), radiometry=UNIT)


@pytest.mark.parametrize("gain", [0.25, 8.0])
def test_sigma_follows_the_gain_and_knows_no_offset(gain: float) -> None:
    doubt = Doubt.of(CALIBRATION, (0.25, 0.4))
    values = fields() / 4096
    once = doubt.sigma(unit(values), 2, EXACT)
    assert np.allclose(doubt.sigma(unit(gain * values), 2, EXACT), gain * once, rtol=1e-4)
    assert np.allclose(doubt.sigma(unit(values + 0.5), 2, EXACT), once, rtol=1e-2, atol=1e-6)


def test_sigma_keeps_three_digits_and_what_is_missing() -> None:
    sigma = np.array([[0, 12**-0.5, 1234.5678, 1e-12, np.nan]], np.float32)
    short = shortened(sigma)
    assert np.allclose(short, sigma, rtol=1e-3, equal_nan=True)
    assert short[0, 0] == 0
    assert (short[0, :4].view(np.uint32) % 2**13 == 0).all()


def test_a_table_is_read_between_the_mtfs_and_the_ratios_it_has() -> None:
    values = fields() / 4096
    low, middle, high = (
        Doubt.of(CALIBRATION, (mtf,)).sigma(unit(values), 2, EXACT) for mtf in (0.2, 0.3, 0.4)
    )
    assert np.allclose(low, 2 * high, rtol=1e-5)
    assert np.allclose(middle, 1.5 * high, rtol=1e-5)
    assert Doubt.of(CALIBRATION, (0.3,)).tables[0].factors == (1, 1.75, 2.5)


def test_even_places_are_sure_up_to_the_rounding_of_their_values(
    tmp_path: Path, weights: Path
) -> None:
    flat = np.full((1, 40, 40), 700)
    floats = made(write(tmp_path / "f.tif", flat.astype(np.float32)), weights, "fo.tif")
    whole = made(write(tmp_path / "i.tif", flat.astype(np.uint16)), weights, "io.tif")
    assert (read(floats.beside["sigma"]) == 0).all()
    assert read(whole.beside["sigma"]) == pytest.approx(12**-0.5, rel=1e-3)


def test_sigma_is_in_the_units_of_the_product(tmp_path: Path, weights: Path) -> None:
    """The same ground as reflectance and as whole numbers of a ten-thousandth, dark and bright."""
    counts = made(scene(tmp_path), weights, bound=False)
    values = (fields().astype(np.uint16) / 10_000 + 5).astype(np.float32)
    shifted = write(tmp_path / "shifted.tif", values)
    plain = made(shifted, weights, "reflectance.tif", range=(5.0, 6.0), bound=False)
    one, other = (read(made.beside["sigma"]) for made in (counts, plain))
    assert np.allclose(np.hypot(1e4 * other, 12**-0.5), one, rtol=1e-2)
    with rasterio.open(plain.beside["sigma"]) as file:
        assert file.dtypes == ("float32",) * 2
        assert np.isnan(file.nodata)
        assert file.tags()["GEOLOUPE_SIGMAS_90"] == "1.75"
        assert file.tags()["GEOLOUPE_CALIBRATED"] == "on drawn, MTF 0.2 to 0.4"
        assert file.tags()["GEOLOUPE_MODEL"] == "mine"


def test_missing_pixels_have_no_sigma_and_what_they_hold_does_not_matter(
    tmp_path: Path, weights: Path
) -> None:
    found = []
    for nodata in (1, 60_000):
        values = fields().astype(np.uint16)
        values[:, 20:31, 33:50] = nodata
        values[0, 5, 5] = nodata
        path = write(tmp_path / f"{nodata}.tif", values, nodata=nodata)
        result = made(path, weights, f"{nodata}_out.tif", range=(0.0, 1e4), detail=True)
        product = read(result.path)
        for layer in result.beside.values():
            assert (np.isnan(read(layer)) == (product == nodata)).all()
            found.append(read(layer))
    assert np.array_equal(found[0], found[2], equal_nan=True)
    assert np.array_equal(found[1], found[3], equal_nan=True)
    assert np.nanmax(found[0]) < 3000


def test_tiles_agree_with_the_whole_scene(tmp_path: Path, weights: Path) -> None:
    path = write(tmp_path / "scene.tif", fields(height=110, width=130).astype(np.float32))
    whole = made(path, weights, "whole.tif", tile=200, detail=True)
    tiled = made(path, weights, "tiled.tif", tile=70, detail=True)
    assert (whole.plan.count, tiled.plan.count > 4) == (1, True)
    for layer, file in whole.beside.items():
        one, other = read(file), read(tiled.beside[layer])
        assert np.allclose(one, other, rtol=1e-3, atol=1e-2), layer
    plain = made(path, weights, "plain.tif", tile=200, uncertainty=False)
    assert np.allclose(read(plain.path), read(whole.path), rtol=1e-6)
    assert plain.beside == {}


def test_detail_is_what_interpolation_has_not(tmp_path: Path) -> None:
    path = write(tmp_path / "scene.tif", fields().astype(np.float32))
    options: dict[str, Any] = {"model": "bicubic", "scale": 3, "bound": False, "detail": True}
    plain = geoloupe.upscale(path, tmp_path / "plain.tif", **options)
    assert np.abs(read(plain.beside["detail"])).max() < 1e-2
    ours = geoloupe.upscale(path, tmp_path / "ours.tif", model="loupe-x4", detail=True)
    detail = read(ours.beside["detail"])
    assert np.abs(detail).max() > 50
    assert abs(detail.mean()) < 5


def pair(folder: Path, weights: Path, **more: Any) -> tuple[bytes, bytes]:
    """Return the bytes of an undisturbed result and of its sigma."""
    result = made(folder / "scene.tif", weights, "sure.tif", **more)
    return result.path.read_bytes(), result.beside["sigma"].read_bytes()


def test_a_stopped_run_goes_on_to_the_same_files(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "_BLOCK_BYTES", 2**14)
    path = write(tmp_path / "scene.tif", fields(width=150).astype(np.uint16))
    whole = pair(tmp_path, weights, tile=64)

    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(assemble, "publish_planes", stop)
        with pytest.raises(KeyboardInterrupt):
            made(path, weights, tile=64)
    folder = work_folder(tmp_path / "out.tif")
    finished = sorted((folder / "blocks").glob("*.safetensors"))
    assert len(finished) > 2
    finished[0].unlink()
    raw = bytearray((folder / "sigma.raw").read_bytes())  # as a power cut may leave it
    raw[-40:] = bytes(40)
    (folder / "sigma.raw").write_bytes(raw)
    with pytest.raises(InputError, match="uncertainty was True, now False"):
        made(path, weights, tile=64, uncertainty=False)
    result = made(path, weights, tile=64)
    assert (result.path.read_bytes(), result.beside["sigma"].read_bytes()) == whole


def test_killed_between_two_files_a_run_goes_on(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = scene(tmp_path)
    whole = pair(tmp_path, weights)
    target, move = tmp_path / "out.tif", publish._move

    def killed(part: Path, to: Path, *, overwrite: bool) -> None:
        if to == target:
            raise KeyboardInterrupt
        move(part, to, overwrite=overwrite)

    with monkeypatch.context() as patch:
        patch.setattr(publish, "_move", killed)
        with pytest.raises(KeyboardInterrupt):
            made(path, weights)
    assert (target.exists(), beside(target, "sigma").exists()) == (False, True)
    result = made(path, weights)
    assert (result.path.read_bytes(), result.beside["sigma"].read_bytes()) == whole
    assert not work_folder(target).exists()


def test_shards_make_the_same_files(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "_BLOCK_BYTES", 2**14)
    path = scene(tmp_path)
    whole = pair(tmp_path, weights, tile=64, detail=True)
    for part in ("1/2", "2/2"):
        made(path, weights, tile=64, detail=True, shard=part)
    assert not beside(tmp_path / "out.tif", "sigma").exists()
    result = finish(tmp_path / "out.tif")
    assert (result.path.read_bytes(), result.beside["sigma"].read_bytes()) == whole


def test_nothing_is_replaced_unless_it_may_be(
    tmp_path: Path, weights: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, old = scene(tmp_path), tmp_path / "out_sigma.tif"
    old.write_bytes(b"mine")
    with pytest.raises(InputError, match=r"out_sigma.tif: exists already"):
        made(path, weights)
    assert not (tmp_path / "out.tif").exists()
    made(path, weights, uncertainty=False)
    assert old.read_bytes() == b"mine"
    assert "out_sigma.tif: is not of the out.tif that is made now" in caplog.text
    result = made(path, weights, overwrite=True)
    assert read(result.beside["sigma"]).shape == read(result.path).shape


def test_a_layer_never_replaces_what_is_read(tmp_path: Path, weights: Path) -> None:
    path = scene(tmp_path, "out_sigma.tif")
    with pytest.raises(InputError, match="is an input of this very run"):
        made(path, weights, overwrite=True)


def test_without_a_calibration_doubt_is_refused(tmp_path: Path) -> None:
    path = scene(tmp_path)
    words = [str(path), "--model", "bicubic", "--set", "uncertainty=true"]
    done = program("upscale", *words)
    assert done.returncode == 2
    assert "bicubic: its uncertainty has not been measured" in done.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["scene.tif"]


@pytest.mark.parametrize(
    ("chosen", "why"),
    [
        ({"mtf": 0.5}, "MTF 0.50 is not within 0.2 to 0.4"),
        ({"mtf": None}, "the sensor is unknown"),
        ({"mtf": (0.3, 0.15)}, "MTF 0.15 is not within 0.2 to 0.4"),
    ],
)
def test_other_sensors_are_warned_of(
    tmp_path: Path,
    weights: Path,
    caplog: pytest.LogCaptureFixture,
    chosen: dict[str, Any],
    why: str,
) -> None:
    with caplog.at_level(logging.WARNING):
        result = made(scene(tmp_path), weights, **chosen)
    assert caplog.text.count(f"sigma is not calibrated for this sensor ({why})") == 1
    with rasterio.open(result.beside["sigma"]) as file:
        assert file.tags()["GEOLOUPE_CALIBRATED"] == f"no: {why}"


def test_a_script_is_told_of_files_and_warnings(tmp_path: Path, weights: Path) -> None:
    words = [str(scene(tmp_path)), "--model", str(weights), "--json", "--set", "uncertainty=true"]
    done = program("upscale", *words)
    told = json.loads(done.stdout)
    assert told["beside"] == {"sigma": str(tmp_path / "scene_x2_sigma.tif")}
    assert any("not calibrated for this sensor" in warning for warning in told["warnings"])


def test_an_array_and_its_layers_are_what_the_files_hold(tmp_path: Path, weights: Path) -> None:
    xarray = pytest.importorskip("xarray")
    path = scene(tmp_path)
    files = made(path, weights, detail=True)
    cube = xarray.DataArray(read(path), dims=("band", "y", "x"), name="cube")
    both = geoloupe.upscale_array(cube, model=weights, mtf=0.3, uncertainty=True, detail=True)
    assert list(both) == ["cube", "sigma", "detail"]
    assert (both["cube"].values == read(files.path)).all()
    assert np.allclose(both["sigma"].values, read(files.beside["sigma"]), rtol=1e-3)
    assert np.allclose(both["detail"].values, read(files.beside["detail"]), atol=1e-2)
    assert both["sigma"].attrs["GEOLOUPE_SIGMAS_68"] == "1"
