"""PRISMA's Level 2D: reflectance of both cubes by wavelength, bad bands last and left out."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import rasterio

import geoloupe
from geoloupe.errors import InputError
from geoloupe.rasters.opening import open_source

FIELDS = "HDFEOS/SWATHS/PRS_L2D_HCO/Data Fields"
PLACES = "HDFEOS/SWATHS/PRS_L2D_HCO/Geolocation Fields"
HEIGHT, WIDTH = 40, 30
VNIR, SWIR = (0.0, 850.5, 660.25, 480.0), (2200.0, 1600.0)  # as they are stored: falling
LEAST, MOST = -0.1, 1.2


def cube(part: str) -> Any:
    """Draw the numbers (band,y,x) of a cube."""
    count = len(VNIR if part == "Vnir" else SWIR)
    rng = np.random.default_rng(len(part) + count)
    return rng.integers(6000, 30_000, (count, HEIGHT, WIDTH)).astype(np.uint16)


def product(root: Path, *, turned: bool = False, middles: bool = False) -> Path:
    """Write a small file; corners are named by their outer edges or by the middles of pixels."""
    path = root / "PRS_L2D_STD_20230407100729_20230407100733_0001.he5"
    half = 15 if middles else 0
    left, right = 3e5 + half, 3e5 + 30 * WIDTH - half
    top, bottom = 5e6 - half, 5e6 - 30 * HEIGHT + half
    with h5py.File(path, "w") as file:
        for part, lengths in (("Vnir", VNIR), ("Swir", SWIR)):
            values = cube(part).transpose((2, 0, 1) if turned else (1, 0, 2))
            file[f"{FIELDS}/{part.upper()}_Cube"] = values
            file.attrs[f"List_Cw_{part}"] = np.array(lengths, np.float32)
            file.attrs[f"List_Fwhm_{part}"] = np.full(len(lengths), 10, np.float32)
            file.attrs[f"List_Cw_{part}_Flags"] = np.array(lengths, np.float32) > 0
            file.attrs[f"L2Scale{part}Min"] = np.float32(LEAST)
            file.attrs[f"L2Scale{part}Max"] = np.float32(MOST)
        latitudes = np.repeat(np.linspace(45.2, 45.1, HEIGHT)[:, None], WIDTH, axis=1)
        file[f"{PLACES}/Latitude"] = latitudes.T if turned else latitudes
        file.attrs["Epsg_Code"] = 32632
        for corner, x, y in (
            *(("UL", left, top), ("UR", right, top), ("LL", left, bottom), ("LR", right, bottom)),
        ):
            file.attrs[f"Product_{corner}corner_easting"] = x
            file.attrs[f"Product_{corner}corner_northing"] = y
    return path


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("middles", [False, True])
def test_both_cubes_are_one_scene(tmp_path: Path, turned: bool, middles: bool) -> None:
    with open_source(product(tmp_path, turned=turned, middles=middles)) as source:
        lengths = [band.nm for band in source.bands]
        assert lengths[:5] == pytest.approx([480, 660.25, 850.5, 1600, 2200])
        assert lengths[5] is None
        assert [band.bad for band in source.facts.bands] == [False] * 5 + [True]
        assert source.grid.transform == pytest.approx((30, 0, 3e5, 0, -30, 5e6))
        image = source.read()
    vnir, swir = cube("Vnir"), cube("Swir")
    expected = np.stack([vnir[3], vnir[2], vnir[1], swir[1], swir[0], vnir[0]])
    assert (image.values == expected).all()
    reflectance = LEAST + expected / 65535 * (MOST - LEAST)
    assert np.abs(image.in_unit().values - reflectance).max() < 1e-5


def test_it_is_enlarged_without_its_bad_band(tmp_path: Path) -> None:
    made = geoloupe.upscale(product(tmp_path), tmp_path / "o.tif", model="nearest", scale=2)
    with rasterio.open(made.path) as out:
        assert out.count == 5
        assert out.tags()["GEOLOUPE_BAD_BANDS"] == "6 left out"
        assert out.offsets == pytest.approx((LEAST,) * 5)
        assert (out.read(1)[::2, ::2] == cube("Vnir")[3]).all()


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    path = product(tmp_path)
    with h5py.File(path, "r+") as file:
        file.attrs["List_Fwhm_Vnir"] = np.ones(3)
    with pytest.raises(InputError, match="lists of its VNIR bands differ in length"):
        open_source(path)
    with h5py.File(path, "r+") as file:
        del file.attrs["L2ScaleVnirMin"]
    with pytest.raises(InputError, match="cannot be read; damaged or incomplete"):
        open_source(path)
    product(tmp_path)
    with h5py.File(path, "r+") as file:
        del file[f"{FIELDS}/SWIR_Cube"]
        file[f"{FIELDS}/SWIR_Cube"] = h5py.ExternalLink("other.h5", "/secret")
    with pytest.raises(InputError, match="is a link to another file"):
        open_source(path)
