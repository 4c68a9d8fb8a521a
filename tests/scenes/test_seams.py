"""A seam is told where there is one, and a natural edge along a border of tiles is none."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
from benchmarks.trust import contrast, held, with_steps
from scipy import ndimage
from tools.drawing.scene import sample_pair

from geoloupe.models.model import load
from geoloupe.models.predictor import Predictor
from geoloupe.rasters.opening import open_source
from geoloupe.scenes.inspection import LIMITS
from geoloupe.scenes.plan import Span, spans
from geoloupe.scenes.seams import seam_steps
from tests.real_data import DATA

SCALE = 4
LIMIT = LIMITS["seams"]


def told(lr: Any, sr: Any, tile: int, margin: int, *, scale: int = SCALE) -> float:
    tags = {"GEOLOUPE_TILE": str(tile), "GEOLOUPE_MARGIN": str(margin), "GEOLOUPE_REACH": "local"}
    found = seam_steps(held(sr), held(lr), tags, scale)
    assert found is not None
    return found


def parts(length: int, tile: int, margin: int) -> tuple[Span, ...]:
    return spans(length, tile=tile, margin=margin, fit=True)


def stepped(sr: Any, size: float, tile: int, margin: int, *, hard: bool) -> Any:
    both = [parts(side // SCALE, tile, margin) for side in sr.shape[1:]]
    return with_steps(sr, size, both, hard=hard)


@cache
def scenes() -> tuple[tuple[Any, Any], ...]:
    """Drawn scenes, each enlarged at once: by interpolation and by a network that adds much."""
    models = [Predictor.of(load("bicubic", scale=SCALE)), Predictor.of(load("loupe-x4"))]
    found = []
    for seed, model in enumerate(models):
        scene = sample_pair(160, seed=seed)[0]
        found.append((scene.in_unit().values, model.super_resolve(scene).in_unit().values))
    return tuple(found)


def grids(count: int, seed: int) -> Iterator[tuple[Any, Any, int, int]]:
    """Lay false grids of tiles over the scenes: another part, another tile, another margin."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        lr, sr = scenes()[number % 2]
        top, left = (int(start) for start in rng.integers(0, 30, 2))
        margin = int(rng.choice([0, 4, 15]))
        tile = int(rng.integers(max(48, 4 * margin), 120))
        yield lr[:, top:, left:], sr[:, top * SCALE :, left * SCALE :], tile, margin


@pytest.mark.parametrize("count", [6, pytest.param(200, marks=pytest.mark.slow)])
def test_grids_that_cut_nothing_are_not_seen(count: int) -> None:
    found = [told(*grid) for grid in grids(count, seed=1)]
    assert np.mean(np.array(found) > LIMIT) <= 0.03


@pytest.mark.parametrize(("hard", "share"), [(True, 0.95), (False, 0.8)], ids=["hard", "faded"])
@pytest.mark.parametrize("count", [6, pytest.param(60, marks=pytest.mark.slow)])
def test_steps_between_tiles_are_seen(hard: bool, share: float, count: int) -> None:
    found = []
    for lr, sr, tile, margin in grids(count, seed=2):
        size = 0.01 * contrast(lr)
        found.append(told(lr, stepped(sr, size, tile, margin, hard=hard), tile, margin))
    assert np.mean(np.array(found) > LIMIT) >= share


@pytest.mark.parametrize("turned", [False, True], ids=["columns", "rows"])
@pytest.mark.parametrize("width", [1, 2 * SCALE], ids=["line", "band"])
def test_a_line_along_seams_of_one_direction_is_seen(turned: bool, width: int) -> None:
    lr, sr = scenes()[1]
    planted = sr.copy()
    for part in parts(160, 64, 15)[1:]:
        middle = (part.enter + part.full) * SCALE // 2
        planted[:, :, middle : middle + width] += 0.03 * contrast(lr)
    if turned:
        lr, planted = lr.transpose(0, 2, 1), planted.transpose(0, 2, 1)
    assert told(lr, planted, 64, 15) > LIMIT


def test_one_tile_that_differs_is_seen() -> None:
    lr, sr = scenes()[0]
    planted = sr.copy()
    row, column = parts(160, 64, 15)[1], parts(160, 64, 15)[1]
    inside = np.s_[
        :, row.full * SCALE : row.leave * SCALE, column.full * SCALE : column.leave * SCALE
    ]
    planted[inside] += 0.03 * contrast(lr)
    assert told(lr, planted, 64, 15) > LIMIT


def edged(place: int) -> tuple[Any, Any]:
    """Draw soft ground with a sharp border of fields at a column of LR pixels: scene and truth."""
    rng = np.random.default_rng(place)
    truth = 0.4 + 0.3 * ndimage.gaussian_filter(rng.normal(0, 4, (1, 480, 480)), (0, 4, 4))
    truth += 0.004 * rng.normal(0, 1, truth.shape)
    truth[:, :, place * SCALE :] += 0.3
    return truth.reshape(1, 120, SCALE, 120, SCALE).mean(axis=(2, 4)), truth


@pytest.mark.parametrize("beyond", [-6, -4, -2, -1, 0, 1, 2, 4, 6])
@pytest.mark.parametrize("margin", [0, 6])
def test_a_border_of_fields_on_or_beside_a_seam_is_none(beyond: int, margin: int) -> None:
    (seam,) = parts(120, 70, margin)[1:]
    for edge in (seam.enter, seam.full):
        lr, truth = edged(edge + beyond)
        assert told(lr, truth, 70, margin) <= LIMIT
        planted = stepped(truth, 0.03 * contrast(lr), 70, margin, hard=True)
        assert told(lr, planted, 70, margin) > LIMIT


@pytest.mark.parametrize("turned", [False, True], ids=["left", "right"])
def test_a_seam_where_fine_texture_ends_is_none(turned: bool) -> None:
    (seam,) = parts(120, 70, 0)[1:]
    lr, truth = edged(200)  # without any border
    fine = np.random.default_rng(0).normal(0, 0.1, truth.shape)
    fine -= fine.reshape(1, 120, SCALE, 120, SCALE).mean((2, 4)).repeat(SCALE, 1).repeat(SCALE, 2)
    fine[:, :, (seam.enter + 1) * SCALE :] = 0
    if turned:
        fine = fine[:, :, ::-1]
    assert seam.enter == 60
    assert told(lr, truth + fine, 70, 0) <= LIMIT


@pytest.mark.parametrize("scale", [2, 3, 8])
def test_every_factor_is_looked_at(scale: int) -> None:
    rng = np.random.default_rng(0)
    lr = 0.5 + ndimage.gaussian_filter(rng.normal(0, 0.3, (2, 90, 90)), (0, 2, 2))
    sr = ndimage.zoom(lr, (1, scale, scale), order=1, grid_mode=True, mode="nearest")
    assert told(lr, sr, 50, 4, scale=scale) <= LIMIT
    (seam,) = parts(90, 50, 4)[1:]
    sr[:, :, (seam.enter + seam.full) * scale // 2 :] += 0.02 * contrast(lr)
    assert told(lr, sr, 50, 4, scale=scale) > LIMIT


@pytest.mark.parametrize("last", [60, 160], ids=["hole", "strip"])
def test_missing_pixels_neither_hide_a_seam_nor_make_one(last: int) -> None:
    lr, sr = (side.copy() for side in scenes()[0])
    lr[:, 20:last, 70:95] = np.nan
    sr[:, 20 * SCALE : last * SCALE, 70 * SCALE : 95 * SCALE] = np.nan
    assert told(lr, sr, 64, 15) <= LIMIT
    assert told(lr, stepped(sr, 0.02 * contrast(lr), 64, 15, hard=True), 64, 15) > LIMIT


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"GEOLOUPE_TILE": "64"},
        {"GEOLOUPE_TILE": "large", "GEOLOUPE_MARGIN": "15"},
        {"GEOLOUPE_TILE": "160", "GEOLOUPE_MARGIN": "15"},  # one tile
    ],
)
def test_without_tiles_nothing_is_told(tags: dict[str, str]) -> None:
    lr, sr = scenes()[0]
    assert seam_steps(held(sr), held(lr), tags, SCALE) is None


def test_nothing_is_told_where_nothing_is_seen() -> None:
    nothing = np.full((1, 100, 100), np.nan)
    tags = {"GEOLOUPE_TILE": "64", "GEOLOUPE_MARGIN": "4"}
    fine = np.full((1, 400, 400), np.nan)
    assert seam_steps(held(fine), held(nothing), tags, SCALE) is None


@pytest.mark.skipif(not (DATA / "scenes").is_dir(), reason="no real scenes here")
def test_a_plain_landsat_scene_has_no_seams() -> None:
    with open_source(DATA / "scenes" / "landsat7_olinda_6band.tif") as source:
        scene = source.read()
    sr = Predictor.of(load("loupe-x4")).super_resolve(scene).in_unit().values
    assert told(scene.in_unit().values, sr, 256, 15) <= LIMIT
