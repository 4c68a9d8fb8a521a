"""Results as Zarr stores, read by xarray and rioxarray as their users do."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import rioxarray  # noqa: F401 - the accessor
import xarray
import zarr

import geoloupe
from geoloupe.errors import InputError, RunError
from geoloupe.rasters import zarr_stores
from tests.datasets.small import PLACE
from tests.scenes.test_outputs import physical, scene

OPTIONS: dict[str, Any] = {"model": "bicubic", "scale": 2, "tile": 32}


def opened(path: Path) -> Any:
    """Open a store as users do."""
    return xarray.open_zarr(path)


@pytest.mark.parametrize("dtype", [None, "float32", "uint8"])
@pytest.mark.parametrize("compress", [None, "deflate", "none"])
def test_xarray_reads_what_a_geotiff_holds(tmp_path: Path, dtype: Any, compress: Any) -> None:
    path = scene(tmp_path)
    tif = geoloupe.upscale(path, tmp_path / "out.tif", dtype=dtype, **OPTIONS)
    made = geoloupe.upscale(
        path, tmp_path / "out.zarr", dtype=dtype, compress=compress, blocksize=64, **OPTIONS
    )
    with opened(made.path) as dataset:
        image, truth = dataset["image"], physical(tif.path)
        assert image.dims == ("band", "y", "x")
        found = image.values
        assert (np.isnan(found) == np.isnan(truth)).all()
        assert np.isnan(found).any()
        assert np.nanmax(np.abs(found - truth)) < 1e-6
        assert image.attrs["long_name"] == ["red", "green", "blue"]
        assert dataset.attrs["GEOLOUPE_MODEL"] == "bicubic"
        assert image.encoding["preferred_chunks"] == {"band": 3, "y": 64, "x": 64}
    with rasterio.open(tif.path) as geotiff, opened(made.path) as dataset:
        assert dataset["image"].rio.crs == geotiff.crs
        assert dataset["image"].rio.bounds() == pytest.approx(tuple(geotiff.bounds))
        x, y = geotiff.xy(3, 7)  # the middle of a pixel
        assert (float(dataset["x"][7]), float(dataset["y"][3])) == pytest.approx((x, y))
        assert dataset.attrs["proj:code"] == "EPSG:32631"
        assert dataset.attrs["spatial:transform"] == pytest.approx(list(geotiff.transform)[:6])


def test_the_store_is_version_3_and_says_all_in_one_file(tmp_path: Path) -> None:
    made = geoloupe.upscale(scene(tmp_path), tmp_path / "out.zarr", **OPTIONS)
    group = zarr.open_group(made.path, mode="r")
    assert group.metadata.zarr_format == 3
    assert set(group.metadata.consolidated_metadata.metadata) >= {"image", "x", "y"}
    assert group["image"].fill_value == 0
    assert not list(tmp_path.glob(".*.work"))


def test_a_store_is_replaced_whole_and_nothing_else_is(tmp_path: Path) -> None:
    path, target = scene(tmp_path), tmp_path / "out.zarr"
    geoloupe.upscale(path, target, **OPTIONS)
    (target / "old").mkdir()
    with pytest.raises(InputError, match="exists already"):
        geoloupe.upscale(path, target, **OPTIONS)
    geoloupe.upscale(path, target, **OPTIONS, overwrite=True)
    assert not (target / "old").exists()
    mine = tmp_path / "mine.zarr"
    mine.mkdir()
    (mine / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match="is a folder but no Zarr store"):
        geoloupe.upscale(path, mine, **OPTIONS, overwrite=True)
    assert (mine / "letter.txt").read_text() == "dear"
    assert not list(tmp_path.glob(".*.work"))


def test_a_store_that_differs_never_appears(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, path, target = zarr_stores.write, scene(tmp_path), tmp_path / "out.zarr"

    def spoiled(planes: Any, part: Path) -> None:
        whole(planes, part)
        zarr.open_group(part)["image"][0, 0, 0] = 7

    monkeypatch.setattr(zarr_stores, "write", spoiled)
    with pytest.raises(RunError, match="the written file differs from the result"):
        geoloupe.upscale(path, target, **OPTIONS)
    assert not target.exists()
    monkeypatch.undo()
    geoloupe.upscale(path, target, **OPTIONS)  # goes on from the pixels it had
    assert opened(target)["image"].shape == (3, 80, 112)
    assert not list(tmp_path.glob(".*.work"))


def test_what_a_store_cannot_say_is_refused(tmp_path: Path) -> None:
    several = scene(tmp_path, lines=((1e-4, -0.1), (2e-4, 0.0), (5e-5, -0.2)))
    target = tmp_path / "out.zarr"
    with pytest.raises(InputError, match="one scale and offset, and these bands have several"):
        geoloupe.upscale(several, target, **OPTIONS)
    alike = OPTIONS | {"model": "nearest", "dtype": "float32", "dtype_scale": 1}
    geoloupe.upscale(several, target, **alike)
    with opened(target) as dataset:
        wrong = dataset["image"].values - physical(several).repeat(2, 1).repeat(2, 2)
    assert np.nanmax(np.abs(wrong)) < 1e-6
    with pytest.raises(InputError, match="Zarr has no compress=lzw; choose one of zstd"):
        geoloupe.upscale(several, tmp_path / "b.zarr", compress="lzw", **OPTIONS)


def test_a_mask_becomes_nan_and_is_refused_without(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    mask = np.full((40, 56), 255, np.uint8)
    mask[3:9, 20:30] = 0
    size = {"count": 1, "height": 40, "width": 56, "dtype": "uint8", "driver": "GTiff"}
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(path, "w", crs="EPSG:32631", transform=PLACE, **size) as out,
    ):
        out.write(np.random.default_rng(0).integers(0, 256, (1, 40, 56)).astype(np.uint8))
        out.write_mask(mask)
    with pytest.raises(InputError, match=r"cannot hold a mask; .*dtype=float32"):
        geoloupe.upscale(path, tmp_path / "out.zarr", **OPTIONS)
    made = geoloupe.upscale(path, tmp_path / "out.zarr", dtype="float32", **OPTIONS)
    with opened(made.path) as dataset:
        missing = np.isnan(dataset["image"].values[0])
    assert (missing == (mask == 0).repeat(2, 0).repeat(2, 1)).all()


def test_without_the_package_a_message_says_what_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "zarr", None)
    with pytest.raises(InputError, match=r"pip install 'geoloupe\[zarr\]'"):
        geoloupe.upscale(scene(tmp_path), tmp_path / "out.zarr", **OPTIONS)


def test_xarray_enlarges_a_store_again(tmp_path: Path) -> None:
    made = geoloupe.upscale(scene(tmp_path), tmp_path / "out.zarr", **OPTIONS)
    with opened(made.path) as dataset:
        finer = geoloupe.upscale_array(dataset["image"].compute(), model="bicubic", scale=2)
        assert finer.shape == (3, 160, 224)
        assert finer.rio.bounds() == pytest.approx(dataset["image"].rio.bounds())
        assert finer.rio.crs == dataset["image"].rio.crs
