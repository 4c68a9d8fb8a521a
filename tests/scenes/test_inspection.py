"""A product is believed when it should be, and each fault is found and named."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from scipy import fft
from tools.drawing.scene import sample_pair

import geoloupe
from geoloupe.errors import InputError
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import Radiometry
from geoloupe.models.predictor import Predictor
from geoloupe.models.tuned import TunedModel
from geoloupe.networks.signature import UNKNOWN_MTF
from geoloupe.rasters.opening import open_source
from geoloupe.rasters.product import write_image
from geoloupe.scenes import seams
from geoloupe.scenes.inspection import inspect
from geoloupe.scenes.plan import spans
from tests.program import program

SCALE = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drawn scene, the truth, and a tiled product."""
    place = tmp_path_factory.mktemp("scene")
    scene, truth = sample_pair(192)
    write_image(place / "scene.tif", scene)
    write_image(place / "truth.tif", truth)
    geoloupe.upscale(place / "scene.tif", place / "out.tif", model="bicubic", tile=80)
    return place


def test_interpolation_agrees_with_its_input(folder: Path) -> None:
    found = inspect(folder / "out.tif", folder / "scene.tif")
    assert "agrees with its input" in found.verdict
    values = {row.name: row.value for row in found.findings}
    assert values["synthesis"] < 0.01
    assert values["seams"] <= 0.001
    assert values["texture"] == 0
    assert {"NDVI drift", "NDWI drift"} <= set(values)
    assert "hallucination" not in values


def test_the_truth_tells_what_is_right_missing_and_invented(folder: Path) -> None:
    found = inspect(folder / "out.tif", folder / "scene.tif", folder / "truth.tif")
    values = {row.name: row.value for row in found.findings}
    shares = [values[name] for name in ("improvement", "omission", "hallucination")]
    assert sum(shares) == pytest.approx(1, abs=1e-6)
    assert values["omission"] > values["hallucination"]  # interpolation leaves out, invents little
    assert set(found.shown) == {"input", "product", "truth"}
    assert found.doubt is not None


def brighter(values: np.ndarray) -> np.ndarray:
    return np.where(values > 0, values * 1.2, 0)


def shifted(values: np.ndarray) -> np.ndarray:
    return np.roll(values, 2, axis=2)


def recoloured(values: np.ndarray) -> np.ndarray:
    return np.stack([values[0] * 0.7, values[1], values[2] * 1.3, values[3] * 0.8])


@pytest.mark.parametrize(
    ("spoil", "names"),
    [
        (brighter, {"reflectance"}),
        (shifted, {"spatial"}),
        (recoloured, {"spectral"}),
    ],
)
def test_each_fault_is_named(
    folder: Path, tmp_path: Path, spoil: Callable[[np.ndarray], np.ndarray], names: set[str]
) -> None:
    with rasterio.open(folder / "out.tif") as out:
        values, profile, tags = out.read(), out.profile, out.tags()
    profile = {k: v for k, v in profile.items() if k not in ("driver", "compress", "interleave")}
    with rasterio.open(tmp_path / "bad.tif", "w", driver="GTiff", **profile) as bad:
        bad.write(np.clip(spoil(values), 0, 65535).astype(values.dtype))
        bad.update_tags(**tags)
    found = inspect(tmp_path / "bad.tif", folder / "scene.tif")
    assert names <= {row.name for row in found.findings if not row.good}
    assert "Check it before use" in found.verdict


def test_strokes_that_the_input_does_not_bear_out_are_found(folder: Path, tmp_path: Path) -> None:
    with rasterio.open(folder / "out.tif") as out:
        values, profile, tags = out.read(), out.profile, out.tags()
    sides = values.shape[1:]
    noise = fft.dctn(np.random.default_rng(0).normal(0, 1, sides))
    frequency = np.hypot(*np.ix_(*(np.arange(side) * SCALE / (2 * side) for side in sides)))
    strokes = fft.idctn(noise * ((frequency > 0.5) & (frequency < 1)))
    drawn = np.where(values > 0, values + 200 * strokes / strokes.std(), 0).clip(0, 65535)
    drawn = np.where(values > 0, drawn.clip(1), 0)
    profile = {k: v for k, v in profile.items() if k not in ("driver", "compress", "interleave")}
    with rasterio.open(tmp_path / "bad.tif", "w", driver="GTiff", **profile) as bad:
        bad.write(drawn.astype(values.dtype))
        bad.update_tags(**tags)
    found = inspect(tmp_path / "bad.tif", folder / "scene.tif")
    bad = {row.name for row in found.findings if not row.good}
    assert "texture" in bad
    assert not bad & {"reflectance", "spatial", "seams", "clipped"}
    assert "texture is " in found.verdict


def test_a_factor_of_two_leaves_no_room_to_tell_strokes(folder: Path, tmp_path: Path) -> None:
    geoloupe.upscale(folder / "scene.tif", tmp_path / "out.tif", model="bicubic", scale=2)
    found = inspect(tmp_path / "out.tif", folder / "scene.tif")
    assert "texture" not in {row.name for row in found.findings}
    assert "invented texture" not in found.verdict
    done = program("inspect", tmp_path / "out.tif", "--lr", folder / "scene.tif")
    assert "Invented texture is not measured below a factor of 3" in done.stdout


@pytest.mark.parametrize("dtype", ["float32", "uint8", "int16"])
def test_a_product_of_another_type_means_the_same(folder: Path, tmp_path: Path, dtype: str) -> None:
    product = tmp_path / "out.tif"
    geoloupe.upscale(folder / "scene.tif", product, model="bicubic", dtype=dtype)
    found = inspect(product, folder / "scene.tif")
    assert "agrees with its input" in found.verdict


@pytest.mark.parametrize(("kind", "limit"), [("jpg", 0.023), ("png", 0.01)])
def test_artefacts_of_jpeg_may_be_left_out(tmp_path: Path, kind: str, limit: float) -> None:
    values = np.random.default_rng(0).integers(60, 190, (3, 64, 64), np.uint8)
    image = Image.of(values, radiometry=Radiometry(dtype="uint8", high=(255.0,)))
    write_image(tmp_path / f"scene.{kind}", image)
    geoloupe.upscale(
        tmp_path / f"scene.{kind}", tmp_path / "finer.tif", model="bicubic", scale=2, range=(0, 255)
    )
    found = inspect(tmp_path / "finer.tif", tmp_path / f"scene.{kind}").findings
    (reflectance,) = (one for one in found if one.name == "reflectance")
    assert reflectance.limit == limit


def test_a_visible_seam_is_found(folder: Path, tmp_path: Path) -> None:
    with rasterio.open(folder / "out.tif") as out:
        values, profile, tags = out.read(), out.profile, out.tags()
    plan = geoloupe.upscale(
        folder / "scene.tif", tmp_path / "again.tif", model="bicubic", tile=80
    ).plan
    for number, column in enumerate(plan.columns):  # every second column of tiles is brighter
        part = slice((column.enter + column.full) * SCALE // 2, None)
        values[:, :, part] = values[:, :, part] * (1.15 if number % 2 else 1 / 1.15)
    profile = {k: v for k, v in profile.items() if k not in ("driver", "compress", "interleave")}
    with rasterio.open(tmp_path / "bad.tif", "w", driver="GTiff", **profile) as bad:
        bad.write(values)
        bad.update_tags(**tags)
    found = inspect(tmp_path / "bad.tif", folder / "scene.tif")
    seams = next(row for row in found.findings if row.name == "seams")
    assert not seams.good


def test_the_program_writes_a_page_and_its_numbers(folder: Path, tmp_path: Path) -> None:
    words = ["inspect", str(folder / "out.tif"), "--lr", str(folder / "scene.tif")]
    done = program(*words, "-o", tmp_path / "page", "--json")
    told = json.loads(done.stdout)
    with (tmp_path / "page" / "inspection.csv").open() as file:
        rows = {row["measure"]: float(row["value"]) for row in csv.DictReader(file)}
    assert rows == pytest.approx(told["numbers"], rel=1e-5)
    assert told["verdict"] in (tmp_path / "page" / "inspection.html").read_text()


def test_what_does_not_belong_together_is_said(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no multiple of"):
        inspect(folder / "scene.tif", folder / "out.tif")
    part = tmp_path / "part.tif"
    write_image(part, sample_pair(192)[1].select([0, 1]))
    with pytest.raises(InputError, match="blue"):
        inspect(folder / "out.tif", folder / "scene.tif", part)


def test_a_model_that_a_person_names_must_be_there(folder: Path) -> None:
    with pytest.raises(InputError, match="loupe-x5"):
        inspect(folder / "out.tif", folder / "scene.tif", model="loupe-x5")


def test_a_sliver_of_data_in_one_window_does_not_end_it(tmp_path: Path) -> None:
    scene, _ = sample_pair(384)
    values = scene.values.copy()
    values[:, :256, 256:] = 0
    values[:, :3, -3:] = scene.values[:, :3, -3:].clip(1)
    sliver = Image.of(values, radiometry=replace(scene.radiometry, nodata=0), grid=scene.grid)
    write_image(tmp_path / "scene.tif", sliver)
    geoloupe.upscale(tmp_path / "scene.tif", tmp_path / "out.tif", model="bicubic", scale=2)
    assert inspect(tmp_path / "out.tif", tmp_path / "scene.tif").windows == 7


@given(
    length=st.integers(1, 4000),
    tile=st.integers(3, 64),
    margin=st.integers(0, 12),
    fit=st.booleans(),
)
def test_seams_are_found_without_listing_all_tiles(
    length: int, tile: int, margin: int, fit: bool
) -> None:
    if tile <= 2 * margin:
        return
    found = list(seams._seams(seams.Cut(length=length), length, tile, margin, fit=fit))
    listed = [
        seams._Seam(begin=before.full, enter=after.enter, full=after.full, end=after.leave)
        for before, after in pairwise(spans(length, tile=tile, margin=margin, fit=fit))
    ]
    assert len(found) == min(len(listed), len(found)) <= 8
    assert set(found) <= set(listed)
    assert bool(found) == bool(listed)
    endless = list(seams._seams(seams.Cut(length=10**15), 10**15, tile, margin, fit=fit))
    assert len(endless) == 8


def test_a_product_whose_tags_are_nonsense_shows_no_seams(folder: Path) -> None:
    for tile, margin in ((0, 0), (8, 4), (-9, -9), (10, -1)):
        tags = {"GEOLOUPE_TILE": str(tile), "GEOLOUPE_MARGIN": str(margin)}
        with open_source(folder / "out.tif") as product, open_source(folder / "scene.tif") as lr:
            assert seams.seam_steps(product, lr, tags, SCALE) is None


def test_views_are_compared_as_the_product_was_made(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    predictor = TunedModel.predictor

    def watch(self: TunedModel, image: Image, mtf: tuple[float, ...] | None) -> Predictor:
        seen.append((self.consistent, mtf))
        return predictor(self, image, mtf)

    monkeypatch.setattr(TunedModel, "predictor", watch)
    for name, options in (("as told", {"mtf": 0.3}), ("as guessed", {})):
        seen.clear()
        out = tmp_path / f"{name}.tif"
        geoloupe.upscale(folder / "scene.tif", out, model="loupe-x2", bands="red,nir", **options)
        inspect(out, folder / "scene.tif")
        assert set(seen) == {(name == "as told", (options.get("mtf", UNKNOWN_MTF),) * 2)}
    with rasterio.open(out, "r+", IGNORE_COG_LAYOUT_BREAK="YES") as product:
        product.update_tags(GEOLOUPE_MTF="nan, 0.3, all")
    seen.clear()
    inspect(out, folder / "scene.tif")
    assert set(seen) == {(False, None)}
