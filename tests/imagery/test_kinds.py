"""What a raster shows, told by the words that people and processors use."""

from typing import Any

import numpy as np
import pytest

from geoloupe.imagery.kinds import Described, Kind, shows_classes, told_kind
from tests.relief import relief


def seen(
    *names: str, name: str = "scene", dtype: str = "float32", unit: str = "", **tags: str
) -> Kind | None:
    """Return what a raster of these bands seems to show."""
    bands = [Described(name=band, unit=unit) for band in names or ("",)]
    found = told_kind(name, dtype, bands, tags, None)
    return None if found is None else found.kind


@pytest.mark.parametrize(
    "names",
    [
        ("Gamma0_VV",),
        ("VV", "VH"),
        ("Sigma0_VH_db",),
        ("vv_backscatter",),
        ("HH",),
        ("blue", "green", "red", "VV"),
    ],
)
def test_radar_is_told_by_its_bands(names: tuple[str, ...]) -> None:
    assert seen(*names) == "radar"


@pytest.mark.parametrize(
    "name",
    ["S1A_IW_GRDH_1SDV_20240101T054321", "s1b_vv_ascending", "ALOS_PALSAR_HH", "gamma0_mosaic"],
)
def test_radar_is_told_by_its_file(name: str) -> None:
    assert seen(name=name, dtype="uint16") == "radar"


def test_radar_is_told_by_the_product() -> None:
    assert seen("", "", SATELLITE="SENTINEL-1A") == "radar"
    assert seen(mission="RADARSAT-2") == "radar"


@pytest.mark.parametrize(
    ("names", "unit"),
    [
        (("LST",), ""),
        (("ST_B10",), "K"),
        (("surface temperature",), ""),
        (("brightness_temperature",), ""),
        (("",), "Kelvin"),
        (("",), "degC"),
        (("red", "nir", "thermal"), ""),
    ],
)
def test_thermal_bands_are_told(names: tuple[str, ...], unit: str) -> None:
    assert seen(*names, unit=unit) == "thermal"


@pytest.mark.parametrize(
    ("name", "band", "unit"),
    [
        ("dem", "", ""),
        ("srtm_38_03", "", ""),
        ("Copernicus_DSM_COG_10_N50_00_E008_00_DEM", "", ""),
        ("scene", "elevation", ""),
        ("scene", "", "m"),
        ("scene", "", "metre"),
    ],
)
def test_elevation_is_told(name: str, band: str, unit: str) -> None:
    for dtype in ("float32", "int16"):
        assert seen(band, name=name, unit=unit, dtype=dtype) == "elevation"


def test_heights_in_the_coordinate_system_are_elevation() -> None:
    crs = 'COMPOUNDCRS["a",PROJCRS["b"],VERTCRS["EGM2008 height",VDATUM["c"]]]'
    found = told_kind("n34", "float32", [Described()], {}, crs)
    assert found is not None
    assert found.kind == "elevation"
    assert told_kind("n34", "uint8", [Described()] * 3, {}, crs) is None


@pytest.mark.parametrize(
    ("name", "band"),
    [
        ("ESA_WorldCover_10m_2021_v200_N48E006_Map", ""),
        ("nlcd_2019", ""),
        ("scene", "land cover"),
        ("scene", "classification"),
        ("scene", "SCL"),
    ],
)
def test_maps_of_classes_are_told(name: str, band: str) -> None:
    assert seen(band, name=name, dtype="uint8") == "classes"


def test_a_thematic_layer_is_a_map_of_classes() -> None:
    bands = [Described(tags={"LAYER_TYPE": "thematic"})]
    found = told_kind("scene", "uint8", bands, {}, None)
    assert found is not None
    assert (found.kind, found.why) == ("classes", "band 1 is called thematic")


@pytest.mark.parametrize(
    "names",
    [
        ("B02 blue", "B03 green", "B04 red", "B08 nir"),
        ("red", "green", "blue"),
        ("B10 cirrus",),
        ("Band 1 (442.3 nm)", "Band 2 (447.1 nm)"),
        ("panchromatic",),
        ("water vapour",),
        ("demolition", "classic", "labelled", "vhigh", "listing"),
        ("",),
    ],
)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_an_image_or_an_unknown_thing_says_nothing(names: tuple[str, ...], dtype: str) -> None:
    for name in ("scene", "S2B_MSIL2A_20240701T101559", "LC09_L1TP_B4", "demo", "ms1a", "pan1"):
        assert seen(*names, name=name, dtype=dtype) is None


def test_words_about_a_file_of_many_bands_are_not_about_its_bands() -> None:
    told = "ortho made with a DSM"
    assert seen("red", "green", "blue", name="classes_over_dem", description=told) is None
    assert seen("r", "g", dtype="float32", unit="m") is None
    assert seen(dtype="uint8", name="hillshade_dem") is None  # 8 bits: a picture of it
    assert seen(dtype="float32", name="class_probability") is None


def test_stories_in_tags_are_not_read() -> None:
    assert seen(description="a mosaic " + "of many things, sentinel-1 among them, " * 9) is None
    assert seen(history="sentinel-1") is None


def test_few_numbers_in_patches_are_classes() -> None:
    rng = np.random.default_rng(0)
    patches: Any = rng.integers(1, 9, (16, 16)).repeat(16, 0).repeat(16, 1).astype(np.uint8)
    assert shows_classes(patches)
    assert not shows_classes(rng.integers(0, 9, (256, 256)).astype(np.uint8))  # noise
    assert not shows_classes(relief("uint8", 20, 200)[0])
    assert not shows_classes(np.full((256, 256), 7, np.uint8))
    assert not shows_classes(patches[:20, :20])
    assert not shows_classes(patches.astype(np.int16))
