"""EnMAP's folders and ENVI's lists of bad bands: wavelengths, gains, bands of no use left out."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

import geoloupe
from geoloupe.errors import InputError
from geoloupe.rasters.opening import open_source

NAME = "ENMAP01-____L2A-DT0000001867_20220724T104526Z_008_V010302_20230628T165614Z"
LENGTHS = (418.4, 560.2, 664.9, 1390.1, 1610.5, 2200.3)
BAD = 4  # the number of the band in which water vapour lets nothing through


def cube(count: int = 6) -> Any:
    """Draw numbers of reflectance x 10000; those of the bad band are a fill."""
    values = np.random.default_rng(1).integers(200, 5000, (count, 40, 30)).astype(np.int16)
    if count == len(LENGTHS):
        values[BAD - 1] = -32768
    return values


def write(
    path: Path, values: Any, driver: str = "GTiff", *, pixel: float = 30, **profile: Any
) -> None:
    """Write a cube (B,H,W)."""
    count, height, width = values.shape
    size = {"count": count, "height": height, "width": width, "dtype": values.dtype}
    place = {"crs": "EPSG:32633", "transform": Affine(pixel, 0, 3e5, 0, -pixel, 58e5)}
    with rasterio.open(path, "w", driver=driver, **size, **place, **profile) as out:
        out.write(values)


def product(root: Path, *, level: str = "L2A", expected: str = "1,2,3,5,6") -> Path:
    """Write a small product as the ground segment lays it out."""
    folder = root / NAME.replace("L2A", level)
    folder.mkdir(parents=True)
    if level == "L1B":
        write(folder / f"{folder.name}-SPECTRAL_IMAGE_VNIR.TIF", cube()[:3], nodata=-32768)
        write(folder / f"{folder.name}-SPECTRAL_IMAGE_SWIR.TIF", cube()[3:], nodata=-32768)
    else:
        write(folder / f"{folder.name}-SPECTRAL_IMAGE.TIF", cube(), nodata=-32768)
    bands = "".join(
        f"<bandID number='{number}'><wavelengthCenterOfBand>{nm}</wavelengthCenterOfBand>"
        "<FWHMOfBand>8.5</FWHMOfBand><GainOfBand>0.0001</GainOfBand><OffsetOfBand>0</OffsetOfBand>"
        "</bandID>"
        for number, nm in enumerate(LENGTHS, start=1)
    )
    quality = (
        "<product><productQuality><vnirProductQuality>"
        f"<expectedChannelsList>{expected}</expectedChannelsList></vnirProductQuality>"
        "</productQuality></product>"
    )
    (folder / f"{folder.name}-METADATA.XML").write_text(
        f"<level_X>{quality if expected else ''}<specific><bandCharacterisation>{bands}"
        "</bandCharacterisation><backgroundValue>-32768</backgroundValue></specific></level_X>"
    )
    return folder


def test_a_folder_is_its_bands_with_wavelengths_and_gains(tmp_path: Path) -> None:
    folder = product(tmp_path)
    with open_source(folder) as source, open_source(next(folder.glob("*.XML"))) as same:
        assert [band.nm for band in source.bands] == pytest.approx(LENGTHS)
        assert {band.scale for band in source.facts.bands} == {0.0001}
        assert {band.imagery["FWHM_UM"] for band in source.facts.bands} == {"0.0085"}
        assert [band.bad for band in source.facts.bands] == [n == BAD for n in range(1, 7)]
        assert (source.read().values == cube()).all()
        assert (same.read().values == cube()).all()
        assert source.radiometry.nodata == -32768
        assert source.read().in_unit().values[0] == pytest.approx(cube()[0] / 1e4, abs=1e-6)


def test_a_bad_band_is_left_out_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = product(tmp_path)
    with caplog.at_level(logging.WARNING):
        made = geoloupe.upscale(folder, tmp_path / "o.tif", model="nearest", scale=2)
    assert "calls band 4 bad, and so it is left out" in caplog.text
    with rasterio.open(made.path) as out:
        assert out.count == 5
        assert out.tags()["GEOLOUPE_BAD_BANDS"] == "4 left out"
        assert (out.read()[:, ::2, ::2] == np.delete(cube(), BAD - 1, 0)).all()


def test_a_bad_band_that_is_named_is_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = product(tmp_path)
    with caplog.at_level(logging.WARNING):
        made = geoloupe.upscale(folder, tmp_path / "o.tif", model="nearest", scale=2, bands="3,4")
    assert "calls band 4 bad, and it is used as you said" in caplog.text
    with rasterio.open(made.path) as out:
        assert (out.read()[:, ::2, ::2] == cube()[2:4]).all()
        assert [out.tags(band).get("BAD_BAND") for band in (1, 2)] == [None, "yes"]


def test_without_a_list_all_bands_are_good(tmp_path: Path) -> None:
    with open_source(product(tmp_path, expected="")) as source:
        assert not any(band.bad for band in source.facts.bands)


def test_level_1b_has_two_detectors(tmp_path: Path) -> None:
    folder = product(tmp_path, level="L1B")
    for name, part in (("vnir", slice(0, 3)), ("swir", slice(3, 6))):
        with open_source(f"{folder}:{name}") as source:
            assert [band.nm for band in source.bands] == pytest.approx(LENGTHS[part])
            assert (source.read().values == cube()[part]).all()
    with open_source(folder) as source:
        assert source.name.endswith(":vnir")


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    folder = product(tmp_path)
    metadata = next(folder.glob("*.XML"))
    text = metadata.read_text()
    for old, new, message in (
        ("<GainOfBand>0.0001", "<GainOfBand>0", "give band 1 a gain of 0"),
        ("<OffsetOfBand>0<", "<OffsetOfBand>NaN<", "and an offset of nan; are they damaged"),
        ("<GainOfBand>0.0001", "<GainOfBand>much", "as 'much', no number"),
        ("<bandID number='6'>", "<other>", "cannot be read"),
        ("<level_X>", "<!DOCTYPE a []><level_X>", "is not the metadata of a product"),
    ):
        metadata.write_text(text.replace(old, new))
        with pytest.raises(InputError, match=message):
            open_source(folder)
    metadata.write_text(text)
    next(folder.glob("*.TIF")).unlink()
    with pytest.raises(InputError, match=r"SPECTRAL_IMAGE_VNIR.TIF is missing"):
        open_source(folder)


def envi(path: Path, bbl: str) -> Path:
    """Write a cube whose second band is bad and far brighter than all else."""
    values = np.random.default_rng(0).random((3, 40, 30)).astype(np.float32)
    values[1] += 5000
    write(path, values, "ENVI")
    header = path.with_suffix(".hdr")
    header.write_text(f"{header.read_text()}bbl = {{{bbl}}}\nwavelength = {{450, 1400, 660}}\n")
    return path


def test_a_list_in_an_envi_header_is_heeded(tmp_path: Path) -> None:
    path = envi(tmp_path / "a.img", "1, 0, 1")
    with open_source(path) as source:
        assert [band.bad for band in source.facts.bands] == [False, True, False]
        assert source.radiometry.high == (1.0,)  # which the bad band has no say in
    made = geoloupe.upscale(path, tmp_path / "o.tif", model="nearest", scale=2)
    with rasterio.open(made.path) as out:
        assert out.count == 2
        assert out.tags()["GEOLOUPE_BAD_BANDS"] == "2 left out"


def test_sharpening_leaves_bad_bands_out_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = envi(tmp_path / "a.img", "1, 0, 1")
    fine = np.random.default_rng(1).random((1, 80, 60)).astype(np.float32)
    write(tmp_path / "pan.tif", fine, pixel=15)
    words: dict[str, Any] = {"guide": tmp_path / "pan.tif", "model": "bicubic", "mtf": 0.3}
    words["shift"] = (0.0, 0.0)
    made = geoloupe.sharpen(path, tmp_path / "o.tif", **words)
    with rasterio.open(made.path) as out:
        assert (out.count, out.tags()["GEOLOUPE_BAD_BANDS"]) == (2, "2 left out")
    assert "calls band 2 bad, and so it is left out" in caplog.text
    caplog.clear()
    made = geoloupe.sharpen(path, tmp_path / "all.tif", bands="1,2,3", **words)
    with rasterio.open(made.path) as out:
        assert (out.count, "GEOLOUPE_BAD_BANDS" in out.tags()) == (3, False)
    assert "left out" not in caplog.text


def test_bad_bands_of_a_guide_are_not_looked_at_unless_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    coarse = np.random.default_rng(1).random((2, 20, 15)).astype(np.float32)
    write(tmp_path / "ms.tif", coarse, pixel=60)
    guide = envi(tmp_path / "guide.img", "1, 0, 1")
    words: dict[str, Any] = {"guide": guide, "model": "glp", "mtf": 0.3, "shift": (0.0, 0.0)}
    plain = geoloupe.sharpen(tmp_path / "ms.tif", tmp_path / "plain.tif", **words)
    assert "guide.img: calls band 2 bad, and so it is left out; guide_bands= names" in caplog.text
    named, three = (
        geoloupe.sharpen(tmp_path / "ms.tif", tmp_path / f"{n}.tif", guide_bands=n, **words)
        for n in ("1,3", "1,2,3")
    )
    one, other, more = (rasterio.open(made.path).read() for made in (plain, named, three))
    assert (one == other).all()
    assert not np.allclose(one, more)


def test_a_list_of_another_length_says_nothing_and_one_of_zeros_too_much(tmp_path: Path) -> None:
    with open_source(envi(tmp_path / "a.img", "1, 0")) as source:
        assert not any(band.bad for band in source.facts.bands)
    path = envi(tmp_path / "b.img", "0, 0, 0")
    with pytest.raises(InputError, match="calls all its bands bad"):
        geoloupe.upscale(path, tmp_path / "o.tif", model="nearest", scale=2)
