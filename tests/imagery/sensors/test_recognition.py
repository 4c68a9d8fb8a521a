"""A sensor is told by what a file says, and never guessed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoloupe.imagery.sensors.recognition import SceneFacts, recognise
from geoloupe.imagery.spectra import Band


def named(text: str) -> tuple[Band, ...]:
    return tuple(Band(name) for name in text.split())


@pytest.mark.parametrize(
    ("tags", "sensor"),
    [
        ({"SPACECRAFT_ID": "LANDSAT_8", "SENSOR_ID": "OLI_TIRS"}, "landsat-8"),
        ({"SPACECRAFT_ID": "LANDSAT_9"}, "landsat-9"),
        ({"SPACECRAFT_ID": "LANDSAT_7", "SENSOR_ID": "ETM"}, "landsat-7"),
        ({"SPACECRAFT_NAME": "Sentinel-2A"}, "sentinel-2"),
        ({"DATATAKE_1_SPACECRAFT_NAME": "Sentinel-2C"}, "sentinel-2"),
        ({"platform": "sentinel-2b", "constellation": "sentinel-2"}, "sentinel-2"),
        ({"METADATATYPE": "DG", "SATELLITEID": "WV02"}, "worldview-2"),
        ({"SATELLITEID": "WV03"}, "worldview-3"),
        ({"SATELLITEID": "QB02"}, "quickbird"),
        ({"SENSOR_ID": "ETM"}, "landsat-7"),
        ({"SENSOR": "Sentinel-2"}, "sentinel-2"),
        ({"LANDSAT_PRODUCT_ID": "LC08_L2SP_171083_20150923_20200908_02_T1"}, "landsat-8"),
        ({"LANDSAT_SCENE_ID": "LE71710832002266SGS00"}, "landsat-7"),
        ({"system:index": "LC09_171083_20220923"}, "landsat-9"),
        ({"PRODUCT_URI": "S2B_MSIL2A_20220101T101031_N0400_R022_T33UUP_X.SAFE"}, "sentinel-2"),
    ],
)
def test_metadata_name_the_sensor(tags: dict[str, str], sensor: str) -> None:
    found = recognise(SceneFacts(tags=tags))
    assert found is not None
    assert found.sensor.name == sensor
    assert next(iter(tags.values())) in found.how or "metadata" in found.how


@pytest.mark.parametrize(
    ("name", "sensor"),
    [
        ("S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP_75_43.SAFE:10m", "sentinel-2"),
        (
            "archive/S2B_MSIL1C_20220101T101031_N0400_R022_T32TQM_20220101T121212.SAFE.zip",
            "sentinel-2",
        ),
        ("T32TQM_20220101T101031_B04_10m.jp2", "sentinel-2"),
        ("S2A_30TXQ_20220801_0_L2A/B04.tif", "sentinel-2"),
        ("/vsis3/tiles/S2A_MSIL1C_20160101.SAFE/GRANULE/X/IMG_DATA/red.jp2", "sentinel-2"),
        ("SENTINEL2A_20180101-101010-123_L2A_T31TCJ_D_V1-0.tif", "sentinel-2"),
        ("LC08_L1TP_017051_20201008_20201016_01_T1_B4.TIF", "landsat-8"),
        ("LO08_L1TP_017051_20201008_20201016_01_T1_B4.TIF", "landsat-8"),
        ("LC81710832015266LGN01_B4.TIF", "landsat-8"),
        ("C:\\scenes\\LC09_L2SP_017051_20221008_20221016_02_T1\\red.tif", "landsat-9"),
        ("LE07_L1TP_017051_20021008_20201016_01_T1_B8.TIF", "landsat-7"),
        ("WV03_20150807_P001.tif", "worldview-3"),
    ],
)
def test_names_of_products_tell_the_sensor(name: str, sensor: str) -> None:
    found = recognise(SceneFacts(name=name))
    assert found is not None
    assert found.sensor.name == sensor
    assert "called" in found.how


@pytest.mark.parametrize(
    ("bands", "pixel", "sensor"),
    [
        ("B02 B03 B04 B08", 10.0, "sentinel-2"),
        ("B02 B03 B04 B08", None, "sentinel-2"),
        ("B2 B3 B4", 10.02, "sentinel-2"),
        ("B4", 9.7, "sentinel-2"),
        ("B5 B6 B7 B8A B11 B12", 20.0, "sentinel-2"),
        ("B5 B6 B7 B8A B11 B12", None, "sentinel-2"),
        ("B01 B09 SCL", 60.0, "sentinel-2"),
        ("SR_B1 SR_B2 SR_B3 SR_B4 SR_B5 SR_B6 SR_B7 ST_B10 QA_PIXEL", 30.0, "landsat-8"),
        # Anybody's:
        ("B2 B3 B4", None, None),
        ("B2 B3 B4 B8", None, None),
        ("B2 B3 B4 B9", None, None),
        ("B2 B3 B4 B5 B6 B7", 30.0, None),
        ("SR_B1 SR_B2 SR_B3 SR_B4 SR_B5 SR_B7", 30.0, None),  # Landsat 4, 5 and 7
        ("B02 B03 B04 B05 B06 B07 B09", 30.0, None),  # Landsat in the harmonised archive
        ("B2 B3 B4", 3.0, None),
        ("b1 b2 b3", 10.0, None),
        ("red green blue nir", 10.0, None),
        ("Coastal Blue Green Yellow Red", 1.84, None),
        ("B8", 15.0, None),
        ("", 10.0, None),
    ],
)
def test_bands_tell_the_sensor_only_where_no_other_has_them(
    bands: str, pixel: float | None, sensor: str | None
) -> None:
    found = recognise(SceneFacts(bands=named(bands), pixel=pixel))
    assert (found and found.sensor.name) == sensor


def test_landsat_8_and_9_are_one_where_nothing_tells_them_apart() -> None:
    found = recognise(SceneFacts(bands=named("SR_B5 SR_B6"), pixel=30))
    assert found is not None
    assert "landsat-8 or landsat-9" in found.how
    found = recognise(SceneFacts(tags={"SENSOR_ID": "OLI_TIRS", "ID": "LC09_171083_20220923"}))
    assert found is not None
    assert found.sensor.name == "landsat-9"


def test_wavelengths_contradict_names() -> None:
    """In the harmonised archive B05 of Landsat is near infrared, of Sentinel-2 the red edge."""
    bands = (Band("B04", 655), Band("B05", 865))
    assert recognise(SceneFacts(bands=bands, pixel=20)) is None
    bands = (Band("B04", 665), Band("B05", 704))
    assert recognise(SceneFacts(bands=bands, pixel=20)) is not None


@pytest.mark.parametrize(
    "facts",
    [
        SceneFacts(),
        SceneFacts(tags={"SPACECRAFT_ID": "LANDSAT_5"}, bands=named("SR_B5 SR_B6"), pixel=30),
        SceneFacts(tags={"platform": "PRISMA"}, name="S2A_MSIL2A_20170613T101031.tif"),
        SceneFacts(tags={"SPACECRAFT_NAME": "Sentinel-2A", "platform": "landsat-8"}),
        SceneFacts(tags={"SPACECRAFT_NAME": "Sentinel-2A", "platform": "PRISMA"}),
        SceneFacts(name="S2A_MSIL2A_20170613_and_LC08_L2SP_171083_20150923.tif"),
        SceneFacts(tags={"SPACECRAFT_NAME": "Sentinel-2A", "GEOLOUPE_MODEL": "loupe-x4"}),
        SceneFacts(name="XS2A_MSIL2A_20170613.tif"),
        SceneFacts(tags={"SENSOR": "WorldView-2"}, name="S2A_MSIL2A_20170613.tif"),
        SceneFacts(name="landsat_bahamas_rgb.tif"),
        SceneFacts(tags={"Band_1": "Red", "mission": "Copernicus"}),
    ],
)
def test_contradictions_strangers_and_products_of_ours_are_no_sensor(facts: SceneFacts) -> None:
    assert recognise(facts) is None


def test_empty_tags_say_nothing() -> None:
    found = recognise(SceneFacts(tags={"PLATFORM": " "}, bands=named("B02 B08"), pixel=10))
    assert found is not None


@given(
    tags=st.dictionaries(st.sampled_from(["platform", "SENSOR_ID", "id", "x"]), st.text()),
    names=st.lists(st.text() | st.sampled_from(["B02", "B8A", "SR_B6", " "]), max_size=4),
    pixel=st.none() | st.floats(1e-3, 1e4, allow_subnormal=False),
    name=st.text(),
)
@settings(max_examples=100, deadline=None)
def test_whatever_a_file_says_is_an_answer(
    tags: dict[str, str], names: list[str], pixel: float | None, name: str
) -> None:
    bands = tuple(Band(text) for text in names)
    recognise(SceneFacts(tags=tags, bands=bands, pixel=pixel, name=name))
