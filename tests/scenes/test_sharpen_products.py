"""Products that hold coarse and fine bands: Sentinel-2 as .SAFE or .zip, Landsat as a folder."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from rasterio.transform import Affine

import geoloupe
from geoloupe.errors import InputError
from geoloupe.imagery.alignment import Axis
from geoloupe.imagery.sensors.table import load_sensor
from geoloupe.networks.observation import Observation
from geoloupe.scenes.inspection import inspect
from tests.scenes.pairs import PLACE, coarse_place, ground, pan, read, write

SIDE = 240  # pixels of 10 m
ORDER = ["B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12"]
FINE = {"B02": (0, 0, 1, 0), "B03": (0, 1, 0, 0), "B04": (1, 0, 0, 0), "B08": (0, 0, 0, 1)}
MIXED = {  # of red, green, blue and near infrared
    "B01": (0, 0.1, 0.9, 0),
    "B05": (0.6, 0, 0, 0.3),
    "B06": (0.3, 0, 0, 0.7),
    "B07": (0.2, 0, 0, 0.8),
    "B8A": (0, 0, 0, 1.1),
    "B09": (0, 0.3, 0, 0.5),
    "B11": (0.5, 0.5, 0, 0.2),
    "B12": (0.8, 0.2, 0, 0),
}
PIXEL = {"B01": 60, "B09": 60} | dict.fromkeys(("B05", "B06", "B07", "B8A", "B11", "B12"), 20)


def mixed(name: str) -> Any:
    """Return a band's truth at 10 m, (H,W)."""
    return 1200 + np.tensordot((FINE | MIXED)[name], ground(SIDE), axes=1)


def safe(root: Path, *, level: str = "2A") -> Path:
    """Write a Sentinel-2 product whose bands are what each band's own sensor sees."""
    folder = root / f"S2A_MSIL{level}_20230101T101010_N0509_R022_T32TMR_20230101T120000.SAFE"
    lines = []
    for name in ORDER:
        metres = PIXEL.get(name, 10)
        values = mixed(name)
        if metres > 10:
            band = next(b for b in load_sensor("sentinel-2").bands if b.name == name)
            sensor = Observation.aligned(band.mtf, scale=metres // 10)
            size = (SIDE * 10 // metres,) * 2
            values = sensor.observe(torch.from_numpy(values)[None, None], size)[0, 0].numpy()
        text = f"GRANULE/L{level}_T32TMR/IMG_DATA/R{metres}m/T32TMR_{name}_{metres}m"
        lines.append(f"<IMAGE_FILE>{text}</IMAGE_FILE>")
        path = folder / f"{text}.jp2"
        path.parent.mkdir(parents=True, exist_ok=True)
        profile = {
            **{"driver": "JP2OpenJPEG", "count": 1, "dtype": "uint16", "quality": 100},
            **{"height": len(values), "width": len(values), "reversible": True},
            **{"crs": "EPSG:32632", "transform": Affine(metres, 0, 4e5, 0, -metres, 5e6)},
        }
        with rasterio.open(path, "w", **profile) as out:
            out.write(np.rint(values).astype(np.uint16), 1)
    offsets = "".join(f'<BOA_ADD_OFFSET band_id="{n}">-1000</BOA_ADD_OFFSET>' for n in range(13))
    (folder / f"MTD_MSIL{level}.xml").write_text(
        f'<?xml version="1.0"?><n1:Level xmlns:n1="x">{"".join(lines)}'
        f"<BOA_QUANTIFICATION_VALUE unit='none'>10000</BOA_QUANTIFICATION_VALUE>{offsets}"
        "</n1:Level>"
    )
    return folder


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return safe(tmp_path_factory.mktemp("s2"))


def test_all_bands_of_sentinel_2_come_to_10_m(product: Path, tmp_path: Path) -> None:
    result = geoloupe.sharpen(product, tmp_path / "out.tif")
    assert result.ratios == (2, 6)
    assert [optics.sensor for optics in result.optics] == ["sentinel-2"] * 2
    assert not any(found.corrected for found in result.registrations), result.registrations
    with rasterio.open(result.path) as out:
        assert [text.split()[0] for text in out.descriptions] == ORDER
        assert out.transform == Affine(10, 0, 4e5, 0, -10, 5e6)
        assert (out.shape, out.dtypes[0], out.nodata) == ((SIDE, SIDE), "uint16", 0)
        assert out.offsets == pytest.approx((-0.1,) * 12)
    values = read(result.path)
    for place, name in enumerate(ORDER):
        truth = mixed(name)
        if name in FINE:
            assert (values[place] == np.rint(truth)).all()  # as they are
            continue
        ratio = PIXEL[name] // 10
        plain = _interpolated(product, name)
        inner = np.s_[12:-12, 12:-12]
        errors = [np.sqrt(np.mean((made - truth)[inner] ** 2)) for made in (values[place], plain)]
        assert errors[0] < (0.5 if ratio == 2 else 0.6) * errors[1], name


def _interpolated(product: Path, name: str) -> Any:
    metres = PIXEL[name]
    (path,) = product.rglob(f"*_{name}_{metres}m.jp2")
    values = torch.from_numpy(read(path))[None]
    return (
        Observation.aligned(0.3, scale=metres // 10).interpolate(values, (SIDE, SIDE))[0, 0].numpy()
    )


def test_bands_are_chosen_by_name_and_one_size_may_be_named(product: Path, tmp_path: Path) -> None:
    result = geoloupe.sharpen(product, tmp_path / "out.tif", bands="B11 swir1,B08 nir")
    with rasterio.open(result.path) as out:
        assert [text.split()[0] for text in out.descriptions] == ["B11", "B08"]
    assert result.ratios == (2,)
    whole = read(geoloupe.sharpen(f"{product}:60m", tmp_path / "sixty.tif").path)
    assert whole.shape == (2, SIDE, SIDE)
    with pytest.raises(InputError, match="all chosen bands are as fine as the guide"):
        geoloupe.sharpen(product, tmp_path / "no.tif", bands="nir")


def test_a_zip_gives_the_same(product: Path, tmp_path: Path) -> None:
    packed = tmp_path / f"{product.name}.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in product.rglob("*"):
            archive.write(path, path.relative_to(product.parent))
    one, two = (
        geoloupe.sharpen(path, tmp_path / f"{name}.tif", bands="B05 red edge 1")
        for name, path in (("folder", product), ("zip", packed))
    )
    assert (read(one.path) == read(two.path)).all()


def landsat(root: Path, *, miss: str = "", metadata: bool = True, sensor: str = "LC08") -> Path:
    """Write a Level-1 product whose panchromatic band lies half a pixel inside, as all do."""
    name = f"{sensor}_L1TP_044034_20170614_20170628_01_T1"
    folder = root / name
    truth = ground(192) + 2000
    axis = Axis(ratio=2, offset=-0.5)
    sees = Observation(mtf=(0.3,), down=axis, across=axis)
    seen = sees.observe(torch.from_numpy(truth)[None], (96, 96))[0].numpy()
    bands = {"B2": seen[2], "B3": seen[1], "B4": seen[0], "B5": seen[3], "B6": seen[0] * 0.7}
    place = coarse_place(2, (-0.5, -0.5))
    for band, values in (bands | {"B10": seen[0], "BQA": seen[0]}).items():
        if band != miss:
            write(folder / f"{name}_{band}.TIF", values[None], place)
    if miss != "B8":
        write(folder / f"{name}_B8.TIF", pan(truth), PLACE)
    if metadata:
        lines = "".join(
            f"    REFLECTANCE_MULT_BAND_{n} = 2.0000E-05\n"
            f"    REFLECTANCE_ADD_BAND_{n} = -0.100000\n"
            for n in range(1, 10)
        )
        (folder / f"{name}_MTL.txt").write_text(f"GROUP = L1_METADATA_FILE\n{lines}END\n")
    return folder


@pytest.mark.parametrize("metadata", [True, False])
def test_a_landsat_folder_is_sharpened_by_its_panchromatic_band(
    tmp_path: Path, metadata: bool
) -> None:
    folder = landsat(tmp_path, metadata=metadata)
    result = geoloupe.sharpen(folder, tmp_path / "out.tif")
    assert result.ratios == (2,)
    assert result.optics[0].sensor == "landsat-8"
    assert result.registrations[0].length < 0.1  # half a pixel is what the files say
    with rasterio.open(result.path) as out:
        assert out.transform == PLACE
        names = [text.split()[0] for text in out.descriptions]
        assert names == ["B2", "B3", "B4", "B5", "B6"]
        assert out.scales[0] == pytest.approx(2e-5 if metadata else 1)
        assert out.nodata == 0
    values, truth = read(result.path), ground(192) + 2000
    plain = read(geoloupe.sharpen(folder, tmp_path / "plain.tif", model="bicubic").path)
    inner = np.s_[10:-10, 10:-10]
    for place, band in ((0, 2), (2, 0), (3, 3)):
        errors = [
            np.sqrt(np.mean((made[place] - truth[band])[inner] ** 2)) for made in (values, plain)
        ]
        assert errors[0] < 0.6 * errors[1]


def test_a_landsat_product_that_cannot_be_sharpened_says_why(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no panchromatic band \(B8\); Level-2 products"):
        geoloupe.sharpen(landsat(tmp_path / "a", miss="B8"), tmp_path / "no.tif")
    with pytest.raises(InputError, match="not a product of Landsat 7, 8 or 9"):
        geoloupe.sharpen(landsat(tmp_path / "b", sensor="LT05"), tmp_path / "no.tif")
    twice = landsat(tmp_path / "c")
    first = next(twice.glob("*_B2.TIF"))
    first.with_name(first.name.replace("20170614", "20170630")).write_bytes(first.read_bytes())
    with pytest.raises(InputError, match="holds several files of B2"):
        geoloupe.sharpen(twice, tmp_path / "no.tif")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no finer image is known to guide it"):
        geoloupe.sharpen(tmp_path / "empty", tmp_path / "no.tif")


def test_a_product_is_inspected_beside_the_bands_of_one_size(product: Path, tmp_path: Path) -> None:
    result = geoloupe.sharpen(product, tmp_path / "out.tif")
    found = inspect(result.path, f"{product}:20m")
    assert found.scale == 2
    values = {finding.name: finding.value for finding in found.findings}
    assert values["reflectance"] < 0.01
    assert values["spatial"] < 0.1
