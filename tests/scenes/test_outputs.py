"""How results are stored: types, compressions and formats, as other programs read them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp

import geoloupe
from geoloupe.errors import InputError
from geoloupe.rasters.opening import open_source
from tests.datasets.small import PLACE
from tests.program import program

PLAIN: dict[str, Any] = {"model": "nearest", "scale": 2}
HOLE = (slice(3, 9), slice(20, 31))


def scene(
    folder: Path,
    dtype: str = "uint16",
    *,
    nodata: float | None = 0,
    lines: tuple[tuple[float, float], ...] = ((1e-4, -0.1), (1e-4, -0.1), (1e-4, -0.1)),
) -> Path:
    """Write reflectance of three bands with a hole, stored with these scales and offsets."""
    path = folder / f"{dtype}.tif"
    truth = np.random.default_rng(0).uniform(0.02, 0.9, (3, 40, 56))
    slopes, starts = (np.array(column)[:, None, None] for column in zip(*lines, strict=True))
    values = (truth - starts) / slopes
    kind = np.dtype(dtype)
    stored = (np.rint(values) if kind.kind in "iu" else values).astype(kind)
    if nodata is not None:
        stored[:, *HOLE] = nodata
    size = {"count": 3, "height": 40, "width": 56, "crs": "EPSG:32631", "transform": PLACE}
    with rasterio.open(path, "w", driver="GTiff", dtype=dtype, nodata=nodata, **size) as out:
        out.write(stored)
        out.scales, out.offsets = zip(*lines, strict=True)
        out.descriptions = ("red", "green", "blue")
    return path


def physical(path: Path) -> Any:
    """Read what a file measures as any program would: NaN where a pixel is missing."""
    with rasterio.open(path) as dataset:
        values = dataset.read(masked=True).astype(np.float64)
        scales, offsets = (np.array(x)[:, None, None] for x in (dataset.scales, dataset.offsets))
        return (values * scales + offsets).filled(np.nan)


@pytest.mark.parametrize(
    ("before", "options", "step"),
    [
        ("uint16", {"dtype": "float32"}, 1e-7),
        ("uint16", {"dtype": "float32", "dtype_scale": 1}, 1e-7),
        ("uint16", {"dtype": "float64", "dtype_scale": 0.01, "dtype_offset": 3}, 1e-7),
        ("uint16", {"dtype": "uint8"}, 1 / 254),
        ("uint16", {"dtype": "int16", "dtype_scale": 1e-4}, 1e-4),
        ("uint16", {"dtype": "int32"}, 1e-7),
        ("uint16", {"dtype_scale": 5e-5, "dtype_offset": 0}, 5e-5),
        ("float32", {"dtype": "uint16"}, 1e-4),
        ("float32", {"dtype": "int16"}, 1e-4),
        ("float32", {"dtype": "uint8", "dtype_scale": 0.005, "dtype_offset": -0.01}, 0.005),
        ("float32", {"dtype": "int32", "dtype_scale": 1e-6}, 1e-6),
    ],
)
def test_another_type_measures_the_same(
    tmp_path: Path, before: str, options: dict[str, Any], step: float
) -> None:
    whole = before == "uint16"
    path = scene(tmp_path, before, nodata=0 if whole else -9999)
    if not whole:
        path = scene(tmp_path, before, nodata=-9999, lines=((1, 0),) * 3)
    made = geoloupe.upscale(path, tmp_path / "out.tif", **PLAIN, **options)
    truth, found = physical(path).repeat(2, 1).repeat(2, 2), physical(made.path)
    with rasterio.open(made.path) as dataset:
        assert dataset.dtypes[0] == options.get("dtype", before)
        if "dtype_scale" in options:
            assert dataset.scales == (options["dtype_scale"],) * 3
            assert dataset.offsets == (options.get("dtype_offset", 0),) * 3
    assert (np.isnan(found) == np.isnan(truth)).all()
    assert np.isnan(found).any()
    assert np.nanmax(np.abs(found - truth)) <= 0.51 * step + 1e-7


def test_bands_of_different_lines_get_one_in_common(tmp_path: Path) -> None:
    path = scene(tmp_path, lines=((1e-4, -0.1), (2e-4, 0.0), (5e-5, -0.2)))
    made = geoloupe.upscale(path, tmp_path / "out.tif", **PLAIN, dtype="float32", dtype_scale=1)
    truth, found = physical(path).repeat(2, 1).repeat(2, 2), physical(made.path)
    assert np.nanmax(np.abs(found - truth)) < 1e-6
    assert found.shape == truth.shape


def test_a_type_changes_what_is_stored_and_not_what_is_made(tmp_path: Path) -> None:
    path = scene(tmp_path)
    options: dict[str, Any] = {"scale": 2, "tile": 32}
    plain = physical(geoloupe.upscale(path, tmp_path / "a.tif", **options).path)
    exact = physical(
        geoloupe.upscale(path, tmp_path / "b.tif", dtype="float32", dtype_scale=1, **options).path
    )
    assert np.nanmax(np.abs(plain - exact)) <= 0.51e-4
    assert np.nanmax(np.abs(plain - exact)) > 0.3e-4  # the first was rounded, the second was not


@pytest.mark.parametrize("options", [{"dtype": "uint16"}, {"dtype": "float32"}])
def test_transparency_goes_with_another_type(tmp_path: Path, options: dict[str, Any]) -> None:
    path = tmp_path / "a.tif"
    size = {"count": 4, "height": 40, "width": 56, "crs": "EPSG:32631", "transform": PLACE}
    values = np.random.default_rng(0).integers(1, 250, (4, 40, 56)).astype(np.uint8)
    values[3] = 255
    values[3, *HOLE] = 0
    with rasterio.open(path, "w", driver="GTiff", dtype="uint8", **size) as out:
        out.write(values)
        out.colorinterp = [*out.colorinterp[:3], ColorInterp.alpha]
    made = geoloupe.upscale(path, tmp_path / "out.tif", **PLAIN, **options)
    with rasterio.open(made.path) as dataset:
        assert ((dataset.dataset_mask() > 0) == (values[3] > 0).repeat(2, 0).repeat(2, 1)).all()
        assert set(dataset.dtypes) == {options["dtype"]}
    with open_source(made.path) as again:
        assert len(again.bands) == 3
        assert (again.read().valid == (values[3] > 0).repeat(2, 0).repeat(2, 1)).all()


@pytest.mark.parametrize(
    ("before", "options", "told"),
    [
        ("float32", {"dtype": "int32"}, "say what one step of it means, as in dtype_scale="),
        ("float32", {"dtype": "uint8", "dtype_scale": 1}, "fewer than 8 steps"),
        ("uint16", {"dtype": "uint8", "dtype_scale": 1e-4}, "and uint8 holds 0 to 255"),
        ("uint16", {"dtype": "uint16", "dtype_offset": 5}, "and uint16 holds 0 to 65535"),
        ("uint16", {"dtype": "float16"}, "dtype"),
        ("uint16", {"dtype_scale": -1}, "above 0, not -1"),
        ("uint16", {"dtype_offset": float("nan")}, "not nan"),
        ("uint16", {"blocksize": 100}, "a multiple of 16 from 64 to 4096, not 100"),
        ("uint16", {"compress": "jpeg"}, "compress"),
        ("uint16", {"format": "zarr"}, "format=zarr goes into a .zarr, not into a .tif"),
    ],
)
def test_what_does_not_fit_is_refused(
    tmp_path: Path, before: str, options: dict[str, Any], told: str
) -> None:
    path = scene(
        tmp_path, before, nodata=None, lines=((1.0 if before == "float32" else 1e-4, 0),) * 3
    )
    with pytest.raises(InputError) as caught:
        geoloupe.upscale(path, tmp_path / "out.tif", **PLAIN, **options)
    assert told in str(caught.value)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_picture_has_no_packing(tmp_path: Path) -> None:
    path = scene(tmp_path)
    for name in ("compress=zstd", "blocksize=256"):
        done = program("upscale", path, "-o", tmp_path / "out.png", "--set", name)
        assert done.returncode == 2
        assert f"PNG has no {name.split('=')[0]}; leave it out, or write a .tif" in done.stderr


@pytest.mark.parametrize("kind", ["cog", "gtiff"])
@pytest.mark.parametrize("compress", ["deflate", "zstd", "lzw", "none"])
@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_compressions_hold_the_same_pixels(
    tmp_path: Path, kind: str, compress: str, dtype: str
) -> None:
    path = scene(tmp_path)
    plain = geoloupe.upscale(path, tmp_path / "a.tif", model="nearest", scale=12, dtype=dtype)
    made = geoloupe.upscale(
        path,
        tmp_path / "b.tif",
        model="nearest",
        scale=12,
        dtype=dtype,
        format=kind,
        compress=compress,
        blocksize=256,
    )
    with rasterio.open(plain.path) as one, rasterio.open(made.path) as two:
        assert (one.read() == two.read()).all() or dtype == "float32"
        assert np.array_equal(one.read(), two.read(), equal_nan=True)
        assert (two.compression.name if two.compression else "none") == compress
        assert two.block_shapes == [(256, 256)] * 3
        assert two.tags(ns="IMAGE_STRUCTURE").get("LAYOUT") == ("COG" if kind == "cog" else None)
        assert two.overviews(1) == ([2] if kind == "cog" else [])
        assert two.tags()["GEOLOUPE_MODEL"] == "nearest"
        assert (two.crs, two.transform, two.scales) == (one.crs, one.transform, one.scales)
        predictor = two.tags(ns="IMAGE_STRUCTURE").get("PREDICTOR")
        usual = {"uint16": "2", "float32": "3"}[dtype]
        assert predictor == (None if compress == "none" else usual)


def test_layers_are_packed_like_their_product(tmp_path: Path) -> None:
    path = scene(tmp_path)
    made = geoloupe.upscale(
        path, tmp_path / "out.tif", scale=2, dtype="uint8", compress="lzw", detail=True
    )
    with rasterio.open(made.path) as product, rasterio.open(made.beside["detail"]) as detail:
        assert detail.compression.name == "lzw"
        assert detail.scales == product.scales  # in the product's own steps
        assert detail.dtypes[0] == "float32"


def test_a_stopped_run_goes_on_only_with_the_same_file_in_mind(tmp_path: Path) -> None:
    path, target = scene(tmp_path), tmp_path / "out.tif"
    options: dict[str, Any] = {"model": "bicubic", "scale": 2, "tile": 32}
    geoloupe.upscale(path, target, shard="1/2", dtype="float32", **options)
    with pytest.raises(InputError, match="settings dtype was float32, now None"):
        geoloupe.upscale(path, target, shard="2/2", **options)
    geoloupe.upscale(path, target, shard="2/2", dtype="float32", **options)
    assert program("assemble", target).returncode == 0
    with rasterio.open(target) as made:
        assert made.dtypes[0] == "float32"


def test_a_preview_is_stored_as_its_product_will_be(tmp_path: Path) -> None:
    path = scene(tmp_path)
    words = ("--preview", "--set", "dtype=float32", "--set", "compress=lzw", "--set", "scale=2")
    done = program("upscale", path, "-o", tmp_path / "out.tif", "--model", "bicubic", *words)
    assert done.returncode == 0, done.stderr
    with rasterio.open(tmp_path / "out_preview.tif") as made:
        assert (made.dtypes[0], made.compression.name) == ("float32", "lzw")


def test_a_preview_is_one_file_and_says_nothing_of_others(tmp_path: Path) -> None:
    words = ("--preview", "--set", "uncertainty=true", "--set", "detail=true", "--json")
    done = program("upscale", scene(tmp_path), "-o", tmp_path / "out.tif", *words)
    assert done.returncode == 0, done.stderr
    assert "sigma" not in done.stdout + done.stderr
    assert [item.name for item in tmp_path.glob("out*")] == ["out_preview.tif"]


def test_a_type_without_transparency_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    size = {"count": 2, "height": 40, "width": 56, "crs": "EPSG:32631", "transform": PLACE}
    with rasterio.open(path, "w", driver="GTiff", dtype="uint8", **size) as out:
        out.colorinterp = [ColorInterp.gray, ColorInterp.alpha]
        out.write(np.full((2, 40, 56), 255, np.uint8))
    with pytest.raises(InputError, match="dtype=int16 has no transparency, and the scene has"):
        geoloupe.upscale(path, tmp_path / "out.tif", **PLAIN, dtype="int16", alpha=True)
