"""Sentinel-2 as EOPF Zarr, of both versions of Zarr, is the reflectance that its attributes say."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

import geoloupe
from geoloupe.errors import InputError
from geoloupe.rasters.opening import open_source
from geoloupe.rasters.scene_sensor import sensor_of
from tests.rasters.test_sentinel2 import BANDS, SIDE, band

zarr = pytest.importorskip("zarr")

NAME = "S2B_MSIL2A_20250530T101559_N0511_R065_T32TPT_20250530T130924.zarr"
SAID = {"scale_factor": 0.0001, "add_offset": -0.1, "_FillValue": 0}
FORMATS = (2, 3)


def product(root: Path, version: int = 2, *, attributes: Any = SAID, place: bool = True) -> Path:
    """Write a small product as the Sentinel Zarr samples are laid out."""
    path = root / NAME
    store = zarr.open_group(str(path), mode="w", zarr_format=version)
    store.attrs["other_metadata"] = {"horizontal_CRS_code": "EPSG:32632"}
    for metres, names in BANDS.items():
        group = store.create_group(f"measurements/reflectance/r{metres}m")
        for name in names:
            values = band(name, metres)
            array = group.create_array(
                name.lower(), shape=values.shape, chunks=(25, 25), dtype="uint16", fill_value=0
            )
            array[:] = values
            array.attrs.update(attributes)
            if place:
                array.attrs["proj:epsg"] = 32632
                array.attrs["proj:transform"] = [metres, 0, 4e5, 0, -metres, 5e6]
            else:
                array.attrs["proj:bbox"] = [4e5, 5e6 - 10 * SIDE, 4e5 + 10 * SIDE, 5e6]
    return path


@pytest.mark.parametrize("version", FORMATS)
@pytest.mark.parametrize("place", [True, False])
def test_numbers_become_reflectance(tmp_path: Path, version: int, place: bool) -> None:
    path = product(tmp_path, version, place=place)
    with open_source(path) as source:
        assert [b.name for b in source.bands] == ["B02 blue", "B03 green", "B04 red", "B08 nir"]
        assert source.grid.transform == (10, 0, 4e5, 0, -10, 5e6)
        assert rasterio.crs.CRS.from_wkt(source.grid.crs).to_epsg() == 32632
        assert source.radiometry.nodata == 0
        found = sensor_of(source)
        unit = source.read().in_unit().values
    assert found is not None
    assert found.sensor.name == "sentinel-2"
    expected = np.stack([band(name, 10) for name in BANDS[10]]) * 1e-4 - 0.1
    assert np.abs(unit - expected).max() < 1e-6
    with open_source(f"{path}:20m") as source:
        assert [b.name[:3] for b in source.bands] == list(BANDS[20])


@pytest.mark.parametrize("version", FORMATS)
def test_it_is_enlarged(tmp_path: Path, version: int) -> None:
    path = product(tmp_path, version)
    made = geoloupe.upscale(path, tmp_path / "o.tif", model="nearest", scale=2, bands="red")
    with rasterio.open(made.path) as out:
        assert out.offsets == (-0.1,)
        assert (out.read(1)[::2, ::2] == band("B04", 10)).all()


def test_what_eopf_nests_is_read(tmp_path: Path) -> None:
    nested = {"_eopf_attrs": {"scale_factor": 0.0001, "add_offset": -0.1, "fill_value": 0}}
    with open_source(product(tmp_path, attributes=nested)) as source:
        assert {b.offset for b in source.facts.bands} == {-0.1}


def test_numbers_that_do_not_say_what_they_mean_are_asked_for(tmp_path: Path) -> None:
    path = product(tmp_path, attributes={})
    with pytest.raises(InputError, match=r"offset=-0\.1 is right; near 0, offset=0"):
        open_source(path)
    with open_source(path, offset=0.0) as source:
        assert {(b.scale, b.offset) for b in source.facts.bands} == {(0.0001, 0.0)}


@pytest.mark.parametrize("version", FORMATS)
def test_a_codec_that_may_run_programs_is_refused(tmp_path: Path, version: int) -> None:
    path = product(tmp_path, version)
    folder = path / "measurements" / "reflectance" / "r10m" / "b03"
    file = folder / ("zarr.json" if version == 3 else ".zarray")
    about = json.loads(file.read_text())
    if version == 3:
        about["codecs"].append({"name": "numcodecs.pickle", "configuration": {}})
    else:
        about["filters"] = [{"id": "pickle", "protocol": 5}]
    file.write_text(json.dumps(about))
    with pytest.raises(InputError, match=r"is packed by '(numcodecs\.)?pickle', which is not read"):
        open_source(path)


def test_a_link_out_of_the_store_is_refused(tmp_path: Path) -> None:
    path = product(tmp_path)
    chunk = path / "measurements" / "reflectance" / "r10m" / "b02" / "0.0"
    chunk.rename(tmp_path / "elsewhere")
    chunk.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="is a link that leads out"):
        open_source(path)


@pytest.mark.parametrize("version", FORMATS)
def test_a_damaged_chunk_is_said_to_be(tmp_path: Path, version: int) -> None:
    path = product(tmp_path, version)
    folder = path / "measurements" / "reflectance" / "r10m" / "b02"
    chunk = folder / ("c/0/0" if version == 3 else "0.0")
    chunk.write_bytes(chunk.read_bytes()[:7])
    with pytest.raises(InputError, match="cannot be read; damaged"), open_source(path) as source:
        source.read()


@pytest.mark.parametrize("place", [[10, 0, float("nan"), 0, -10, 5e6], [0, 0, 4e5, 0, -10, 5e6]])
def test_a_place_that_is_none_is_refused(tmp_path: Path, place: list[float]) -> None:
    path = product(tmp_path, attributes=SAID)
    group = path / "measurements" / "reflectance" / "r10m"
    for name in BANDS[10]:
        file = group / name.lower() / ".zattrs"
        about = json.loads(file.read_text())
        file.write_text(json.dumps(about | {"proj:transform": place}))
    with pytest.raises(InputError, match=r"10m: its georeference is invalid"):
        open_source(path)


def test_a_chunk_that_becomes_larger_than_its_array_says_is_not_unpacked(tmp_path: Path) -> None:
    path = product(tmp_path)
    chunk = path / "measurements" / "reflectance" / "r10m" / "b02" / "0.0"
    array = zarr.open_array(chunk.parent, mode="r")
    (packing,) = array.compressors
    chunk.write_bytes(packing.encode(np.zeros(25 * 25 + 1, np.uint16)))
    with pytest.raises(InputError, match="is larger when it is unpacked"):
        open_source(path)
