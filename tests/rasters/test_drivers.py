"""Each kind of file is opened by drivers of its own, none of which leads elsewhere."""

from pathlib import Path

import pytest

from geoloupe.rasters.drivers import (
    KINDS,
    NEEDED,
    SUFFIXES,
    WELCOME,
    drivers,
    drivers_for,
    files_of_part,
    kinds_read,
)

DOCS = Path(__file__).parent.parent.parent / "docs"
LEADING = {
    *("VRT", "WMS", "WMTS", "WCS", "HTTP", "PLMOSAIC", "EEDA", "EEDAI", "STACIT", "STACTA", "GTI"),
    *("MRF", "TIL", "ERS", "PCIDSK", "DIMAP", "SENTINEL2", "SAFE", "ISIS2", "ISIS3", "PDS", "PDS4"),
    *("ESRIC", "KMLSUPEROVERLAY", "NGW", "DERIVED", "OZI", "MAP", "RPFTOC", "ECRGTOC", "GPKG"),
    *("MBTiles", "Rasterlite", "PDF", "MFF", "ILWIS", "GenBin"),
}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.tif", ["GTiff"]),
        ("in/a b.TIFF", ["GTiff"]),
        ("/vsizip/a.vrt.zip/b.tif", ["GTiff"]),
        ("https://example.org/a.tif?b=c.vrt", ["GTiff"]),
        ("a.jp2", ["JP2OpenJPEG", "JP2KAK", "JP2ECW", "JP2MrSID"]),
        ("a.vrt", ["VRT"]),
        ("cube.zarr/", ["Zarr"]),
        ("NETCDF:a.nc:b", ["netCDF"]),
        ("hdf5:a.h5://b", ["HDF5Image"]),
        ("WMS:https://example.org", ["WMS"]),
        ("MEM:::DATAPOINTER=1", []),
    ],
)
def test_the_name_says_what_may_open_it(name: str, expected: list[str]) -> None:
    assert list(drivers_for(name)) == expected


@pytest.mark.parametrize("name", ["a", "a.xyz", "a.tif.gz", "/vsimem/x", "s3://bucket/b"])
def test_what_is_unknown_leads_nowhere(name: str) -> None:
    assert set(drivers_for(name)) >= {"GTiff", "ENVI", "PNG"}
    assert not set(drivers_for(name)) & LEADING


def test_no_kind_but_the_virtual_one_leads_anywhere() -> None:
    assert not {driver for kind in KINDS for driver in kind.drivers} & LEADING
    assert {".tif", ".vrt", ".jp2", ".img", ".nc", ".h5", ".hgt"} <= set(SUFFIXES)


def test_parts_of_files_are_found(tmp_path: Path) -> None:
    path = tmp_path / "a:b.nc"
    path.touch()
    for name in (f"NETCDF:{path}:x", f'HDF5:"{path}"://x/y', f"GTIFF_DIR:2:{path}"):
        assert files_of_part(name) == [str(path)]
    assert files_of_part(f"NETCDF:{tmp_path}/none.nc:x") == []
    assert files_of_part(str(path)) is None
    assert files_of_part("https://example.org/a") is None


def test_the_page_of_scenes_lists_what_is_read() -> None:
    section = (DOCS / "scenes.md").read_text().partition("### What is read")[2]
    assert [line[2:] for line in section.splitlines() if line.startswith("- ")] == kinds_read()


def test_rasterio_brings_what_is_needed() -> None:
    assert set(NEEDED) <= drivers()
    assert set(WELCOME) <= drivers()
