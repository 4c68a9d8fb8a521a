"""Sentinel-2 products, whole or zipped, of both levels, become reflectance."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

import geoloupe
from geoloupe.errors import InputError
from geoloupe.rasters.opening import open_source

BANDS = {
    10: ("B02", "B03", "B04", "B08"),
    20: ("B05", "B06", "B07", "B8A", "B11", "B12"),
    60: ("B01", "B09"),
}
SIDE = 60


def band(name: str, metres: int) -> Any:
    rng = np.random.default_rng(sum(name.encode()))
    return rng.integers(1000, 9000, (SIDE * 10 // metres,) * 2).astype(np.uint16)


def write_jp2(path: Path, values: Any, metres: int) -> None:
    """Write a band (H,W) as the products store it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {
        **{"driver": "JP2OpenJPEG", "count": 1, "dtype": values.dtype.name, "quality": 100},
        **{"height": len(values), "width": len(values), "reversible": True},
        **{"crs": "EPSG:32632", "transform": Affine(metres, 0, 4e5, 0, -metres, 5e6)},
    }
    with rasterio.open(path, "w", **profile) as out:
        out.write(values, 1)


def product(
    root: Path,
    level: str = "2A",
    *,
    offset: int | None = -1000,
    miss: str = "",
    classes: Any = None,
) -> Path:
    """Write a product of one small granule, with a scene classification (30,30) where given."""
    safe = root / f"S2A_MSIL{level}_20230101T101010_N0509_R022_T32TMR_20230101T120000.SAFE"
    lines = []
    for metres, names in BANDS.items():
        for name in names:
            folder = f"GRANULE/L{level}_T32TMR/IMG_DATA"
            text = f"{folder}/T32TMR_{name}"
            if level == "2A":
                text = f"{folder}/R{metres}m/T32TMR_{name}_{metres}m"
            lines.append(f"<IMAGE_FILE>{text}</IMAGE_FILE>")
            if name == miss:
                continue
            write_jp2(safe / f"{text}.jp2", band(name, metres), metres)
    if classes is not None:
        text = f"GRANULE/L{level}_T32TMR/IMG_DATA/R20m/T32TMR_SCL_20m"
        lines.append(f"<IMAGE_FILE>{text}</IMAGE_FILE>")
        write_jp2(safe / f"{text}.jp2", np.asarray(classes, np.uint8), 20)
    tags = ("BOA_QUANTIFICATION_VALUE", "BOA_ADD_OFFSET")
    tags = tags if level == "2A" else ("QUANTIFICATION_VALUE", "RADIO_ADD_OFFSET")
    offsets = "".join(
        f'<{tags[1]} band_id="{number}">{offset}</{tags[1]}>'
        for number in range(13)
        if offset is not None
    )
    (safe / f"MTD_MSIL{level}.xml").write_text(
        f'<?xml version="1.0"?><n1:Level xmlns:n1="x">{"".join(lines)}'
        f"<{tags[0]} unit='none'>10000</{tags[0]}>{offsets}</n1:Level>"
    )
    return safe


@pytest.mark.parametrize("level", ["1C", "2A"])
@pytest.mark.parametrize("offset", [None, -1000])
def test_numbers_become_reflectance(tmp_path: Path, level: str, offset: int | None) -> None:
    safe = product(tmp_path, level, offset=offset)
    with open_source(safe) as source:
        assert [b.name for b in source.bands] == ["B02 blue", "B03 green", "B04 red", "B08 nir"]
        assert [b.common for b in source.bands] == ["blue", "green", "red", "nir"]
        assert source.bands[3].nm == pytest.approx(833)
        unit = source.read().in_unit().values
        expected = np.stack([band(name, 10) for name in BANDS[10]]).astype(float)
        assert np.abs(unit - (expected + (offset or 0)) / 10000).max() < 1e-6
        assert source.grid.transform == (10, 0, 4e5, 0, -10, 5e6)


def test_other_pixel_sizes_are_named(tmp_path: Path) -> None:
    safe = product(tmp_path)
    with open_source(f"{safe}:20m") as source:
        assert [b.name[:3] for b in source.bands] == list(BANDS[20])
        assert source.grid.height == SIDE // 2
    with open_source(f"{safe}:60m") as source:
        assert [b.name[:3] for b in source.bands] == list(BANDS[60])


def test_a_zip_and_the_metadata_file_are_the_same(tmp_path: Path) -> None:
    safe = product(tmp_path)
    packed = tmp_path / f"{safe.name}.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in safe.rglob("*"):
            archive.write(path, path.relative_to(tmp_path))
    with (
        open_source(safe) as one,
        open_source(packed) as two,
        open_source(safe / "MTD_MSIL2A.xml") as three,
    ):
        assert (one.read().values == two.read().values).all()
        assert (one.read().values == three.read().values).all()


def test_a_product_is_enlarged_with_its_offset(tmp_path: Path) -> None:
    result = geoloupe.upscale(product(tmp_path), tmp_path / "out.tif", model="bicubic", scale=2)
    with rasterio.open(result.path) as out:
        assert (out.nodata, out.dtypes[0]) == (0, "uint16")
        assert out.offsets[0] == pytest.approx(-0.1)
        assert out.tags()["GEOLOUPE_RANGE"].startswith("1000 to 11000")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda safe: next(safe.rglob("*B03*.jp2")).unlink(), "B03_10m.jp2 is missing"),
        (lambda safe: (safe / "MTD_MSIL2A.xml").unlink(), "holds 0 files MTD_MSIL1C.xml"),
        (lambda safe: (safe / "MTD_MSIL2A.xml").write_text("<a>"), "cannot be read"),
        (lambda safe: (safe / "MTD_MSIL2A.xml").write_text("<a/>"), "do not say what its numbers"),
        (
            lambda safe: (safe / "MTD_MSIL2A.xml").write_text(
                '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'
            ),
            "is not the metadata of a product",
        ),
        (  # the same words in another encoding
            lambda safe: (safe / "MTD_MSIL2A.xml").write_text(
                '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
                encoding="utf-16",
            ),
            "cannot be read",
        ),
        (
            lambda safe: (safe / "MTD_MSIL2A.xml").write_text(
                "<a><BOA_QUANTIFICATION_VALUE>1</BOA_QUANTIFICATION_VALUE>"
                '<BOA_ADD_OFFSET band_id="0">many</BOA_ADD_OFFSET></a>'
            ),
            "an invalid offset",
        ),
        (
            lambda safe: (safe / "MTD_MSIL2A.xml").write_text(
                "<a><IMAGE_FILE>../../x_B02_10m</IMAGE_FILE></a>"
            ),
            "a file outside it",
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, spoil: Any, message: str) -> None:
    safe = product(tmp_path)
    spoil(safe)
    with pytest.raises(InputError) as caught:
        open_source(safe)
    assert message in str(caught.value)
    assert str(safe) in str(caught.value)
