"""Clouds are missing in a product where the scene's own layer says so, and nowhere else."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

import geoloupe
from geoloupe.errors import InputError
from geoloupe.imagery.grid import Window
from geoloupe.rasters.opening import open_source
from tests.datasets.small import picture
from tests.program import program
from tests.rasters.test_landsat import product as landsat
from tests.rasters.test_sentinel2 import product as sentinel2

VEGETATION, CLEAR = 4, 1 << 6  # of SCL, of QA_PIXEL


def classes() -> Any:
    """Classify 30 x 30 pixels of 20 m: one of each kind in the first row, else vegetation."""
    values = np.full((30, 30), VEGETATION)
    values[0, :12] = np.arange(12)
    return values


def bits() -> Any:
    """Mark 24 x 24 pixels: one bit set in each of the first eight, else clear ground."""
    values = np.full((24, 24), CLEAR)
    values[0, :8] = 1 << np.arange(8)
    return values


def test_each_class_of_sentinel_2_is_clear_or_not(tmp_path: Path) -> None:
    with open_source(sentinel2(tmp_path, classes=classes()), mask="clouds") as source:
        image = source.read()
        inside = source.within(Window(top=2, left=3, height=5, width=17)).read()
    gone = ~image.valid
    assert set(np.flatnonzero(gone[0, ::2])) == {0, 1, 3, 8, 9, 10}
    assert (gone[:2] == gone[0]).all()  # a pixel of 20 m is four of 10 m
    assert not gone[2:].any()
    assert (image.values[:, gone] == 0).all()
    assert (inside.valid == image.valid[2:7, 3:20]).all()


def test_a_coarser_pixel_is_gone_if_any_under_it_is(tmp_path: Path) -> None:
    values = np.full((30, 30), VEGETATION)
    values[4, 8] = 9
    with open_source(f"{sentinel2(tmp_path, classes=values)}:60m", mask="clouds") as source:
        gone = ~source.read().valid
    assert np.argwhere(gone).tolist() == [[1, 2]]


def test_each_bit_of_landsat_is_clear_or_not(tmp_path: Path) -> None:
    radsat = np.zeros((24, 24))
    radsat[1, :12] = 1 << np.arange(12)
    folder = landsat(tmp_path, "L2SP", layers={"QA_PIXEL": bits(), "QA_RADSAT": radsat})
    with open_source(folder, mask="clouds") as source:
        gone = ~source.read().valid
    assert set(np.flatnonzero(gone[0])) == {0, 1, 2, 3, 4}
    assert set(np.flatnonzero(gone[1])) == {0, 1, 2, 3, 4, 5, 6}  # of the bands of reflectance
    assert not gone[2:].any()


def test_the_product_and_the_report_say_how_much(tmp_path: Path) -> None:
    marks = np.full((24, 24), CLEAR)
    marks[:6] = 1 << 3
    marks[23] = 1  # fill: holds nothing, clouds or not
    folder = landsat(tmp_path, "L2SP", layers={"QA_PIXEL": marks})
    done = program(
        *("upscale", folder, "-o", tmp_path / "o.tif", "--mask", "clouds", "--json"),
        *("--model", "nearest", "--set", "scale=2"),
    )
    assert done.returncode == 0, done.stderr
    share = f"{100 * 6 / 23:.1f} % of the pixels with data, by QA_PIXEL"
    assert json.loads(done.stdout)["masked"] == share
    with rasterio.open(tmp_path / "o.tif") as out:
        assert out.tags()["GEOLOUPE_MASKED"] == share
        gone = out.read(1) == 0
    assert (gone == np.isin(np.arange(48) // 2, (*range(6), 23))[:, None]).all()
    said = program(
        *("upscale", folder, "-o", tmp_path / "p.tif", "--mask", "clouds"),
        *("--model", "nearest", "--set", "scale=2"),
    )
    assert f"masked: {share}" in said.stdout


def test_of_a_part_only_its_own_clouds_count(tmp_path: Path) -> None:
    marks = np.full((24, 24), CLEAR)
    marks[:12] = 1 << 3
    folder = landsat(tmp_path, "L2SP", layers={"QA_PIXEL": marks})
    options: dict[str, Any] = {"mask": "clouds", "area": "0,6,24,18@pixels"}
    with open_source(folder, **options) as source:
        assert source.facts.tags["GEOLOUPE_MASKED"].startswith("50.0 %")
        assert (source.read().valid == (np.arange(12) >= 6)[:, None]).all()


def test_clouds_are_gone_before_anything_is_enlarged(tmp_path: Path) -> None:
    values = np.full((30, 30), VEGETATION)
    values[10:20, 10:20] = 9
    safe = sentinel2(tmp_path, classes=values)
    made = geoloupe.upscale(safe, tmp_path / "o.tif", mask="clouds", scale=2, model="bicubic")
    with rasterio.open(made.path) as out:
        gone = out.read(1) == 0
    expected = np.kron(values == 9, np.ones((4, 4), bool))
    assert (gone == expected).all()


def test_sharpened_products_leave_them_out_too(tmp_path: Path) -> None:
    values = np.full((30, 30), VEGETATION)
    values[12:18, 12:18] = 9
    safe = sentinel2(tmp_path, classes=values)
    made = geoloupe.sharpen(
        f"{safe}:20m", tmp_path / "o.tif", mask="clouds", model="bicubic", anyway=True
    )
    with rasterio.open(made.path) as out:
        gone = (out.read() == 0).all(axis=0)
        assert out.tags()["GEOLOUPE_MASKED"].startswith("4.0 %")
    assert (gone == np.kron(values == 9, np.ones((2, 2), bool))).all()


def test_landsat_is_sharpened_without_clouds(tmp_path: Path) -> None:
    marks = np.full((24, 24), CLEAR)
    marks[8:12, 8:12] = 1 << 3
    folder = landsat(tmp_path, "L1TP", layers={"QA_PIXEL": marks})
    made = geoloupe.sharpen(folder, tmp_path / "o.tif", mask="clouds", model="brovey", anyway=True)
    with rasterio.open(made.path) as out:
        gone = (out.read() == 0).all(axis=0)
    # The fine pixels begin half of one inside: nine of them touch four coarse ones.
    assert gone[15:24, 15:24].all()
    assert gone.sum() == 81


@pytest.mark.parametrize("kind", ["level 1C", "without SCL", "collection 1", "tiff", "wrong word"])
def test_where_no_layer_tells_clouds_that_is_said(tmp_path: Path, kind: str) -> None:
    word = "clouds"
    if kind == "level 1C":
        scene = sentinel2(tmp_path, "1C")
    elif kind == "without SCL":
        scene = sentinel2(tmp_path)
    elif kind == "collection 1":
        scene = landsat(tmp_path, "L1TP")
    else:
        scene = picture(tmp_path / "a.tif", np.ones((1, 32, 32), np.uint8))
        word = "clouds" if kind == "tiff" else "fog"
    message = "brings no layer of clouds" if word == "clouds" else "mask: Input should be 'clouds'"
    with pytest.raises(InputError, match=message):
        geoloupe.upscale(scene, tmp_path / "o.tif", model="bicubic", scale=2, mask=word)  # type: ignore[arg-type]
    assert not (tmp_path / "o.tif").exists()


def test_a_layer_that_lies_elsewhere_is_refused(tmp_path: Path) -> None:
    folder = landsat(tmp_path, "L2SP", layers={"QA_PIXEL": bits()})
    (layer,) = folder.glob("*QA_PIXEL.TIF")
    with rasterio.open(layer, "r+") as out:
        out.crs = "EPSG:32611"
    with pytest.raises(InputError, match="its layer QA_PIXEL lies otherwise than its bands"):
        open_source(folder, mask="clouds")
