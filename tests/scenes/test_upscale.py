"""Whole scenes: geometry, nodata, types, tiles and crash safety of the product."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from rasterio.transform import Affine
from rio_cogeo.cogeo import cog_validate

import geoloupe
from geoloupe.errors import InputError, RunError
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT
from geoloupe.models.card import Card
from geoloupe.models.model import Model, model_from_state
from geoloupe.models.predictor import Predictor
from geoloupe.networks import build
from tests.real_data import DATA

PLACE = Affine(10.0, 0.0, 500_000.0, 0.0, -10.0, 4_000_000.0)
TURNED = Affine(9.0, 3.0, 500_000.0, 3.0, -9.0, 4_000_000.0)


def write(path: Path, values: Any, *, nodata: float | None = None, **more: Any) -> Path:
    """Write (B,H,W) values as a GeoTIFF."""
    count, height, width = values.shape
    profile = {"crs": "EPSG:32631", "transform": PLACE} | more
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=count,
        height=height,
        width=width,
        dtype=values.dtype,
        nodata=nodata,
        **profile,
    ) as out:
        out.write(values)
    return path


def corner(transform: Affine, row: int, column: int) -> tuple[float, float]:
    """Place a pixel's outer corner."""
    a, b, c, d, e, f = transform[:6]
    return a * column + b * row + c, d * column + e * row + f


def ramp(bands: int, height: int, width: int, dtype: str = "uint16") -> Any:
    """Make smooth values that no type clips."""
    b, y, x = np.meshgrid(range(bands), range(height), range(width), indexing="ij")
    return (20 + 5 * b + 100 * y / height + 90 * x / width).astype(dtype)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 5), (37, 23)])
@pytest.mark.parametrize("transform", [PLACE, TURNED], ids=["upright", "turned"])
def test_the_result_covers_the_scene_exactly(
    tmp_path: Path, size: tuple[int, int], transform: Affine
) -> None:
    scene = write(tmp_path / "in.tif", ramp(2, *size), transform=transform)
    geoloupe.upscale(scene, tmp_path / "out.tif", model="bicubic", scale=3)
    with rasterio.open(scene) as before, rasterio.open(tmp_path / "out.tif") as after:
        assert after.shape == (3 * size[0], 3 * size[1])
        assert after.crs == before.crs
        assert after.dtypes == before.dtypes
        for row, column in [(0, 0), (0, size[1]), (size[0], 0), size]:
            here = corner(before.transform, row, column)
            there = corner(after.transform, 3 * row, 3 * column)
            assert np.allclose(here, there, rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32"])
def test_enlarging_keeps_the_values(tmp_path: Path, dtype: str) -> None:
    """The mean of the finer pixels of a smooth scene is the coarse pixel."""
    values = ramp(1, 40, 40, dtype)
    scene = write(tmp_path / "in.tif", values)
    geoloupe.upscale(scene, tmp_path / "out.tif", model="bicubic", scale=4)
    with rasterio.open(tmp_path / "out.tif") as out:
        fine = out.read(1).astype(float)
    means = fine.reshape(40, 4, 40, 4).mean((1, 3))
    assert abs(means - values[0])[3:-3, 3:-3].max() < 1.5


def test_nodata_stays_where_it_was_and_spreads_nowhere(tmp_path: Path) -> None:
    values = ramp(2, 30, 30)
    values[:, :9, 12:] = 0
    values[0, 20, 20] = 0  # missing in one band alone
    scene = write(tmp_path / "in.tif", values, nodata=0)
    geoloupe.upscale(scene, tmp_path / "out.tif", model="bicubic", scale=2, tile=16)
    with rasterio.open(tmp_path / "out.tif") as out:
        fine = out.read()
        assert out.nodata == 0
    assert np.array_equal(fine == 0, (values == 0).repeat(2, axis=1).repeat(2, axis=2))
    assert fine[fine > 0].min() >= values[values > 0].min() - 2


@pytest.mark.parametrize("kept", [0, 1])
def test_a_scene_of_next_to_nothing(tmp_path: Path, kept: int) -> None:
    values = np.full((1, 12, 12), np.nan, np.float32)
    values[0, 5, 5 : 5 + kept] = 0.25
    scene = write(tmp_path / "in.tif", values)
    geoloupe.upscale(scene, tmp_path / "out.tif", model="bicubic", scale=2)
    with rasterio.open(tmp_path / "out.tif") as out:
        fine = out.read(1)
    assert np.isfinite(fine).sum() == 4 * kept
    assert np.allclose(fine[np.isfinite(fine)], 0.25)


def test_tiles_of_a_local_network_give_the_whole_image(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    scene = write(tmp_path / "in.tif", generator.random((3, 70, 61), dtype=np.float32))
    geoloupe.upscale(scene, tmp_path / "whole.tif", model="bicubic", scale=2)
    geoloupe.upscale(scene, tmp_path / "tiled.tif", model="bicubic", scale=2, tile=24)
    with rasterio.open(tmp_path / "whole.tif") as a, rasterio.open(tmp_path / "tiled.tif") as b:
        assert a.tags()["GEOLOUPE_TILES"] == "1 x 1"
        assert b.tags()["GEOLOUPE_TILE"] == "24"
        assert np.abs(a.read() - b.read()).max() < 1e-5


def test_the_product_is_a_valid_cog_with_names_kept(tmp_path: Path) -> None:
    scene = write(tmp_path / "in.tif", ramp(2, 300, 200))
    with rasterio.open(scene, "r+") as out:
        out.descriptions = ("red", "nir")
    geoloupe.upscale(scene, tmp_path / "out.tif", model="bicubic", scale=4)
    valid, errors, _ = cog_validate(tmp_path / "out.tif")
    assert valid, errors
    with rasterio.open(tmp_path / "out.tif") as out:
        assert out.descriptions == ("red", "nir")
        assert out.tags()["GEOLOUPE_MODEL"] == "bicubic"


def test_two_runs_give_the_same_and_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    scene = write(tmp_path / "in.tif", ramp(1, 20, 20))
    for name in ("a.tif", "b.tif"):
        geoloupe.upscale(scene, tmp_path / name)
    assert (tmp_path / "a.tif").read_bytes() == (tmp_path / "b.tif").read_bytes()
    with pytest.raises(InputError, match="exists already"):
        geoloupe.upscale(scene, tmp_path / "a.tif")
    with pytest.raises(InputError, match="is an input"):
        geoloupe.upscale(scene, scene, overwrite=True)


def model(name: str, **settings: Any) -> Model:
    """Make a model with fresh weights."""
    card = Card(name=name, network=name, settings=settings)
    return Model(network=build(name, **settings), card=card)


def test_a_failing_network_leaves_no_file(tmp_path: Path) -> None:
    broken = model("srcnn", scale=2, bands=1)
    broken.network.rebuild.bias.data.fill_(float("nan"))  # type: ignore[attr-defined]
    scene = write(tmp_path / "in.tif", ramp(1, 20, 20))
    with pytest.raises(RunError, match="not numbers"):
        geoloupe.upscale(scene, tmp_path / "out.tif", model=broken)
    assert [path.name for path in tmp_path.iterdir()] == ["in.tif"]


def test_a_cube_with_a_guide(tmp_path: Path) -> None:
    cube = write(tmp_path / "cube.tif", ramp(5, 12, 10))
    finer = Affine(2.5, 0.0, PLACE.c, 0.0, -2.5, PLACE.f)
    guide = write(tmp_path / "guide.tif", ramp(3, 48, 40), transform=finer)
    mulsr = model("mulsr", scale=4, features=4)
    with pytest.raises(InputError, match="needs a guide"):
        geoloupe.upscale(cube, tmp_path / "out.tif", model=mulsr)
    geoloupe.upscale(cube, tmp_path / "out.tif", model=mulsr, guide=guide)
    with rasterio.open(tmp_path / "out.tif") as out:
        assert (out.count, *out.shape) == (5, 48, 40)


@pytest.mark.skipif(not (DATA / "scenes").is_dir(), reason="the real scenes are not here")
@pytest.mark.parametrize(
    "name",
    ["landsat7_olinda_6band", "landsat_bahamas_rgb_nodata0", "naip_4band_5m", "pair_sentinel2_10m"],
)
def test_real_scenes_go_through(tmp_path: Path, name: str) -> None:
    scene = DATA / "scenes" / f"{name}.tif"
    geoloupe.upscale(scene, tmp_path / "out.tif", model="bicubic", scale=2)
    with rasterio.open(scene) as before, rasterio.open(tmp_path / "out.tif") as after:
        assert after.shape == (2 * before.height, 2 * before.width)
        assert np.allclose(before.bounds, after.bounds, rtol=1e-12, atol=1e-9)
        assert after.crs == before.crs
        if before.nodata is not None:
            missing = (before.read(1) == before.nodata).repeat(2, axis=0).repeat(2, axis=1)
            assert np.array_equal(after.read(1) == after.nodata, missing)


def test_the_mean_of_eight_views_turns_with_the_scene() -> None:
    """Random weights have no symmetry; the mean over all views must not care how a scene lies."""
    torch.manual_seed(0)
    network = build("srcnn", bands=1, scale=2)
    card = Card(name="odd", network="srcnn", settings={"bands": 1, "scale": 2})
    model = model_from_state(network, network.state_dict(), card)
    scene = Image.of(np.random.default_rng(0).random((1, 24, 31), np.float32), radiometry=UNIT)
    turned = Image.of(scene.values.transpose(0, 2, 1)[:, ::-1].copy(), radiometry=UNIT)
    plain, eight = Predictor.of(model), Predictor.of(model, ensemble=True)
    whole = eight.predict(scene).values
    assert not np.allclose(plain.predict(scene).values, whole, atol=1e-4)
    again = eight.predict(turned).values
    assert np.allclose(again, whole.transpose(0, 2, 1)[:, ::-1], atol=1e-6)
