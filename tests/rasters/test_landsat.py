"""A folder of Landsat's is a scene of its multispectral bands, with the factors of its level."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

import geoloupe
from geoloupe.errors import InputError
from geoloupe.rasters.opening import open_source
from geoloupe.rasters.scene_sensor import sensor_of

PLACE = Affine(30.0, 0.0, 500_000.0, 0.0, -30.0, 4_000_000.0)
LEVEL1 = ("LEVEL1_RADIOMETRIC_RESCALING", "2.0000E-05", "-0.100000")
LEVEL2 = ("LEVEL2_SURFACE_REFLECTANCE_PARAMETERS", "2.75E-05", "-0.2")


def group(name: str, factor: str, addend: str) -> str:
    """Write the factors of all bands as the metadata do."""
    lines = [f"    REFLECTANCE_MULT_BAND_{n} = {factor}" for n in range(1, 8)]
    lines += [f"    REFLECTANCE_ADD_BAND_{n} = {addend}" for n in range(1, 8)]
    return "\n".join([f"  GROUP = {name}", *lines, f"  END_GROUP = {name}", ""])


def product(root: Path, level: str) -> Path:
    """Write a small product of Collection 2."""
    name = f"LC08_{level}_044034_20170614_20200903_02_T1"
    folder = root / name
    folder.mkdir(parents=True)
    kind = "SR_" if level == "L2SP" else ""
    rng = np.random.default_rng(0)
    for number in (1, 2, 3, 4, 5, 6, 7):
        values = rng.integers(8000, 20_000, (1, 24, 24)).astype(np.uint16)
        with rasterio.open(
            folder / f"{name}_{kind}B{number}.TIF",
            "w",
            driver="GTiff",
            width=24,
            height=24,
            count=1,
            dtype="uint16",
            nodata=0,
            crs="EPSG:32610",
            transform=PLACE,
        ) as out:
            out.write(values)
    groups = (LEVEL2, LEVEL1) if level == "L2SP" else (LEVEL1,)
    text = "".join(group(*each) for each in groups)
    (folder / f"{name}_MTL.txt").write_text(f"GROUP = LANDSAT_METADATA_FILE\n{text}END\n")
    return folder


@pytest.mark.parametrize(
    ("level", "scale", "offset"), [("L1TP", 2e-5, -0.1), ("L2SP", 2.75e-5, -0.2)]
)
def test_its_bands_are_the_scene(level: str, scale: float, offset: float, tmp_path: Path) -> None:
    folder = product(tmp_path, level)
    with open_source(folder) as scene:
        assert [band.name.split()[0] for band in scene.bands] == [f"B{n}" for n in range(1, 8)]
        assert sensor_of(scene) is not None
        assert {band.scale for band in scene.facts.bands} == {scale}
        assert {band.offset for band in scene.facts.bands} == {offset}
        values = scene.read().values
    with rasterio.open(next(folder.glob("*B4.TIF"))) as file:
        assert np.array_equal(values[3], file.read(1))


def test_it_is_enlarged_with_its_factors(tmp_path: Path) -> None:
    folder = product(tmp_path, "L2SP")
    result = geoloupe.upscale(folder, bands="red,green,blue", model="bicubic", scale=2)
    assert result.path.parent == tmp_path
    with rasterio.open(result.path) as made:
        assert made.count == 3
        assert made.scales == pytest.approx((2.75e-5,) * 3)
        assert made.offsets == pytest.approx((-0.2,) * 3)
        assert made.transform.a == 15


def test_level_2_has_no_panchromatic_band_to_sharpen_by(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no panchromatic band \(B8\); Level-2 products"):
        geoloupe.sharpen(product(tmp_path, "L2SP"), tmp_path / "o.tif")
