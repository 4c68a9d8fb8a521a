"""What a scene was seen through decides what is made of it, and the result agrees with it."""

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from rasterio.errors import NotGeoreferencedWarning
from scipy.ndimage import uniform_filter

import geoloupe
from geoloupe.errors import InputError
from geoloupe.networks.observation import Observation
from geoloupe.networks.signature import UNKNOWN_MTF
from geoloupe.rasters.opening import open_source
from geoloupe.scenes.optics import UNKNOWN, optics_of, with_noise
from tests.datasets.small import PLACE

SENTINEL = ("B02", "B03", "B04", "B08")
GAINS = (0.26, 0.28, 0.24, 0.26)


def write(path: Path, names: tuple[str, ...] = SENTINEL, side: int = 72) -> Path:
    """Write fields with edges as the sensor sees them, at ten metres."""
    rng = np.random.default_rng(0)
    ground = rng.uniform(1500, 3000, (len(names), side // 6, side // 6)).repeat(24, 1).repeat(24, 2)
    sensor = Observation.aligned(0.26, scale=4)
    values = sensor.observe(torch.from_numpy(ground)[None], (side, side))[0].numpy()
    values = np.rint(values).astype(np.uint16)
    place = rasterio.Affine(10, 0, PLACE.c, 0, -10, PLACE.f)
    profile: dict[str, Any] = {"dtype": "uint16", "crs": "EPSG:32631", "transform": place}
    with rasterio.open(
        path, "w", count=len(names), height=side, width=side - 8, **profile
    ) as dataset:
        dataset.write(values[:, :, : side - 8])
        dataset.descriptions = names
    return path


def missed(scene: Path, product: Path, gains: tuple[float, ...] = GAINS) -> float:
    """Return by how much a sensor would see another scene than it did, at most, in its numbers."""
    return float(np.abs(unseen(scene, product, gains)).max())


def unseen(scene: Path, product: Path, gains: tuple[float, ...] = GAINS) -> Any:
    """Return what a sensor would see in a product less what it saw (B,h,w)."""
    with rasterio.open(scene) as one, rasterio.open(product) as other:
        lr, sr = one.read().astype(np.float64), other.read().astype(np.float64)
    scale = sr.shape[1] // lr.shape[1]
    sensor = Observation.aligned(*gains, scale=scale)
    seen = sensor.observe(torch.from_numpy(sr)[None], (lr.shape[1], lr.shape[2]))[0]
    return seen.numpy() - lr


@pytest.mark.parametrize("scale", [2, 4])
def test_a_known_sensor_sees_its_scene_in_the_product(tmp_path: Path, scale: int) -> None:
    scene = write(tmp_path / "scene.tif")
    words: dict[str, Any] = {"scale": scale, "bound": False}  # which comes last, and may cut
    made = geoloupe.upscale(scene, tmp_path / "sr.tif", consistent=True, **words)
    plain = geoloupe.upscale(scene, tmp_path / "plain.tif", consistent=False, **words)
    assert (made.optics.sensor, made.optics.mtf) == ("sentinel-2", GAINS)
    assert missed(scene, made.path) < 0.1 * missed(scene, plain.path)
    with rasterio.open(made.path) as product, rasterio.open(plain.path) as other:
        assert product.tags()["GEOLOUPE_SENSOR"] == "sentinel-2"
        assert product.tags()["GEOLOUPE_MTF"] == "0.26, 0.28, 0.24, 0.26"
        assert product.tags()["GEOLOUPE_CONSISTENT"] == "yes"
        assert other.tags()["GEOLOUPE_CONSISTENT"] == "no"


def test_noise_is_measured_and_need_not_be_seen_again(tmp_path: Path) -> None:
    scene, deviation = write(tmp_path / "scene.tif", side=160), 60
    with rasterio.open(scene, "r+") as dataset:
        clean = dataset.read().astype(float)
        noise = np.random.default_rng(0).normal(0, deviation, clean.shape)
        dataset.write((clean + noise).clip(1, 10000).astype(np.uint16))
    made, exact, plain = (
        geoloupe.upscale(scene, tmp_path / f"{wanted}.tif", scale=2, consistent=wanted, bound=False)
        for wanted in (None, True, False)
    )
    assert made.optics.noise == pytest.approx([deviation / 10000] * 4, rel=0.15)
    with rasterio.open(made.path) as product:
        assert re.match(r"but for noise of 0\.00\d+, ", product.tags()["GEOLOUPE_CONSISTENT"])
    apart = [unseen(scene, result.path) for result in (exact, made, plain)]
    assert apart[0].std() < 0.2 * apart[1].std()  # the others leave the noise out
    around = [uniform_filter(rest, (1, 5, 5)).std() for rest in apart]
    assert around[0] < around[1] < around[2]  # but not the brightness around a pixel


@pytest.mark.parametrize(
    ("name", "options", "kept"),
    [
        ("a.jpg", {"driver": "JPEG", "quality": 90}, True),
        ("a.webp", {"driver": "WEBP"}, True),
        ("a.tif", {"compress": "jpeg", "photometric": "ycbcr"}, True),
        ("b.tif", {"compress": "webp", "webp_lossless": True}, False),
        ("c.tif", {"compress": "deflate"}, False),
    ],
)
def test_what_jpeg_left_need_not_be_seen_again(
    tmp_path: Path, name: str, options: dict[str, Any], kept: bool
) -> None:
    waves = np.add.outer(np.sin(np.arange(96) / 9), np.cos(np.arange(96) / 7))
    values = np.stack([waves * size + 128 for size in (20, 30, 40)]).astype(np.uint8)
    profile = {"count": 3, "height": 96, "width": 96, "dtype": "uint8"} | options
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(tmp_path / name, "w", **profile) as dataset:
            dataset.write(values)
    with open_source(tmp_path / name) as source:
        noise = with_noise(optics_of(source, mtf=0.3), source).noise
    assert (min(noise) >= 3.9 / 255) == kept
    assert max(noise) < 4.1 / 255


def test_a_product_made_of_a_product_says_nothing_of_the_first(tmp_path: Path) -> None:
    first = write(tmp_path / "scene.tif")
    with rasterio.open(first, "r+") as dataset:
        dataset.update_tags(GEOLOUPE_GUIDE="10m.tif", GEOLOUPE_WEIGHTS="8a83380f", MINE="kept")
    made = geoloupe.upscale(first, tmp_path / "finer.tif", model="nearest", scale=2)
    with rasterio.open(made.path) as product:
        tags = product.tags()
    assert (tags["MINE"], tags["GEOLOUPE_MODEL"]) == ("kept", "nearest")
    assert not {"GEOLOUPE_GUIDE", "GEOLOUPE_WEIGHTS"} & set(tags)


def test_tiles_agree_as_the_whole_scene_does(tmp_path: Path) -> None:
    scene = write(tmp_path / "scene.tif", side=120)
    whole, tiled = (
        geoloupe.upscale(scene, tmp_path / f"{tile}.tif", scale=2, tile=tile) for tile in (128, 72)
    )
    assert (whole.plan.count, tiled.plan.count > 4) == (1, True)
    with rasterio.open(whole.path) as one, rasterio.open(tiled.path) as other:
        assert np.abs(one.read().astype(int) - other.read()).max() <= 1  # a half, rounded


def test_an_unknown_sensor_is_taken_for_mild_and_nothing_is_undone(tmp_path: Path) -> None:
    scene = write(tmp_path / "scene.tif", ("one", "two"))
    made = geoloupe.upscale(scene, tmp_path / "sr.tif")
    assert (made.optics.known, made.optics.mtf) == (False, (UNKNOWN_MTF, UNKNOWN_MTF))
    assert str(made.optics) == "unknown sensor, MTF 0.40 (assumed)"
    named = geoloupe.upscale(
        write(tmp_path / "named.tif"), tmp_path / "named_sr.tif", sensor=UNKNOWN
    )
    with rasterio.open(named.path) as product:
        assert product.tags()["GEOLOUPE_SENSOR"] == "unknown"
        assert product.tags()["GEOLOUPE_CONSISTENT"] == "no"


def test_interpolation_stays_what_it_is_unless_it_is_asked_to_agree(tmp_path: Path) -> None:
    scene = write(tmp_path / "scene.tif")
    plain, agreed = (
        geoloupe.upscale(
            scene, tmp_path / f"{wanted}.tif", model="bicubic", scale=2, consistent=wanted
        )
        for wanted in (None, True)
    )
    with rasterio.open(plain.path) as product:
        assert product.tags()["GEOLOUPE_CONSISTENT"] == "no"
    assert missed(scene, agreed.path) < 0.1 * missed(scene, plain.path)


def test_a_persons_word_counts_more_than_the_scene(tmp_path: Path) -> None:
    with open_source(write(tmp_path / "scene.tif")) as source:
        assert optics_of(source, mtf=0.3).mtf == (0.3,) * 4
        assert optics_of(source, mtf=[0.2, 0.3, 0.4, 0.5]).mtf == (0.2, 0.3, 0.4, 0.5)
        assert optics_of(source, sensor="aerial").sensor == "aerial"
        with pytest.raises(InputError, match=r"scene.tif: 3 MTFs are given, but there are 4 bands"):
            optics_of(source, mtf=(0.1, 0.2, 0.3))
        with pytest.raises(InputError, match=r"did you mean 'sentinel-2'"):
            optics_of(source, sensor="sentinal-2")


def test_figures_that_were_never_tried_are_held_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with open_source(write(tmp_path / "scene.tif")) as source:
        assert optics_of(source, mtf=0.02).mtf == (0.12,) * 4
    assert "treated as 0.12 to 0.70" in caplog.text
