"""Bands in files of their own are one scene, in the order in which they are named."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

import geoloupe
from geoloupe.errors import InputError
from geoloupe.rasters.opening import open_source, stem_of

PLACE = Affine(10.0, 0.0, 500_000.0, 0.0, -10.0, 4_000_000.0)


def band(path: Path, **changes: Any) -> Path:
    """Write a file of one band whose numbers its name decides."""
    seed = sum(path.name.encode())
    values = np.random.default_rng(seed).integers(1, 4000, (30, 40))
    profile = {"dtype": "uint16", "transform": PLACE, "nodata": 0, "count": 1} | changes
    height = profile.pop("height", 30)
    with rasterio.open(
        path, "w", driver="GTiff", width=40, height=height, crs="EPSG:32631", **profile
    ) as out:
        for number in range(1, profile["count"] + 1):
            out.write(values[:height].astype(profile["dtype"]), number)
    return path


def joined(*paths: Path) -> str:
    return "+".join(map(str, paths))


def test_files_are_bands_in_the_order_of_their_names(tmp_path: Path) -> None:
    paths = [band(tmp_path / f"{name}.tif") for name in ("B04", "B03", "B02")]
    with open_source(joined(*paths)) as scene:
        image = scene.read()
        assert [each.name for each in scene.bands] == ["B04", "B03", "B02"]
        assert scene.radiometry.nodata == 0
        assert scene.grid.transform[:6] == tuple(PLACE)[:6]
    for values, path in zip(image.values, paths, strict=True):
        with rasterio.open(path) as file:
            assert np.array_equal(values, file.read(1))
    assert stem_of(joined(*paths)) == "B04_and_2_more"


def test_what_they_say_is_kept(tmp_path: Path) -> None:
    paths = [band(tmp_path / f"{name}.tif", nodata=None) for name in ("a", "b")]
    with rasterio.open(paths[1], "r+") as out:
        out.scales, out.offsets = (1e-4,), (-0.1,)
        out.set_band_description(1, "nir <&>")
    with open_source(joined(*paths)) as scene:
        assert [each.name for each in scene.bands] == ["a", "nir <&>"]
        assert scene.facts.bands[1].scale == 1e-4
        assert scene.facts.bands[1].offset == -0.1
        assert scene.radiometry.nodata is None


def test_they_are_enlarged_as_one_scene(tmp_path: Path) -> None:
    paths = [band(tmp_path / f"{name}.tif") for name in ("B04", "B03", "B02")]
    result = geoloupe.upscale(joined(*paths), model="bicubic", scale=2)
    assert result.path == tmp_path / "B04_and_2_more_x2.tif"
    with rasterio.open(result.path) as product:
        assert product.descriptions == ("B04", "B03", "B02")
        assert product.shape == (60, 80)
    with pytest.raises(InputError, match="is an input of this very run"):
        geoloupe.upscale(joined(*paths), paths[0], model="bicubic", scale=2, overwrite=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dtype": "int16"}, r"b\.tif: holds int16 with nodata 0.0, and .*a\.tif uint16"),
        ({"nodata": 7}, r"b\.tif: holds uint16 with nodata 7.0"),
        ({"transform": PLACE @ Affine.translation(1, 0)}, r"b\.tif: has other pixels than"),
        ({"height": 20}, r"b\.tif: has other pixels than"),
        ({"count": 2}, r"b\.tif: holds 2 bands; join files of one band each"),
    ],
)
def test_what_does_not_go_together_is_named(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    first, second = band(tmp_path / "a.tif"), band(tmp_path / "b.tif", **changes)
    with pytest.raises(InputError, match=message):
        open_source(joined(first, second))


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"c\.tif: no such file"):
        open_source(joined(band(tmp_path / "a.tif"), tmp_path / "c.tif"))


def test_a_plus_in_a_name_is_a_name(tmp_path: Path) -> None:
    path = band(tmp_path / "a+b.tif")
    with open_source(path) as scene:
        assert len(scene.bands) == 1


def test_a_band_may_not_lead_elsewhere(tmp_path: Path) -> None:
    first, outside = band(tmp_path / "a.tif"), tmp_path / "elsewhere"
    outside.mkdir()
    (tmp_path / "in").mkdir()
    target = band(outside / "b.tif")
    link = tmp_path / "in" / "b.vrt"
    link.write_text(
        '<VRTDataset rasterXSize="40" rasterYSize="30"><VRTRasterBand dataType="UInt16" band="1">'
        f'<SimpleSource><SourceFilename relativeToVRT="0">{target}</SourceFilename>'
        "<SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    with pytest.raises(InputError, match="trust"):
        open_source(joined(first, link))
