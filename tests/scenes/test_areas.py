"""A part of a scene is made as the whole is, where it lies."""

import json
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine
from rasterio.windows import from_bounds

import geoloupe
from geoloupe.errors import InputError
from tests.datasets.small import PLACE, picture
from tests.program import program
from tests.scenes.pairs import MTF, pair

BOX = (500_300.0, 3_999_000.0, 500_900.0, 3_999_500.0)
AREA = ",".join(f"{side:.0f}" for side in BOX)


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    rows, columns = np.mgrid[0:160, 0:200]
    values = np.stack([(rows * (3 + n) + columns * 7) % 900 + 100 for n in range(3)])
    return picture(tmp_path / "scene.tif", values.astype(np.uint16))


def cut(path: Path, bounds: tuple[float, ...]) -> Any:
    with rasterio.open(path) as product:
        return product.read(window=from_bounds(*bounds, product.transform).round())


@pytest.mark.parametrize("model", ["bicubic", "loupe-x4"])
def test_the_area_is_what_the_whole_has_there(scene: Path, model: str) -> None:
    whole, part = scene.with_name("whole.tif"), scene.with_name("part.tif")
    options: Any = {"model": model, "scale": 4, "precision": "fp32"}
    geoloupe.upscale(scene, whole, **options)
    result = geoloupe.upscale(scene, part, area=AREA, **options)
    with rasterio.open(part) as made:
        assert made.bounds == BOX
        assert made.shape == (200, 240)
        values = made.read()
    assert (result.grid.height, result.grid.width) == (200, 240)
    inside = np.s_[:, 80:-80, 80:-80]  # what lies beyond is not seen at the border
    theirs = cut(whole, BOX)
    assert np.array_equal(values[inside], theirs[inside])
    assert np.abs(values.astype(int) - theirs).mean() < 20


def test_another_area_is_another_job(scene: Path) -> None:
    made = scene.with_name("made.tif")
    geoloupe.upscale(scene, made, model="bicubic", scale=2, area=AREA)
    with rasterio.open(made) as product:
        assert product.transform.c == BOX[0]
    other = "500000,3999500,500200,4000000"
    geoloupe.upscale(scene, made, model="bicubic", scale=2, area=other, overwrite=True)
    with rasterio.open(made) as product:
        assert product.transform.c == 500_000
        assert product.shape == (100, 40)


def test_a_sharpened_area_lies_on_the_guide(tmp_path: Path) -> None:
    ms, guide, _ = pair(tmp_path)
    with rasterio.open(guide) as fine:
        left, bottom, right, top = fine.bounds
    box = (left + (right - left) / 4, bottom, right, top - (top - bottom) / 4)
    area = ",".join(map(str, box))
    known: Any = {"guide": guide, "mtf": MTF, "shift": (0.0, 0.0), "model": "glp"}
    geoloupe.sharpen(ms, tmp_path / "whole.tif", **known)
    geoloupe.sharpen(ms, tmp_path / "part.tif", area=area, **known)
    with rasterio.open(tmp_path / "part.tif") as made:
        assert made.transform.a == PLACE.a or made.transform.a > 0
        values, bounds = made.read(), made.bounds
    theirs = cut(tmp_path / "whole.tif", bounds)
    inside = np.s_[:, 40:-40, 40:-40]
    assert values.shape == theirs.shape
    assert np.abs(values[inside].astype(int) - theirs[inside]).max() <= 1


def test_the_program_takes_one_and_refuses_one_outside(scene: Path, tmp_path: Path) -> None:
    made = program("upscale", scene, "-o", tmp_path / "a.tif", "--area", AREA, "--model", "bicubic")
    assert made.returncode == 0
    wrong = program("upscale", scene, "-o", tmp_path / "b.tif", "--area", "0,0,1,1")
    assert wrong.returncode == 2
    assert "lies outside it" in wrong.stderr
    assert not (tmp_path / "b.tif").exists()


def test_an_area_with_pixels_alone_needs_a_scene_without_place(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 255, (3, 40, 50)).astype(np.uint8)
    from PIL import Image

    Image.fromarray(values.transpose(1, 2, 0)).save(tmp_path / "a.png")
    geoloupe.upscale(
        tmp_path / "a.png", tmp_path / "b.png", model="bicubic", scale=2, area="10,5,30,25"
    )
    with Image.open(tmp_path / "b.png") as made:
        assert made.size == (40, 40)
    with pytest.raises(InputError, match="has no georeference"):
        geoloupe.upscale(tmp_path / "a.png", tmp_path / "c.png", area="1,1,2,2@EPSG:4326")


def test_pictures_and_coarser_scenes_are_cut_alike(scene: Path, tmp_path: Path) -> None:
    coarse = tmp_path / "coarse.tif"
    made = program("degrade", scene, "-o", coarse, "--scale", "2", "--area", AREA)
    assert made.returncode == 0
    with rasterio.open(coarse) as product:
        assert product.bounds == BOX
        assert product.shape == (25, 30)
    seen = program("picture", scene, "-o", tmp_path / "a.png", "--area", AREA)
    assert "60 x 50 pixels" in seen.stdout


def test_a_product_says_which_pixels_it_is_made_of(scene: Path) -> None:
    part, again, finer = (scene.with_name(f"{name}.tif") for name in ("part", "again", "finer"))
    geoloupe.upscale(scene, part, model="bicubic", scale=2, area=AREA)
    with rasterio.open(part) as made:
        area = made.tags()["GEOLOUPE_AREA"]
        values = made.read()
    assert area == "30,50,90,100@pixels"
    geoloupe.upscale(scene, again, model="bicubic", scale=2, area=area)
    with rasterio.open(again) as made:
        assert np.array_equal(made.read(), values)
        assert made.bounds == BOX
    # What is made of the whole of a part is made of no part.
    geoloupe.upscale(part, finer, model="bicubic", scale=2)
    with rasterio.open(finer) as made:
        assert "GEOLOUPE_AREA" not in made.tags()


def test_a_changed_geojson_is_another_job(scene: Path) -> None:
    from geoloupe.scenes.upscale_order import UpscaleSettings, set_up

    box = scene.with_name("box.geojson")
    digests = []
    for left in (0, 1):  # areas of one size
        ring = [[left, 0], [left + 40, 0], [left + 40, 60], [left, 60], [left, 0]]
        box.write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}))
        plain = scene.with_name("plain.tif")
        with rasterio.open(scene) as from_file:
            profile = from_file.profile | {
                "crs": "EPSG:4326",
                "transform": Affine(1, 0, 0, 0, -1, 60),
            }
            with rasterio.open(plain, "w", **profile) as out:
                out.write(from_file.read())
        os.utime(plain, (0, 0))
        with ExitStack() as stack:
            chosen = UpscaleSettings(area=str(box), scale=2)
            order = set_up(
                stack, plain, scene.with_name("a.tif"), "bicubic", chosen, overwrite=True
            )
            digests.append(order.identity.digest)
    assert digests[0] != digests[1]


def test_a_product_of_a_part_is_inspected_against_that_part(scene: Path) -> None:
    whole, part = scene.with_name("whole.tif"), scene.with_name("part.tif")
    geoloupe.upscale(scene, whole, model="bicubic", scale=4)
    geoloupe.upscale(scene, part, model="bicubic", scale=4, area=AREA)
    one = geoloupe.inspect(part, scene)
    shown = one.shown["input"]
    assert (shown.grid.height, shown.grid.width) == (200, 240)
    assert {f.name: f.value for f in one.findings}["reflectance"] < 0.001
    # The same pixels of the whole product, which differ at the border only.
    other = geoloupe.inspect(whole, scene, area=AREA)
    assert np.array_equal(other.shown["input"].values, shown.values)
    inside = np.s_[:, 8:-8, 8:-8]
    assert np.array_equal(
        other.shown["product"].values[inside], one.shown["product"].values[inside]
    )
    assert {f.name for f in other.findings} >= {"reflectance", "spatial", "nodata"}


def test_a_part_without_a_tag_is_found_by_its_place(scene: Path, tmp_path: Path) -> None:
    part, bare = tmp_path / "part.tif", tmp_path / "bare.tif"
    geoloupe.upscale(scene, part, model="bicubic", scale=4, area=AREA)
    with rasterio.open(part) as made, rasterio.open(bare, "w", **made.profile) as out:
        out.write(made.read())
    found = geoloupe.inspect(bare, scene)
    assert found.shown["input"].grid.bounds == BOX


def test_the_program_inspects_an_area(scene: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole.tif"
    geoloupe.upscale(scene, whole, model="bicubic", scale=2)
    done = program("inspect", whole, "--lr", scene, "--area", AREA, "--json")
    assert done.returncode == 0, done.stderr
    wrong = program("inspect", whole, "--lr", scene, "--area", "0,0,1,1")
    assert wrong.returncode == 2
    assert "lies outside it" in wrong.stderr
