"""Scenes whose missing pixels nobody declared: enlarged as if somebody had."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

import geoloupe
from geoloupe.errors import InputError
from geoloupe.rasters.opening import open_source
from geoloupe.scenes.commands import finish
from tests.relief import relief, slanted
from tests.scenes.test_upscale import write

FILLS = [
    ("float32", 80, 1200, -9999),
    ("float64", 0, 1, -9999),
    ("int16", -200, 12_000, -32768),
    ("uint16", 200, 9000, 65535),
]


def scene(path: Path, dtype: str, low: float, high: float, fill: float) -> Any:
    """Write a scene with a slanted corner of a fill that it does not declare; return its values."""
    values = slanted(relief(dtype, low, high, size=(120, 90)), fill)
    write(path, values)
    return values


@pytest.mark.parametrize(("dtype", "low", "high", "fill"), FILLS)
@pytest.mark.parametrize("model", ["loupe-x2", "bicubic"])
def test_an_undeclared_fill_is_missing_in_the_product(
    tmp_path: Path, dtype: str, low: float, high: float, fill: float, model: str
) -> None:
    values = scene(tmp_path / "in.tif", dtype, low, high, fill)
    made = geoloupe.upscale(tmp_path / "in.tif", tmp_path / "out.tif", model=model, scale=2)
    with rasterio.open(made.path) as out:
        assert out.nodata == fill
        fine = out.read()
    assert np.array_equal(fine == fill, (values == fill).repeat(2, 1).repeat(2, 2))
    present = values[values != fill].astype(float)
    reach = np.ptp(present)
    assert present.min() - 0.6 * reach < fine[fine != fill].min()
    assert fine[fine != fill].max() < present.max() + 0.6 * reach
    assert made.radiometry.low[0] > -400
    assert made.radiometry.high[0] < 32_769


def test_a_person_overrules_what_is_found(tmp_path: Path) -> None:
    values = scene(tmp_path / "in.tif", "float32", 80, 1200, -9999)
    options: dict[str, Any] = {"model": "nearest", "scale": 2}
    geoloupe.upscale(tmp_path / "in.tif", tmp_path / "none.tif", nodata="none", **options)
    with rasterio.open(tmp_path / "none.tif") as out:
        assert out.nodata is None
        assert out.tags()["GEOLOUPE_NODATA"] == "none"
        # To seven digits of a range that now begins at the fill.
        assert np.abs(out.read() - values.repeat(2, 1).repeat(2, 2)).max() < 1e-3
    write(tmp_path / "told.tif", values.astype(np.int16), nodata=-9999)
    geoloupe.upscale(tmp_path / "told.tif", tmp_path / "zero.tif", nodata=0, **options)
    with rasterio.open(tmp_path / "zero.tif") as out:
        assert out.nodata == 0
        assert (out.read(1)[0, 0], out.read_masks(1)[0, 0]) == (-9999, 255)
    with pytest.raises(InputError, match=r"told\.tif: nodata 0\.5 does not fit int16"):
        geoloupe.upscale(tmp_path / "told.tif", tmp_path / "no.tif", nodata=0.5, **options)
    with pytest.raises(InputError, match="always count as missing"):
        geoloupe.upscale(tmp_path / "told.tif", tmp_path / "no.tif", nodata=float("nan"), **options)


def test_shards_find_the_same_fill(tmp_path: Path) -> None:
    scene(tmp_path / "in.tif", "float32", 80, 1200, -9999)
    options: dict[str, Any] = {"model": "bicubic", "scale": 2, "tile": 32}
    whole = geoloupe.upscale(tmp_path / "in.tif", tmp_path / "whole.tif", **options)
    for shard in ("1/2", "2/2"):
        geoloupe.upscale(tmp_path / "in.tif", tmp_path / "parts.tif", shard=shard, **options)
    made = finish(tmp_path / "parts.tif")
    assert made.radiometry == whole.radiometry
    assert made.path.read_bytes() == whole.path.read_bytes()


def test_means_of_fills_in_overviews_do_not_stretch_the_range(tmp_path: Path) -> None:
    values = slanted(relief("float32", 80, 1200, size=(3000, 2100)), -9999)
    path = write(tmp_path / "in.tif", values)
    with rasterio.open(path, "r+") as out:
        out.build_overviews([2, 4, 8], rasterio.enums.Resampling.average)
    with open_source(path) as source:
        assert source.radiometry.nodata == -9999
        assert source.radiometry.low == (0.0,)


def test_zeros_stay_data_and_a_collar_of_them_is_mentioned(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    values = scene(tmp_path / "in.tif", "uint16", 200, 9000, 0)
    options: dict[str, Any] = {"model": "nearest", "scale": 2}
    geoloupe.upscale(tmp_path / "in.tif", tmp_path / "out.tif", **options)
    assert "is zero" in caplog.text
    assert "nodata=0" in caplog.text
    with rasterio.open(tmp_path / "out.tif") as out:
        assert out.nodata is None
        assert np.array_equal(out.read(), values.repeat(2, 1).repeat(2, 2))
    caplog.clear()
    geoloupe.upscale(tmp_path / "in.tif", tmp_path / "told.tif", nodata=0, **options)
    geoloupe.upscale(tmp_path / "in.tif", tmp_path / "none.tif", nodata="none", **options)
    assert "is zero" not in caplog.text


def test_arrays_are_treated_as_files_are(tmp_path: Path) -> None:
    xarray = pytest.importorskip("xarray")
    values = scene(tmp_path / "in.tif", "float32", 80, 1200, -9999)
    made = geoloupe.upscale(tmp_path / "in.tif", tmp_path / "out.tif", model="bicubic", scale=2)
    array = xarray.DataArray(values, dims=("band", "y", "x"))
    fine = geoloupe.upscale_array(array, model="bicubic", scale=2)
    with rasterio.open(made.path) as out:
        assert np.array_equal(fine.values, out.read())
    assert fine.attrs["_FillValue"] == -9999
    assert "_FillValue" not in array.attrs
    data = geoloupe.upscale_array(array, model="nearest", scale=2, nodata="none")
    assert "_FillValue" not in data.attrs
    assert np.abs(data.values - values.repeat(2, 1).repeat(2, 2)).max() < 1e-3


def test_cubes_in_mat_files_are_treated_as_rasters_are(tmp_path: Path) -> None:
    from scipy.io import savemat

    values = slanted(relief("int16", 0, 4000, size=(60, 50)), -32768).repeat(4, axis=0)
    savemat(tmp_path / "cube.mat", {"cube": np.moveaxis(values, 0, 2)})
    made = geoloupe.upscale(tmp_path / "cube.mat", tmp_path / "out.tif", model="bicubic", scale=2)
    with open_source(made.path) as out:
        assert out.radiometry.nodata == -32768
        fine = out.read().values
    assert np.array_equal(fine == -32768, (values == -32768).repeat(2, 1).repeat(2, 2))
