"""Real scenes and cubes through networks: place, nodata, values, seams and no shift."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch

import geoloupe
from geoloupe.imagery.grid import Window
from geoloupe.imagery.registration import measure_shift
from geoloupe.imagery.resize import imresize
from geoloupe.models.card import Card
from geoloupe.models.model import Model
from geoloupe.networks import build
from geoloupe.rasters.opening import open_source
from tests.datasets.small import picture
from tests.real_data import DATA

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the real scenes are not here")
SCENES = sorted((DATA / "scenes").glob("*.tif")) if DATA.is_dir() else []
CUBES = sorted((DATA / "hyperspectral").glob("*.mat")) if DATA.is_dir() else []


def random_model(network: str, **settings: Any) -> Model:
    """Make a network with weights by chance."""
    torch.manual_seed(0)
    return Model(build(network, **settings), Card(name=network, network=network, settings=settings))


@pytest.mark.parametrize("path", SCENES, ids=lambda path: path.stem)
def test_place_nodata_and_values_are_kept(path: Path, tmp_path: Path) -> None:
    result = geoloupe.upscale(path, tmp_path / "out.tif", model="bicubic", scale=2)
    with rasterio.open(path) as lr, rasterio.open(result.path) as hr:
        assert hr.shape == (2 * lr.height, 2 * lr.width)
        size = max(abs(x) for x in lr.bounds)
        assert np.abs(np.subtract(hr.bounds, lr.bounds)).max() <= 1e-9 * size
        assert (hr.crs, hr.dtypes, hr.nodata) == (lr.crs, lr.dtypes, lr.nodata)
        assert hr.descriptions == lr.descriptions
        assert hr.colorinterp == lr.colorinterp
        valid = lr.dataset_mask() > 0
        assert ((hr.dataset_mask() > 0) == valid.repeat(2, 0).repeat(2, 1)).all()
        # A pixel's mean is nearly kept, and no number wraps around or turns black.
        means = hr.read().reshape(lr.count, lr.height, 2, lr.width, 2).mean(axis=(2, 4))
        before = lr.read().astype(float)
        span = np.ptp(before[:, valid]) or 1
        assert np.abs(means - before)[:, valid].mean() < 0.05 * span


@pytest.mark.parametrize("path", SCENES[:4], ids=lambda path: path.stem)
@pytest.mark.parametrize("network", ["bicubic", "nearest"])
def test_nothing_is_shifted(path: Path, tmp_path: Path, network: str) -> None:
    result = geoloupe.upscale(path, tmp_path / "out.tif", model=network, scale=4)
    with open_source(path) as lr, open_source(result.path) as hr:
        side = min(lr.grid.height, lr.grid.width, 200)
        window = Window(top=0, left=0, height=side, width=side)
        low, high = lr.read(window), hr.read(window.finer(4))
    enlarged = imresize(np.nan_to_num(low.in_unit().values).astype(float), 4)
    shift = measure_shift(
        enlarged, np.nan_to_num(high.in_unit().values), valid=high.valid, detail=4.0, limit=8
    )
    assert shift.confidence > 0.5
    assert shift.length < 0.1


QUICK = ("abu-airport-3", "hydice")


@pytest.mark.parametrize(
    "path",
    [pytest.param(p, marks=() if p.stem in QUICK else pytest.mark.slow) for p in CUBES],
    ids=lambda path: path.stem,
)
def test_cubes_go_through_sspsr(path: Path, tmp_path: Path) -> None:
    with open_source(path) as source:
        bands = len(source.bands)
    model = random_model("sspsr", scale=2, bands=bands, group=32, overlap=8, features=16, blocks=1)
    result = geoloupe.upscale(path, tmp_path / "out.tif", model=model, tile=64)
    values = _read(result.path)
    assert values.shape == (bands, result.grid.height, result.grid.width)
    assert values.std() > 0


def test_seams_do_not_show(tmp_path: Path) -> None:
    """Across tile borders a global network's result changes as it does elsewhere, within 1 %.

    Changes are counted in those of the result without tiles, because scenes differ from place to
    place.
    """
    parts = []
    for path in sorted((DATA / "ucmerced" / "test").rglob("*.webp"))[:400:100]:
        with open_source(path) as source:
            parts.append(source.read().values[:, :100, :100])
    values = np.concatenate([np.concatenate(parts[i : i + 2], axis=2) for i in (0, 2)], axis=1)
    scene = picture(tmp_path / "scene.tif", values)
    model = random_model("hsenet", scale=2, modules=1, features=8)
    tiled = geoloupe.upscale(scene, tmp_path / "tiled.tif", model=model, tile=72)
    whole = geoloupe.upscale(scene, tmp_path / "whole.tif", model=model, tile=200)
    assert whole.plan.count == 1
    changes = [np.abs(np.diff(_read(result.path), axis=2)) for result in (tiled, whole)]
    seam = np.zeros(changes[0].shape[2], bool)
    for span in tiled.plan.columns[1:]:
        seam[span.enter * 2 - 2 : span.full * 2 + 2] = True
    at, away = (
        changes[0][:, :, part].sum() / changes[1][:, :, part].sum() for part in (seam, ~seam)
    )
    assert abs(at / away - 1) < 0.01


def _read(path: Path) -> Any:
    with open_source(path) as source:
        return source.read().values.astype(float)
