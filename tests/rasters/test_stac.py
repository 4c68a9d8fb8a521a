"""An item is a scene by its own words; where they leave the offset open, a person decides."""

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
from tests.rasters.catalogue import (
    SENTINEL2,
    numbers,
    sentinel2_item,
    serving,
    write_band,
    write_item,
)

FINE = ["blue", "green", "red", "nir"]
SAID = {"scale": 0.0001, "offset": -0.1}


def test_an_item_on_disk_is_its_finest_bands(tmp_path: Path) -> None:
    item = sentinel2_item(tmp_path, raster=SAID)
    with open_source(item) as source:
        assert [band.common for band in source.bands] == FINE
        assert [band.nm for band in source.bands] == pytest.approx([490, 560, 665, 842])
        assert source.grid.transform == (10, 0, 4e5, 0, -10, 5e6)
        assert source.radiometry.nodata == 0
        found = sensor_of(source)
        assert found is not None
        assert found.sensor.name == "sentinel-2"
        unit = source.read().in_unit().values
    expected = np.stack([numbers(key, 10) for key in FINE]) * 1e-4 - 0.1
    assert np.abs(unit - expected).max() < 1e-6


def test_other_pixel_sizes_are_named(tmp_path: Path) -> None:
    item = sentinel2_item(tmp_path, raster=SAID)
    with open_source(f"{item}:20m") as source:
        assert [band.name for band in source.bands] == ["rededge1 rededge", "swir16"]
        assert source.grid.height == 30
    with pytest.raises(InputError, match="has no bands of 15m, but of 10m, 20m, 60m"):
        open_source(f"{item}:15m")


def test_an_item_on_the_web_is_the_same(tmp_path: Path) -> None:
    item = sentinel2_item(tmp_path / "items" / "S2B_1", raster=SAID)
    with serving(tmp_path) as server, open_source(item) as here:
        with open_source(f"{server.address}/items/S2B_1/item.json") as there:
            assert (here.read().values == there.read().values).all()
            assert here.facts.bands == there.facts.bands
        # Nothing is asked for but the item and its bands: no files beside them.
        names = {path.rpartition("/")[2] for path in server.asked}
        assert names == {"item.json", *(f"{key}.tif" for key in SENTINEL2)}


def test_a_scene_of_the_web_is_enlarged_and_sharpened(tmp_path: Path) -> None:
    sentinel2_item(tmp_path / "web", raster=SAID)
    with serving(tmp_path / "web") as server:
        address = f"{server.address}/item.json"
        made = geoloupe.upscale(
            address, tmp_path / "o.tif", model="nearest", scale=2, mask="clouds", bands="red"
        )
        options: dict[str, Any] = {"model": "bicubic", "anyway": True}
        sharp = geoloupe.sharpen(address, tmp_path / "s.tif", **options)
        one = geoloupe.sharpen(f"{address}:20m", tmp_path / "t.tif", **options)
    with rasterio.open(made.path) as out:
        values = out.read(1)
        assert out.offsets == (-0.1,)
        assert out.tags()["GEOLOUPE_MASKED"] == "1.0 % of the pixels with data, by SCL"
        gone = np.zeros((120, 120), bool)
        gone[12:24, 12:24] = True
        assert ((values == 0) == gone).all()
        assert (values[::2, ::2][~gone[::2, ::2]] == numbers("red", 10)[~gone[::2, ::2]]).all()
    with rasterio.open(sharp.path) as out:
        assert out.count == 7
        assert out.transform.a == 10
    assert sharp.ratios == (2, 6)
    assert len(one.layout.facts.bands) == 2


@pytest.mark.parametrize(
    ("raster", "properties", "offset"),
    [
        (SAID, {}, -0.1),
        ({"scale": 0.0001, "offset": 0}, {"s2:processing_baseline": "05.09"}, 0),
        # Earth Search says -0.1 of numbers that it took the offset out of.
        (SAID, {"earthsearch:boa_offset_applied": True}, 0),
        (SAID, {"earthsearch:boa_offset_applied": False}, -0.1),
        (None, {"earthsearch:boa_offset_applied": True, "s2:processing_baseline": "05.09"}, 0),
        (None, {"earthsearch:boa_offset_applied": False, "s2:processing_baseline": "05.09"}, -0.1),
        (None, {"s2:processing_baseline": "03.01"}, 0),
        (None, {"processing:version": "02.14"}, 0),
        ({"scale": 0.0001}, {"s2:processing_baseline": "03.01"}, 0),
    ],
)
def test_an_offset_is_what_the_item_says(
    tmp_path: Path, raster: Any, properties: Any, offset: float
) -> None:
    with open_source(sentinel2_item(tmp_path, raster=raster, **properties)) as source:
        assert {band.offset for band in source.facts.bands} == {offset}
        assert {band.scale for band in source.facts.bands} == {0.0001}


def test_what_esa_stored_holds_its_offset(tmp_path: Path) -> None:
    item = sentinel2_item(tmp_path, suffix=".jp2", **{"s2:processing_baseline": "05.09"})
    with open_source(item) as source:
        assert {band.offset for band in source.facts.bands} == {-0.1}


@pytest.mark.parametrize(
    ("raster", "properties"),
    [
        (None, {}),
        (None, {"s2:processing_baseline": "05.09"}),
        ({"scale": 0.0001}, {"s2:processing_baseline": "04.00"}),
        (None, {"s2:processing_baseline": "many"}),
        (SAID, {"s2:processing_baseline": "03.01"}),  # which no product of that baseline has
    ],
)
def test_where_the_offset_is_open_a_person_decides(
    tmp_path: Path, raster: Any, properties: Any
) -> None:
    item = sentinel2_item(tmp_path, raster=raster, **properties)
    with pytest.raises(InputError, match=r"offset=-0\.1.*offset=0"):
        open_source(item)
    for offset in (-0.1, 0.0):
        with open_source(item, offset=offset) as source:
            assert {band.offset for band in source.facts.bands} == {offset}
    made = geoloupe.upscale(item, tmp_path / "o.tif", model="nearest", scale=2, offset=-0.1)
    with rasterio.open(made.path) as out:
        assert set(out.offsets) == {-0.1}


def test_an_offset_is_for_items_alone(tmp_path: Path) -> None:
    write_band(tmp_path / "a.tif", numbers("red", 10), 10)
    with pytest.raises(InputError, match="says itself what its numbers mean"):
        geoloupe.upscale(tmp_path / "a.tif", model="bicubic", scale=2, offset=0)


def test_the_bands_of_stac_1_1_are_read(tmp_path: Path) -> None:
    write_band(tmp_path / "B4.tif", numbers("red", 30), 30)
    write_band(tmp_path / "B8.tif", numbers("pan", 10), 10)
    write_band(tmp_path / "B10.tif", numbers("heat", 30), 30)
    names = {"B4": "red", "B8": "pan", "B10": "lwir11"}
    assets = {
        key: {
            "href": f"{key}.tif",
            "raster:scale": 2.75e-05,
            "raster:offset": -0.2,
            "bands": [{"name": key, "eo:common_name": name, "eo:center_wavelength": 0.6}],
        }
        for key, name in names.items()
    }
    item = write_item(tmp_path / "item.json", assets, {"platform": "landsat-8"})
    content = json.loads(item.read_text()) | {"collection": "landsat-c2-l2"}
    item.write_text(json.dumps(content))
    with open_source(f"{item}:30m") as source:
        assert [band.name for band in source.bands] == ["B4 red"]  # and no heat
        assert source.facts.bands[0].scale == 2.75e-05
        assert source.facts.bands[0].offset == -0.2


def test_an_item_leads_to_no_file_outside_its_folder(tmp_path: Path) -> None:
    secret = tmp_path / "secret.tif"
    write_band(secret, numbers("red", 10), 10)
    inside = tmp_path / "catalogue"
    inside.mkdir()
    (inside / "link.tif").symlink_to(secret)
    for href in ("../secret.tif", "link.tif", str(secret)):
        assets = {"red": {"href": href, "eo:bands": [{"common_name": "red"}]}}
        item = write_item(inside / "item.json", assets, {"s2:processing_baseline": "03.01"})
        with pytest.raises(InputError, match=r"is not in its own folder; if you trust it"):
            open_source(item)
        with open_source(item, trust=True) as source:
            assert (source.read().values[0] == numbers("red", 10)).all()
    with serving(inside) as server:
        # A path of the machine is one of the server to whoever asks it.
        with pytest.raises(InputError, match="has no such raster"):
            open_source(f"{server.address}/item.json")
        assert f"{tmp_path}/secret.tif" in server.asked


@pytest.mark.parametrize("href", ["file:///etc/red.tif", "s3://bucket/red.tif", "/vsimem/red.tif"])
def test_only_http_is_asked(tmp_path: Path, href: str) -> None:
    assets = {"red": {"href": href, "eo:bands": [{"common_name": "red"}]}}
    item = write_item(tmp_path / "item.json", assets, {"s2:processing_baseline": "03.01"})
    with pytest.raises(InputError, match=r"only http and https are read|not in its own folder"):
        open_source(item)


def test_an_item_makes_nobody_ask_this_machine(tmp_path: Path) -> None:
    with serving(tmp_path) as inner, serving(tmp_path) as outer:
        href = f"{inner.address}/red.tif"
        assets = {"red": {"href": href, "eo:bands": [{"common_name": "red"}]}}
        write_item(tmp_path / "item.json", assets, {"s2:processing_baseline": "03.01"})
        for name in (str(tmp_path / "item.json"), f"{outer.address}/item.json"):
            with pytest.raises(InputError, match="on this machine or its network; if you trust"):
                open_source(name)
        assert not inner.asked
        outer.redirects["/items/1"] = f"{inner.address}/item.json"
        with pytest.raises(InputError, match="on this machine or its network"):
            open_source(f"{outer.address}/items/1")
        assert not inner.asked
        write_band(tmp_path / "red.tif", numbers("red", 10), 10)
        with open_source(tmp_path / "item.json", trust=True) as source:
            assert (source.read().values[0] == numbers("red", 10)).all()


def test_an_asset_that_is_a_virtual_raster_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.tif"
    write_band(secret, numbers("red", 10), 10)
    folder = tmp_path / "web"
    folder.mkdir()
    (folder / "red.tif").write_text(
        '<VRTDataset rasterXSize="60" rasterYSize="60"><VRTRasterBand dataType="UInt16" band="1">'
        f'<SimpleSource><SourceFilename relativeToVRT="0">{secret}</SourceFilename></SimpleSource>'
        "</VRTRasterBand></VRTDataset>"
    )
    assets = {"red": {"href": "red.tif", "eo:bands": [{"common_name": "red"}]}}
    item = write_item(folder / "item.json", assets, {"s2:processing_baseline": "03.01"})
    with serving(folder) as server:
        for name in (str(item), f"{server.address}/item.json"):
            with pytest.raises(InputError, match=r"virtual raster|cannot be read from there"):
                open_source(name)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ("[1]", "is not a STAC item"),
        ('{"type": "Feature", "geometry": null}', "is not a STAC item"),
        ('{"type": "Collection", "stac_version": "1.0.0"}', "is a Collection of STAC; name one"),
        ('{"type": "FeatureCollection", "features": []}', "is a FeatureCollection of STAC"),
        (
            '{"type": "Feature", "stac_version": "1.0.0", "properties": {}, "assets": {"a": 1}}',
            "no asset is a raster of one band",
        ),
    ],
)
def test_what_is_no_item_is_said_to_be(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "item.json").write_text(content)
    with pytest.raises(InputError, match=message):
        open_source(tmp_path / "item.json")


def test_a_server_that_has_no_item_is_named(tmp_path: Path) -> None:
    with serving(tmp_path) as server, pytest.raises(InputError, match="its server answers 404"):
        open_source(f"{server.address}/collections/a/items/b")
    with pytest.raises(InputError, match="cannot be fetched"):
        open_source(f"{server.address}/item.json")


def test_bands_that_do_not_fit_each_other_are_named(tmp_path: Path) -> None:
    item = sentinel2_item(tmp_path, raster=SAID)
    write_band(tmp_path / "green.tif", numbers("green", 10)[:50], 10)
    with pytest.raises(InputError, match="lie on different grids"):
        open_source(item)
    write_band(tmp_path / "green.tif", numbers("green", 10).astype(np.float32), 10)
    with pytest.raises(InputError, match="green holds float32"):
        open_source(item)
