"""Zarr stores as scenes: what `upscale` wrote is read as it was, and so is what xarray writes."""

import gzip
import json
import logging
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import google_crc32c
import numcodecs
import numpy as np
import pytest
import rasterio
import rioxarray  # noqa: F401 - the accessor
import xarray
import zarr
from rasterio.crs import CRS

import geoloupe
from geoloupe.errors import InputError
from geoloupe.imagery.grid import Window
from geoloupe.rasters.opening import open_source
from geoloupe.rasters.zarr_bounds import BoundedStore
from geoloupe.scenes.degrade import degrade
from geoloupe.scenes.inspection import inspect
from tests.rasters.test_enmap import LENGTHS
from tests.rasters.test_enmap import product as enmap
from tests.scenes.test_outputs import scene

OPTIONS: dict[str, Any] = {"model": "nearest", "scale": 2, "tile": 32}
HEIGHT, WIDTH = 40, 56


def numbers() -> Any:
    """Draw the numbers (B,H,W) of an image."""
    return np.random.default_rng(0).integers(1, 9000, (3, HEIGHT, WIDTH)).astype(np.uint16)


def image(**coordinates: Any) -> Any:
    """Return an image as users of xarray have it."""
    places = {"y": 5e6 - 10 * (np.arange(HEIGHT) + 0.5), "x": 4e5 + 10 * (np.arange(WIDTH) + 0.5)}
    found = xarray.DataArray(
        numbers(), dims=("band", "y", "x"), coords=places | coordinates, name="image"
    )
    return found.rio.write_crs("EPSG:32632").rio.write_nodata(0)


def written(path: Path, dataset: Any, version: int = 3, **encoding: Any) -> Path:
    """Write a data set as xarray does."""
    dataset.to_zarr(
        path,
        mode="w",
        zarr_format=version,
        consolidated=False,
        encoding={"image": encoding} if encoding else None,
    )
    return path


def changed(path: Path, **words: Any) -> None:
    """Change the metadata of an array or a group."""
    about = json.loads((path / "zarr.json").read_text())
    (path / "zarr.json").write_text(json.dumps(about | words))


@pytest.mark.parametrize("dtype", [None, "float32"])
@pytest.mark.parametrize("compress", [None, "deflate", "none"])
def test_a_store_of_ours_is_what_the_geotiff_would_be(
    tmp_path: Path, dtype: Any, compress: Any
) -> None:
    path = scene(tmp_path)
    tif = geoloupe.upscale(path, tmp_path / "out.tif", dtype=dtype, **OPTIONS)
    made = geoloupe.upscale(
        path, tmp_path / "out.zarr", dtype=dtype, compress=compress, blocksize=64, **OPTIONS
    )
    with open_source(tif.path) as truth, open_source(made.path) as source:
        assert source.facts == truth.facts
        assert str(source.radiometry) == str(truth.radiometry)  # nan is not nan
        assert source.grid.transform == truth.grid.transform
        assert CRS.from_wkt(source.grid.crs or "") == CRS.from_wkt(truth.grid.crs or "")
        one, other = source.read(), truth.read()
        assert np.array_equal(one.values, other.values, equal_nan=dtype is not None)
        assert (one.present == other.present).all()


def test_a_store_is_enlarged_inspected_and_degraded(tmp_path: Path) -> None:
    path, store, tif = scene(tmp_path), tmp_path / "out.zarr", tmp_path / "out.tif"
    for target in (store, tif):
        geoloupe.upscale(path, target, model="bicubic", scale=2)
    again = [
        geoloupe.upscale(made, made.with_name(f"again_{made.name}.tif"), **OPTIONS)
        for made in (store, tif)
    ]
    with rasterio.open(again[0].path) as one, rasterio.open(again[1].path) as other:
        assert one.tags() == other.tags()
        assert (one.read() == other.read()).all()
        assert (one.transform, one.crs, one.nodata) == (other.transform, other.crs, other.nodata)
        assert one.descriptions == other.descriptions
    found = [inspect(made, path).findings for made in (store, tif)]
    assert found[0] == found[1]
    for made in (store, tif):
        degrade(made, made.with_name(f"coarse_{made.name}.tif"), scale=2)
    coarse = [tmp_path / f"coarse_{made.name}.tif" for made in (store, tif)]
    with rasterio.open(coarse[0]) as one, rasterio.open(coarse[1]) as other:
        assert (one.read() == other.read()).all()


def test_a_result_is_named_after_its_store_which_is_never_written_over(tmp_path: Path) -> None:
    made = geoloupe.upscale(scene(tmp_path), tmp_path / "out.zarr", **OPTIONS)
    for name in (f"{made.path}/", f"{made.path}:image"):
        geoloupe.upscale(name, **OPTIONS)
        with pytest.raises(InputError, match="is an input of this very run"):
            geoloupe.upscale(name, made.path, overwrite=True, **OPTIONS)
    assert {path.name for path in tmp_path.glob("*.tif")} == {
        *("uint16.tif", "out_x2.tif", "out_image_x2.tif"),
    }


def test_wavelengths_widths_and_bad_bands_come_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bands = "1,2,3,4,5,6"
    made = geoloupe.upscale(enmap(tmp_path), tmp_path / "o.zarr", bands=bands, **OPTIONS)
    with open_source(made.path) as source:
        assert [band.nm for band in source.bands] == pytest.approx(LENGTHS)
        assert {band.imagery["FWHM_UM"] for band in source.facts.bands} == {"0.0085"}
        assert [band.bad for band in source.facts.bands] == [False] * 3 + [True, False, False]
    with caplog.at_level(logging.WARNING):
        geoloupe.upscale(made.path, tmp_path / "again.tif", **OPTIONS)
    assert "calls band 4 bad, and so it is left out" in caplog.text


@pytest.mark.parametrize("version", [2, 3])
def test_what_xarray_writes_is_read(tmp_path: Path, version: int) -> None:
    path = written(tmp_path / "a.zarr", image(band=[1, 2, 3]).to_dataset(), version)
    with open_source(path) as source:
        assert (source.read().values == numbers()).all()
        assert source.grid.transform == (10, 0, 4e5, 0, -10, 5e6)
        assert CRS.from_wkt(source.grid.crs or "").to_epsg() == 32632
        assert source.radiometry.nodata == 0


def test_names_wavelengths_scale_and_chunks_of_one_band_are_heeded(tmp_path: Path) -> None:
    found = image(wavelength=("band", [0.49, 0.56, 0.665], {"units": "um"}))
    found = (found * 1e-4 - 0.1).where(found != 7).astype(np.float32)
    found.attrs = {"long_name": ["blue", "green", "red"], "grid_mapping": "spatial_ref"}
    packed = {"dtype": "uint16", "scale_factor": 1e-4, "add_offset": -0.1, "_FillValue": 0}
    path = written(tmp_path / "a.zarr", found.to_dataset(), chunks=(1, 16, 16), **packed)
    with open_source(path) as source:
        assert [band.name for band in source.bands] == ["blue", "green", "red"]
        assert [band.nm for band in source.bands] == pytest.approx([490, 560, 665])
        assert {(band.scale, band.offset) for band in source.facts.bands} == {(1e-4, -0.1)}
        turned = source.select([2, 0])
        assert np.abs(turned.read().values.astype(int) - numbers()[[2, 0]]).max() <= 7
        assert turned.read().present.sum() < 2 * HEIGHT * WIDTH


def test_a_part_that_was_cut_out_lies_where_its_coordinates_say(tmp_path: Path) -> None:
    whole = image()
    whole["spatial_ref"].attrs["GeoTransform"] = "400000 10 0 5000000 0 -10"
    part = whole.isel(y=slice(5, 30), x=slice(7, 50))  # which keeps the transform of the whole
    with open_source(written(tmp_path / "a.zarr", part.to_dataset())) as source:
        assert source.grid.transform == (10, 0, 4e5 + 70, 0, -10, 5e6 - 50)


def test_one_of_several_images_is_named(tmp_path: Path) -> None:
    both = xarray.Dataset({"one": image()[0], "two": image()})
    path = written(tmp_path / "a.zarr", both)
    with pytest.raises(InputError, match=r"several images; name one: .*a\.zarr:one, .*a\.zarr:two"):
        open_source(path)
    with open_source(f"{path}:one") as source:
        assert (source.read().values == numbers()[:1]).all()
    with pytest.raises(InputError, match="no image is called 'tow'; did you mean 'two'"):
        open_source(f"{path}:tow")


def test_rows_and_columns_are_no_place(tmp_path: Path) -> None:
    plain = xarray.Dataset(
        {"image": (("y", "x"), numbers()[0])},
        coords={"y": np.arange(HEIGHT), "x": np.arange(WIDTH)},
    )
    with open_source(written(tmp_path / "a.zarr", plain)) as source:
        assert not source.grid.georeferenced


def repacked(array: Path, codec: dict[str, Any]) -> None:
    """Add a codec to an array's metadata."""
    changed(array, codecs=[*json.loads((array / "zarr.json").read_text())["codecs"], codec])


def linked(array: Path) -> None:
    """Put a link that leads out of the store in place of a chunk."""
    chunk = array / "c" / "0" / "0" / "0"
    chunk.unlink()
    chunk.symlink_to(array.parent.parent / "secret")


def bent(array: Path) -> None:
    """Put one column elsewhere."""
    zarr.open_array(array.parent / "x", mode="r+")[WIDTH // 2] = 0


FOUR = {"shape": [1, 3, HEIGHT, WIDTH], "dimension_names": ["time", "band", "y", "x"]}
LARGE = {"name": "regular", "configuration": {"chunk_shape": [3, 10**6, 10**6]}}
WRONG: dict[str, Callable[[Path], None]] = {
    "pickle": lambda array: repacked(array, {"name": "numcodecs.pickle"}),
    "twice": lambda array: repacked(array, {"name": "gzip", "configuration": {"level": 1}}),
    "link": linked,
    "chunks": lambda array: changed(array, chunk_grid=LARGE),
    "shape": lambda array: changed(array, shape=[3, -40, 56]),
    "4d": lambda array: changed(array, **FOUR),
    "uneven": bent,
    "type": lambda array: changed(array, data_type="complex64", fill_value=[0, 0]),
    "crs": lambda array: changed(array.parent / "spatial_ref", attributes={"crs_wkt": "PROJCS[x"}),
    "fill": lambda array: changed(array, attributes={"_FillValue": "soon"}),
    "json": lambda array: (array / "zarr.json").write_text("{") and None,
}


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("pickle", r"is packed by 'numcodecs\.pickle', which is not read"),
        ("twice", "is packed twice, which is not read"),
        ("link", "is a link that leads out"),
        ("chunks", "is stored in chunks of 3 x 1000000 x 1000000, which take 6 TB"),
        ("shape", "is no image"),
        ("4d", "holds no image: no array of its first group has the dimensions"),
        ("uneven", "its coordinate x is not evenly spaced"),
        ("type", "holds complex64"),
        ("crs", "names no known coordinate system"),
        ("fill", "its _FillValue is 'soon', no number"),
        ("json", "cannot be read"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, kind: str, message: str) -> None:
    path = written(tmp_path / "a.zarr", image().to_dataset())
    WRONG[kind](path / "image")
    with pytest.raises(InputError, match=message) as error:
        open_source(path)
    assert "a.zarr" in str(error.value)


def test_a_name_that_leads_out_of_the_store_is_not_followed(tmp_path: Path) -> None:
    path = written(tmp_path / "a.zarr", image().to_dataset())
    other = written(tmp_path / "b.zarr", image().rio.write_crs("EPSG:4326").to_dataset())
    changed(path / "image", attributes={"grid_mapping": f"../../{other.name}/spatial_ref"})
    with open_source(path) as source:
        assert CRS.from_wkt(source.grid.crs or "").to_epsg() == 32632
    with pytest.raises(InputError, match="no image is called"):
        open_source(f"{path}:../b.zarr/image")


def zstd_bomb(size: int) -> bytes:
    """Pack zeros so that the frame says how many there are, in few bytes."""
    return bytes(numcodecs.Zstd(level=1).encode(bytes(size)))


@pytest.mark.parametrize(
    ("codec", "bomb"),
    [
        ({"name": "zstd", "configuration": {"level": 0, "checksum": False}}, zstd_bomb),
        ({"name": "gzip", "configuration": {"level": 1}}, lambda n: gzip.compress(bytes(n))),
        (
            {
                "name": "blosc",
                "configuration": {
                    **{"cname": "lz4", "clevel": 5, "shuffle": "shuffle"},
                    **{"typesize": 2, "blocksize": 0},
                },
            },
            lambda n: bytes(numcodecs.Blosc().encode(bytes(n))),
        ),
    ],
)
def test_a_chunk_that_becomes_larger_than_it_says_is_not_unpacked(
    tmp_path: Path, codec: Any, bomb: Any
) -> None:
    path = written(tmp_path / "a.zarr", image().to_dataset())
    array = path / "image"
    first = json.loads((array / "zarr.json").read_text())["codecs"][0]
    changed(array, codecs=[first, codec])
    (array / "c" / "0" / "0" / "0").write_bytes(bomb(HEIGHT * WIDTH * 3 * 2 + 1))
    with pytest.raises(InputError, match="is larger when it is unpacked than the"):
        open_source(path)
    (array / "c" / "0" / "0" / "0").write_bytes(bomb(HEIGHT * WIDTH * 3 * 2))
    with open_source(path) as source:
        assert not source.read().values.any()


def test_a_chunk_without_a_size_is_refused_and_a_long_one(tmp_path: Path) -> None:
    path = written(tmp_path / "a.zarr", image().to_dataset())
    chunk = path / "image" / "c" / "0" / "0" / "0"
    whole = chunk.read_bytes()
    chunk.write_bytes(whole[:4] + bytes([0]) + whole[5:])
    with pytest.raises(InputError, match="does not say how large it is; trust=true reads it"):
        open_source(path)
    with chunk.open("wb") as out:
        out.truncate(10**8)
    with pytest.raises(InputError, match="is larger than the array says"):
        open_source(path)


def test_shards_are_read_and_their_chunks_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    group = zarr.create_group(path, zarr_format=3)
    made = group.create_array(
        "image",
        shape=(3, HEIGHT, WIDTH),
        shards=(3, 32, 32),
        chunks=(3, 16, 16),
        dtype="uint16",
        dimension_names=("band", "y", "x"),
    )
    made[...] = numbers()
    with open_source(path) as source:
        assert (source.read().values == numbers()).all()
        corner = source.read(Window(top=3, left=5, height=4, width=20))  # of parts of shards
        assert (corner.values == numbers()[:, 3:7, 5:25]).all()
    bomb, absent = zstd_bomb(3 * 32 * 32 * 2 + 1), struct.pack("<Q", 2**64 - 1) * 2
    index = struct.pack("<QQ", 0, len(bomb)) + absent * 3
    check = struct.pack("<I", google_crc32c.value(index))
    (path / "image" / "c" / "0" / "0" / "0").write_bytes(bomb + index + check)
    with pytest.raises(InputError, match="is larger when it is unpacked than the"):
        open_source(path)


@pytest.mark.parametrize("kind", ["short", "turned"])
def test_a_damaged_chunk_is_said_to_be(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path / "a.zarr", image().to_dataset())
    chunk = path / "image" / "c" / "0" / "0" / "0"
    whole = chunk.read_bytes()
    chunk.write_bytes(whole[: len(whole) // 2] if kind == "short" else whole[::-1])
    with pytest.raises(InputError, match="cannot be read; damaged"):
        open_source(path)


def test_memory_is_that_of_the_chunks_under_a_window(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.zarr"
    made = geoloupe.upscale(scene(tmp_path), path, blocksize=64, **OPTIONS)
    asked: list[str] = []
    look = BoundedStore._checked

    def noted(self: Any, key: str, found: Any, byte_range: Any) -> Any:
        asked.append(key)
        return look(self, key, found, byte_range)

    with open_source(made.path) as source:
        monkeypatch.setattr(BoundedStore, "_checked", noted)
        source.read(Window(top=0, left=0, height=4, width=4))
    assert asked == ["c/0/0/0"]


def test_without_the_package_a_message_says_what_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "a.zarr", image().to_dataset())
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(InputError, match=r"a\.zarr: Zarr needs more .*'geoloupe\[zarr\]'"):
        open_source(path)
