"""STAC items beside results: valid, true of the files they describe, and of what made them."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from jsonschema import Draft7Validator

import geoloupe
from geoloupe.errors import InputError, RunError
from geoloupe.models.model import load
from geoloupe.rasters.opening import open_source
from geoloupe.rasters.raster import quiet
from geoloupe.scenes.degrade import degrade
from geoloupe.scenes.inspection import inspect
from geoloupe.storage import publish
from geoloupe.version import __version__
from tests.program import program
from tests.rasters.catalogue import serving
from tests.scenes.pairs import pair
from tests.scenes.test_outputs import scene
from tests.stac_schemas import EXTENSIONS, PRODUCT

OPTIONS: dict[str, Any] = {"scale": 2, "stac": True}


def item_of(path: Path) -> Any:
    """Read an item that is as STAC and its extensions want it."""
    item = json.loads(path.with_suffix(".json").read_text())
    assert [error.message for error in Draft7Validator(PRODUCT).iter_errors(item)] == []
    used = json.dumps([item["properties"], item["assets"]])
    assert set(item["stac_extensions"]) == {
        address for name, address in EXTENSIONS.items() if f'"{name}:' in used
    }
    return item


def test_an_item_says_where_its_file_lies_and_what_it_holds(tmp_path: Path) -> None:
    made = geoloupe.upscale(scene(tmp_path), tmp_path / "out.tif", detail=True, **OPTIONS)
    assert made.beside["stac"] == tmp_path / "out.json"
    item = item_of(made.path)
    with rasterio.open(made.path) as dataset:
        place = item["properties"]
        assert place["proj:shape"] == list(dataset.shape)
        assert place["proj:transform"] == pytest.approx(list(dataset.transform)[:6])
        assert place["proj:bbox"] == pytest.approx(list(dataset.bounds))
        assert place["proj:code"] == "EPSG:32631"
        truth = rasterio.warp.transform_bounds(dataset.crs, "EPSG:4326", *dataset.bounds)
        assert item["bbox"] == pytest.approx(truth, abs=1e-6)
        asset = item["assets"]["data"]
        assert (tmp_path / asset["href"]) == made.path
        assert (asset["data_type"], asset["nodata"]) == (dataset.dtypes[0], dataset.nodata)
        assert [band["name"] for band in asset["bands"]] == ["red", "green", "blue"]
        assert [band["eo:common_name"] for band in asset["bands"]] == ["red", "green", "blue"]
        lines = [(band["raster:scale"], band["raster:offset"]) for band in asset["bands"]]
        assert lines == list(zip(dataset.scales, dataset.offsets, strict=True))
        pixel = dataset.transform.a
        assert place["gsd"] == pytest.approx(pixel, rel=0.01)
    assert (tmp_path / item["assets"]["detail"]["href"]) == made.beside["detail"]
    assert item["assets"]["detail"]["nodata"] == "nan"


def test_an_item_says_how_its_file_was_made(tmp_path: Path) -> None:
    path = scene(tmp_path)
    made = geoloupe.upscale(path, tmp_path / "out.tif", mtf=0.3, **OPTIONS)
    found = item_of(made.path)["properties"]
    model = load("loupe-x2")
    assert found["geoloupe:model"] == {"name": "loupe-x2", "digest": model.digest}
    assert found["geoloupe:settings"]["mtf"] == 0.3
    assert found["geoloupe:inputs"] == [
        {
            "name": path.name,
            "role": "scene",
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
    ]
    assert found["processing:software"]["geoloupe"] == __version__
    assert found["processing:software"]["GDAL"] == rasterio.__gdal_version__
    with rasterio.open(made.path) as dataset:
        assert found["geoloupe:tags"].items() <= dataset.tags().items()
    assert str(tmp_path) not in made.path.with_suffix(".json").read_text()  # whose disk it was


def test_sharpened_bands_name_their_guide_and_weights(tmp_path: Path) -> None:
    ms, guide, _ = pair(tmp_path)
    made = geoloupe.sharpen(ms, tmp_path / "out.tif", guide=guide, stac=True, anyway=True)
    found = item_of(made.path)["properties"]
    assert [(one["name"], one["role"]) for one in found["geoloupe:inputs"]] == [
        ("ms.tif", "scene"),
        ("pan.tif", "guide"),
    ]
    assert found["geoloupe:model"]["name"] == made.model
    assert found["geoloupe:command"] == "sharpen"
    assert found["processing:lineage"].startswith("ms.tif and pan.tif, by geoloupe")
    assert str(tmp_path) not in json.dumps(found)


def test_when_is_what_the_scene_says_or_all_it_can_have_been(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = scene(tmp_path)
    with rasterio.open(path, "r+") as out:
        out.update_tags(ACQUISITIONDATETIME="2024-07-01T10:15:59+02:00")
    told = geoloupe.upscale(path, tmp_path / "told.tif", model="bicubic", **OPTIONS)
    assert item_of(told.path)["properties"]["datetime"] == "2024-07-01T08:15:59Z"
    named = path.with_name("S2B_MSIL2A_20240702T101559_N0510_R065_T33UVQ_20240702T132211.tif")
    shutil.copy(scene(tmp_path), named)
    made = geoloupe.upscale(named, tmp_path / "named.tif", model="bicubic", **OPTIONS)
    assert item_of(made.path)["properties"]["datetime"] == "2024-07-02T10:15:59Z"
    assert "does not say when" not in caplog.text
    silent = scene(tmp_path)  # written anew, without the tag
    made = geoloupe.upscale(silent, tmp_path / "silent.tif", model="bicubic", **OPTIONS)
    found = item_of(made.path)["properties"]
    assert found["datetime"] is None
    assert found["start_datetime"] == "1900-01-01T00:00:00Z"
    assert found["end_datetime"] == found["created"]
    assert "does not say when it was taken" in caplog.text


def test_nowhere_has_no_geometry(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    size = {"count": 1, "height": 40, "width": 56, "dtype": "uint8"}
    with quiet(), rasterio.open(path, "w", driver="PNG", **size) as out:
        out.write(np.full((1, 40, 56), 7, np.uint8))
    made = geoloupe.upscale(path, tmp_path / "out.png", model="bicubic", **OPTIONS)
    item = item_of(made.path)
    assert item["geometry"] is None
    assert item["assets"]["data"]["type"] == "image/png"
    assert item["properties"]["proj:shape"] == [80, 112]


@pytest.mark.parametrize(
    ("name", "options", "media"),
    [
        ("out.tif", {}, "image/tiff; application=geotiff; profile=cloud-optimized"),
        ("out.tif", {"format": "gtiff"}, "image/tiff; application=geotiff"),
        ("out.zarr", {}, "application/vnd.zarr; version=3"),
    ],
)
def test_media_types_say_what_a_file_is(
    tmp_path: Path, name: str, options: dict[str, Any], media: str
) -> None:
    made = geoloupe.upscale(scene(tmp_path), tmp_path / name, model="bicubic", **OPTIONS, **options)
    assert item_of(made.path)["assets"]["data"]["type"] == media


def test_an_item_is_never_written_over_unasked(tmp_path: Path) -> None:
    path, target = scene(tmp_path), tmp_path / "out.tif"
    target.with_suffix(".json").write_text("{}")
    with pytest.raises(InputError, match=r"out\.json: exists already"):
        geoloupe.upscale(path, target, model="bicubic", **OPTIONS)
    assert not target.exists()
    geoloupe.upscale(path, target, model="bicubic", overwrite=True, **OPTIONS)
    assert item_of(target)["id"] == "out"


def test_an_item_of_an_older_product_brings_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, target = scene(tmp_path), tmp_path / "out.tif"
    target.with_suffix(".json").write_text('{"mine": 1}')
    geoloupe.upscale(path, target, model="bicubic", scale=2)
    assert "out.json" not in caplog.text
    geoloupe.upscale(path, target, model="bicubic", overwrite=True, **OPTIONS)
    geoloupe.upscale(path, target, model="nearest", scale=2, overwrite=True)
    assert "out.json: is not of the out.tif that is made now; delete it" in caplog.text


def test_shards_put_together_have_the_item_they_were_begun_with(tmp_path: Path) -> None:
    path, target = scene(tmp_path), tmp_path / "out.tif"
    for part in ("1/2", "2/2"):
        words = ("--stac", "--model", "bicubic", "--set", "scale=2", "--shard", part)
        assert program("upscale", path, "-o", target, *words).returncode == 0
    assert not target.with_suffix(".json").exists()
    done = program("assemble", target)
    assert done.returncode == 0, done.stderr
    assert item_of(target)["properties"]["geoloupe:model"]["name"] == "bicubic"
    assert "stac: " in done.stdout


def test_a_run_that_ends_between_item_and_product_is_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, target = scene(tmp_path), tmp_path / "out.tif"
    move = publish._move

    def stops(part: Path, place: Path, *, overwrite: bool) -> None:
        if place == target:
            raise OSError("the power is gone")
        move(part, place, overwrite=overwrite)

    monkeypatch.setattr(publish, "_move", stops)
    with pytest.raises(RunError, match="the power is gone"):
        geoloupe.upscale(path, target, model="bicubic", **OPTIONS)
    assert [file.exists() for file in (target, target.with_suffix(".json"))] == [False, True]
    monkeypatch.undo()
    geoloupe.upscale(path, target, model="bicubic", **OPTIONS)
    assert item_of(target)["id"] == "out"
    assert not list(tmp_path.glob(".*.work"))


@pytest.mark.parametrize("change", ["nodata", "eo:common_name", "geometry", "proj:epsg"])
def test_the_schema_finds_what_is_wrong(tmp_path: Path, change: str) -> None:
    made = geoloupe.upscale(scene(tmp_path), tmp_path / "out.tif", model="bicubic", **OPTIONS)
    item = item_of(made.path)
    asset = item["assets"]["data"]
    if change == "geometry":
        item["geometry"] = None  # but a box
    elif change == "nodata":
        asset["nodata"] = "none"
    elif change == "proj:epsg":
        item["properties"][change] = 32631
    else:
        asset["bands"][0][change] = "panchromatic"
    assert not Draft7Validator(PRODUCT).is_valid(item)


@pytest.mark.parametrize("name", ["out.tif", "out.zarr"])
def test_an_item_is_a_scene_that_is_its_product(tmp_path: Path, name: str) -> None:
    path = scene(tmp_path)
    made = geoloupe.upscale(path, tmp_path / name, model="bicubic", **OPTIONS)
    item = made.path.with_suffix(".json")
    with open_source(item) as source, open_source(made.path) as truth:
        assert source.name == str(item)
        assert source.files == (str(item), *truth.files)
        assert (source.facts, source.grid) == (truth.facts, truth.grid)
        assert (source.read().values == truth.read().values).all()
    finer = geoloupe.upscale(item, tmp_path / "finer.tif", model="nearest", scale=2)
    with rasterio.open(finer.path) as out, open_source(made.path) as truth:
        assert (out.read()[:, ::2, ::2] == truth.read().values).all()
        assert out.scales == (1e-4,) * 3
    assert inspect(item, path).findings == inspect(made.path, path).findings
    degrade(item, tmp_path / "coarse.tif", scale=2)
    with rasterio.open(tmp_path / "coarse.tif") as coarse:
        assert coarse.shape == (40, 56)


def test_a_mask_of_a_product_comes_back_with_its_item(tmp_path: Path) -> None:
    made = geoloupe.upscale(
        scene(tmp_path, nodata=None), tmp_path / "out.tif", nodata=0, model="nearest", **OPTIONS
    )
    with open_source(made.path.with_suffix(".json")) as source, open_source(made.path) as truth:
        assert (source.read().present == truth.read().present).all()


def test_an_item_on_the_web_is_its_product(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made = geoloupe.upscale(scene(tmp_path), tmp_path / "out.tif", model="bicubic", **OPTIONS)
    with serving(tmp_path) as server:
        with open_source(f"{server.address}/out.json") as source, open_source(made.path) as truth:
            assert (source.read().values == truth.read().values).all()
            assert source.facts == truth.facts
        assert {name.rpartition("/")[2] for name in server.asked} == {"out.json", "out.tif"}


def test_what_an_item_of_ours_does_not_hold_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    target = tmp_path / "a" / "out.tif"
    made = geoloupe.upscale(scene(tmp_path), target, model="bicubic", **OPTIONS)
    item = made.path.with_suffix(".json")
    with pytest.raises(InputError, match="is of one raster; leave out :20m"):
        open_source(f"{item}:20m")
    with pytest.raises(InputError, match="leave out offset"):
        open_source(item, offset=-0.1)
    with pytest.raises(InputError, match="brings no layer of clouds"):
        open_source(item, mask="clouds")
    with pytest.raises(InputError, match="has no bands coarser than"):
        geoloupe.sharpen(item, tmp_path / "sharp.tif")
    content = json.loads(item.read_text())
    shutil.copytree(made.path.parent, tmp_path / "b")
    for href, message in (
        ("../b/out.tif", "is not in its own folder"),
        ("./lost.tif", r"names \./lost\.tif, which is not a file"),
        ("file:///etc/passwd", "is not in its own folder|is not a file"),
        ("./out.json", "out.json: "),
    ):
        content["assets"]["data"]["href"] = href
        item.write_text(json.dumps(content))
        with pytest.raises(InputError, match=message):
            open_source(item)


def test_a_virtual_raster_in_place_of_a_product_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    target = tmp_path / "a" / "out.tif"
    made = geoloupe.upscale(scene(tmp_path), target, model="bicubic", **OPTIONS)
    rasterio.shutil.copy(scene(tmp_path), made.path, driver="VRT")
    with pytest.raises(InputError, match=r"out\.tif: is a virtual raster under another name"):
        open_source(made.path.with_suffix(".json"))
