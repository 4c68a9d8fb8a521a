"""No answer goes beyond what the pixels around it hold, and none below zero without one there."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import geoloupe
from geoloupe import catalog
from geoloupe.errors import InputError
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT, Radiometry
from geoloupe.models.bound import GUIDED_MARGIN, MARGIN, RADIUS, Bound, margin_of
from geoloupe.models.card import Card
from geoloupe.models.model import Model, load
from geoloupe.models.predictor import Predictor
from geoloupe.networks import build, network_class
from tests.scenes.test_upscale import write

ZERO = np.zeros((1, 1, 1), np.float32)
VALUES = st.floats(-4, 4, width=32, allow_subnormal=False)
HOLED = hnp.arrays("float32", (2, 6, 7), elements=VALUES | st.just(float("nan")))


def shore(*, lowest: float = 1.0) -> Any:
    """Make a float64 scene (4,H,W): red, green, blue and nir of land beside water without light."""
    rng = np.random.default_rng(5)
    row, column = np.mgrid[0:72, 0:60]
    water = (column < 25 + 8 * np.sin(row / 9)) | ((row // 6 + column // 5) % 7 == 0)
    land = np.array([420.0, 380, 300, 1300])[:, None, None] * (0.6 + rng.random((4, 72, 60)))
    return np.where(water, lowest + 3 * rng.random((4, 72, 60)), land)


def around(values: Any, row: int, column: int) -> Any:
    """Return the present values near a pixel of (H,W)."""
    near = values[
        max(row - RADIUS, 0) : row + RADIUS + 1, max(column - RADIUS, 0) : column + RADIUS + 1
    ]
    return near[~np.isnan(near)]


@given(lr=HOLED, data=st.data(), margin=st.sampled_from([0.0, 0.25, 0.5, 2.0]))
@settings(max_examples=60, deadline=None)
def test_every_pixel_keeps_to_what_is_around_it(lr: Any, data: Any, margin: float) -> None:
    answer = data.draw(hnp.arrays("float32", (2, 12, 14), elements=VALUES.map(lambda v: 25 * v)))
    bound = Bound.around(torch.from_numpy(lr), margin=margin, floor=ZERO)
    held = bound.clamp(torch.from_numpy(answer), 2).numpy()
    for band, row, column in np.ndindex(lr.shape):
        near = around(lr[band], row, column)
        cell = np.s_[band, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
        if not near.size:
            assert np.array_equal(held[cell], answer[cell])
            continue
        slack = margin * np.ptp(near)
        low, high = near.min() - slack, near.max() + slack
        low = max(low, 0) if near.min() >= 0 else low
        assert np.allclose(held[cell], answer[cell].clip(low, high), atol=1e-5)


@given(lr=HOLED, gain=st.sampled_from([0.25, 2.0, 64.0]), offset=st.integers(8, 300))
@settings(max_examples=40, deadline=None)
def test_a_bound_follows_gain_and_offset(lr: Any, gain: float, offset: int) -> None:
    answer = torch.linspace(-40, 40, 2 * 12 * 14).reshape(2, 12, 14)
    far = ZERO - 1e9

    def held(image: Any, answer: torch.Tensor) -> torch.Tensor:
        return Bound.around(torch.from_numpy(image), margin=0.5, floor=far).clamp(answer, 2)

    once = held(lr, answer) * gain + offset
    other = held((lr * gain + offset).astype(np.float32), answer * gain + offset)
    assert torch.allclose(once, other, atol=1e-3)


@pytest.mark.parametrize("model", ["loupe-x4", "bicubic"])
def test_dark_water_stays_dark_and_no_index_explodes(tmp_path: Path, model: str) -> None:
    values = shore()
    write(tmp_path / "in.tif", values)
    geoloupe.upscale(tmp_path / "in.tif", tmp_path / "out.tif", model=model, scale=4)
    with rasterio.open(tmp_path / "out.tif") as out:
        fine = out.read()
        assert out.tags()["GEOLOUPE_BOUND"] == f"{MARGIN:g}"
    assert fine.min() >= 0
    red, nir = fine[0], fine[3]
    total = red + nir
    index = np.divide(nir - red, total, out=np.zeros_like(total), where=total > 0)
    assert np.abs(index).max() <= 1
    spread = np.ptp(values, axis=(1, 2))
    assert (fine.max(axis=(1, 2)) <= values.max(axis=(1, 2)) + MARGIN * spread).all()


def test_zero_is_the_stored_one_and_not_the_dark_end_of_a_range(tmp_path: Path) -> None:
    """A range that begins below zero, or above it, does not move the bound."""
    values = shore()
    write(tmp_path / "in.tif", values)
    for name, limits in (("below", (-300.0, 1748.0)), ("above", (100.0, 2148.0))):
        target = tmp_path / f"{name}.tif"
        geoloupe.upscale(tmp_path / "in.tif", target, model="bicubic", scale=4, range=limits)
        with rasterio.open(target) as out:
            fine = out.read()
        assert fine.min() >= 0
        assert fine.min() < 0.5  # it is not lifted to the dark end either


def test_zero_is_that_of_reflectance_where_numbers_have_an_offset(tmp_path: Path) -> None:
    """As in Sentinel-2 since baseline 04.00, where 1000 is no light."""
    values = (shore() + 1000).astype(np.uint16)
    write(tmp_path / "in.tif", values)
    with rasterio.open(tmp_path / "in.tif", "r+") as out:
        out.scales, out.offsets = (1e-4,) * 4, (-0.1,) * 4
    geoloupe.upscale(tmp_path / "in.tif", tmp_path / "out.tif", model="loupe-x4")
    with rasterio.open(tmp_path / "out.tif") as out:
        assert out.read().min() >= 1000
    geoloupe.upscale(tmp_path / "in.tif", tmp_path / "free.tif", model="loupe-x4", bound=False)
    with rasterio.open(tmp_path / "free.tif") as out:
        assert out.read().min() < 1000


def test_what_is_negative_may_stay_so() -> None:
    values = shore(lowest=-30)
    image = Image.of(
        values.astype(np.float32), radiometry=Radiometry(dtype="float32", high=(2048.0,))
    )
    sr = Predictor.of(load("loupe-x4"), bound=True).super_resolve(image)
    assert sr.values.min() < -10


def test_holes_count_for_nothing() -> None:
    values = shore().astype(np.float32)[:1]
    values[:, 20:44, 20:44] = np.nan
    image = Image.of(values, radiometry=Radiometry(dtype="float32", high=(2048.0,)))
    sr = Predictor.of(load("bicubic", scale=2), bound=0.0).super_resolve(image)
    assert np.array_equal(np.isnan(sr.values), np.isnan(values).repeat(2, 1).repeat(2, 2))
    assert np.nanmin(sr.values) >= np.nanmin(values)
    assert np.nanmax(sr.values) <= np.nanmax(values)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (3, 2)])
def test_images_smaller_than_the_network_asks_for_are_held_too(size: tuple[int, int]) -> None:
    values = np.random.default_rng(1).random((3, *size)).astype(np.float32)
    sr = Predictor.of(load("hsenet-x4"), bound=0.0).predict(Image.of(values, radiometry=UNIT))
    assert sr.values.shape == (3, 4 * size[0], 4 * size[1])
    assert sr.values.min() >= values.min()
    assert sr.values.max() <= values.max()


@pytest.mark.parametrize("model", ["loupe-x2", "bicubic"])
def test_tiles_of_a_local_network_give_the_whole_image(tmp_path: Path, model: str) -> None:
    values = np.random.default_rng(0).random((3, 90, 101), dtype=np.float32)
    write(tmp_path / "in.tif", values)
    found = []
    for name, tile in (("whole", 256), ("tiled", 48)):
        target = tmp_path / f"{name}.tif"
        made = geoloupe.upscale(
            tmp_path / "in.tif", target, model=model, scale=2, tile=tile, bound=0
        )
        assert (made.plan.count > 1) == (name == "tiled")
        with rasterio.open(target) as out:
            found.append(out.read())
    assert np.abs(found[0] - found[1]).max() < 1e-5


@pytest.mark.parametrize("name", [n for n in catalog.names("network") if n != "nearest"])
def test_every_tile_throws_away_what_its_edge_cannot_bound(name: str) -> None:
    chosen: Any = network_class(name)
    for scale in chosen.REFERENCE.scales:
        with torch.device("meta"):
            signature = chosen(replace(chosen.Settings.tiny(), scale=scale)).signature
        assert signature.margin >= RADIUS


def test_what_is_scored_is_what_ships() -> None:
    """A card says how its model was scored; a published row is scored as it was published."""
    plain = load("bicubic", scale=2)
    assert Predictor.of(plain).bound is None
    carded = Model(plain.network, Card(name="x", network="bicubic", settings={}, bound=0.25))
    assert Predictor.of(carded).bound == 0.25
    asked = (None, True, False, 0)
    assert [margin_of(plain, each) for each in asked] == [None, MARGIN, None, 0]
    assert [margin_of(carded, each) for each in asked] == [0.25, 0.25, None, 0]
    guided = Model(build("mulsr"), Card(name="y", network="mulsr", settings={}))
    assert margin_of(guided, True) == GUIDED_MARGIN


def test_scenes_are_bounded_unless_told(tmp_path: Path) -> None:
    write(tmp_path / "in.tif", shore())
    options: dict[str, Any] = {"model": "bicubic", "scale": 4}
    for name, bound, tag in (("a", True, f"{MARGIN:g}"), ("b", False, "none"), ("c", 1, "1")):
        target = tmp_path / f"{name}.tif"
        geoloupe.upscale(tmp_path / "in.tif", target, bound=bound, **options)
        with rasterio.open(target) as out:
            assert out.tags()["GEOLOUPE_BOUND"] == tag
            assert (out.read().min() < 0) == (bound is False)
    with pytest.raises(InputError, match="bound must be"):
        geoloupe.upscale(tmp_path / "in.tif", tmp_path / "d.tif", bound=-1, **options)


def test_all_eight_views_are_held() -> None:
    values = shore().astype(np.float32)
    image = Image.of(values, radiometry=Radiometry(dtype="float32", high=(2048.0,)))
    model = load("loupe-x4")
    sr = Predictor.of(model, ensemble=True, bound=True).super_resolve(image)
    assert sr.values.min() >= 0
    held, free = (Predictor.of(model, bound=b).disagreement(image) for b in (0.0, False))
    assert held.shape == (4 * 72, 4 * 60)
    assert held.mean() < free.mean()
