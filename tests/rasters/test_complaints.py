"""What cannot be opened is said in one sentence: what it is, where, and what to do."""

import os
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio._err import CPLE_AWSInvalidCredentialsError, CPLE_HttpResponseError

from geoloupe.errors import InputError
from geoloupe.rasters.complaints import complaint, plain_words
from geoloupe.rasters.opening import open_source, scenes_in
from tests.datasets.small import picture
from tests.program import program
from tests.rasters.test_reach import Server, server
from tests.rasters.test_sentinel2 import product

__all__ = ["server"]  # a fixture

NOISE = np.random.default_rng(0).integers(1, 250, (3, 40, 50)).astype(np.uint8)


def said_of(path: object) -> str:
    """Open and read, and return the one sentence that comes of it."""
    with pytest.raises(InputError) as caught, open_source(str(path)) as source:
        source.read()
    said = str(caught.value)
    assert "\n" not in said
    assert len(said) < 600
    return said


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9])
def test_a_damaged_band_names_its_product_and_no_markup(tmp_path: Path, share: float) -> None:
    safe = product(tmp_path)
    band = next(safe.rglob("*B03_10m.jp2"))
    whole = band.read_bytes()
    place = int(len(whole) * share)
    band.write_bytes(whole[:place] + bytes(len(whole) // 20) + whole[place + len(whole) // 20 :])
    try:
        with open_source(safe) as source:
            source.read()
    except InputError as error:
        said = str(error)
        assert str(safe) in said
        assert "<" not in said
        assert len(said) < 600
    band.write_bytes(whole[:place])
    assert str(safe) in said_of(safe)
    assert "<" not in said_of(safe)


@pytest.mark.parametrize("spoiled", ["Description", "SourceFilename"])
def test_text_that_is_not_utf_8_leaves_no_traceback(tmp_path: Path, spoiled: str) -> None:
    picture(tmp_path / "a.tif", NOISE)
    text = (
        b'<VRTDataset rasterXSize="50" rasterYSize="40"><VRTRasterBand dataType="Byte" band="1">'
        b"<Description>name</Description><SimpleSource>"
        b'<SourceFilename relativeToVRT="1">a.tif</SourceFilename><SourceBand>1</SourceBand>'
        b"</SimpleSource></VRTRasterBand></VRTDataset>"
    )
    # As the program that was tried did: the name is lost, or there is no such file.
    text = re.sub(rf"<{spoiled}([^>]*)>[a-z]".encode(), rf"<{spoiled}\1>".encode() + b"\xe9", text)
    (tmp_path / "a.vrt").write_bytes(text)
    done = program("upscale", "a.vrt", "-o", "o.tif", "--model", "nearest", cwd=tmp_path)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert done.stderr.count("a.vrt: ") == 1
    assert done.returncode == (0 if spoiled == "Description" else 2)


def test_gdal_complaining_in_another_encoding_leaves_no_traceback(tmp_path: Path) -> None:
    picture(tmp_path / "a.tif", NOISE)
    name = os.fsdecode(b"gr\xfcn.vrt")
    (tmp_path / name).write_text(
        "<VRTDataset rasterXSize='5' rasterYSize='5'><VRTRasterBand band='x'/>"
    )
    (tmp_path / name.replace("vrt", "tif")).write_bytes((tmp_path / "a.tif").read_bytes()[:300])
    for path in (name, name.replace("vrt", "tif")):
        done = program("upscale", path, "-o", "o.tif", "--model", "nearest", cwd=tmp_path)
        assert done.returncode == 2, done.stderr
        assert "Traceback" not in done.stderr
        assert "Exception ignored" not in done.stderr


def test_a_host_that_does_not_answer_is_not_damaged(server: Server) -> None:
    server.close()
    for name in (f"/vsicurl/{server.address}/a.tif", f"{server.address}/b.tif"):
        said = said_of(name)
        assert "no server answers there" in said
        assert "damaged" not in said


def test_what_lies_on_networks_has_reasons_of_its_own() -> None:
    locked = CPLE_AWSInvalidCredentialsError(3, 15, "AWS_SECRET_ACCESS_KEY not defined")
    said = str(complaint("s3://bucket/a.tif", locked))
    assert "s3://bucket/a.tif: its server requires authentication" in said
    assert "AWS_NO_SIGN_REQUEST=YES" in said
    page = CPLE_HttpResponseError(
        3, 11, "code: 500 <!DOCTYPE html><html>\n<b>Error</b>" + "x" * 9999
    )
    said = str(complaint("https://example.org/a.tif", page))
    assert said == "https://example.org/a.tif: cannot be read from there (code: 500 a page)"


def test_words_of_others_are_cut() -> None:
    assert plain_words("a <VRTDataset><b/>\n</VRTDataset>, band 1: x.") == "a it, band 1: x"
    assert plain_words("a <VRTDataset><b/>") == "a it"
    assert len(plain_words("word " * 999)) < 250


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("10000<", "nan<"), "'nan' is reflectance 1"),
        (("10000<", "inf<"), "'inf' is reflectance 1"),
        (("10000<", "1e-300<"), "'1e-300' is reflectance 1"),
        (("10000<", "1e300<"), "'1e300' is reflectance 1"),
        (("10000<", "-10000<"), "'-10000' is reflectance 1"),
        (("10000<", "many<"), "'many' is reflectance 1"),
        (("-1000<", "nan<"), "say to add nan"),
        (("-1000<", "-inf<"), "say to add -inf"),
        (("-1000<", "1e30<"), "say to add 1e+30"),
        (("-1000<", "x<"), "an invalid offset"),
        (('band_id="1"', 'band_id="x"'), "an invalid offset"),
    ],
)
def test_metadata_that_cannot_be_are_named(
    tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    safe = product(tmp_path)
    path = safe / "MTD_MSIL2A.xml"
    path.write_text(path.read_text().replace(*change))
    said = said_of(safe)
    assert message in said
    assert str(safe) in said
    assert "its metadata" in said


def test_hdf4_is_named_with_what_converts_it(tmp_path: Path) -> None:
    path = tmp_path / "MOD09.hdf"
    path.write_bytes(b"\x0e\x03\x13\x01" + bytes(4000))
    said = said_of(path)
    assert f"{path}: is HDF4" in said
    assert "gdal_translate" in said


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        (b"\xff\xd8\xff\xe0", ".tif", "is a JPEG, whatever its name says; let it end in .jpg"),
        (b"\x89PNG\r\n\x1a\n", ".tif", "is a PNG, whatever its name says; let it end in .png"),
        (b"II*\0", ".img", "is a TIFF, whatever its name says; let it end in .tif"),
    ],
)
def test_a_picture_under_anothers_name_is_told(
    tmp_path: Path, start: bytes, end: str, said: str
) -> None:
    path = tmp_path / f"a{end}"
    path.write_bytes(start + bytes(400))
    assert said in said_of(path)


def test_a_header_is_not_what_it_describes(tmp_path: Path) -> None:
    path = tmp_path / "a.hdr"
    path.write_text("ENVI\nsamples = 3\n")
    assert "is the header of an ENVI raster; name the file of numbers" in said_of(path)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.tif")
    assert "is not a data file" in said_of(tmp_path / "a.tif")
    picture(tmp_path / "b.tif", NOISE)
    os.mkfifo(tmp_path / "b.tif.ovr")
    assert "b.tif.ovr: lies beside b.tif" in said_of(tmp_path / "b.tif")


def test_a_raster_in_a_zip_is_opened_or_named(tmp_path: Path) -> None:
    picture(tmp_path / "a.tif", NOISE)
    path = tmp_path / "N43E005.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(tmp_path / "a.tif", "in/a.tif")
        archive.writestr("readme.txt", "words")
    with open_source(path) as source:
        assert (source.read().values == NOISE).all()
    with zipfile.ZipFile(path, "a") as archive:
        archive.write(tmp_path / "a.tif", "in/b.tif")
    said = said_of(path)
    assert f"holds several rasters; name one: /vsizip/{path}/in/a.tif, /vsizip/" in said
    with zipfile.ZipFile(tmp_path / "words.zip", "w") as archive:
        archive.writestr("readme.txt", "words")
    assert "words.zip: holds no raster" in said_of(tmp_path / "words.zip")


def test_a_folder_lists_its_scenes(tmp_path: Path) -> None:
    folder = tmp_path / "a folder"
    names = ["b.tif", "a.png", "cube.mat", "e.IMG", "numbers"]
    safe = product(folder)
    for name in names[:2]:
        picture(folder / name, NOISE)
    for name in (
        *names[2:],
        "e.hdr",
        "numbers.hdr",
        "b.tif.aux.xml",
        "b.tif.ovr",
        ".c.tif",
        "x.txt",
        "y.dat",
    ):
        (folder / name).touch()
    (folder / "below").mkdir()
    (folder / "cube.zarr").mkdir()
    expected = sorted([*names, safe.name, "cube.zarr"])
    assert scenes_in(folder) == [str(folder / name) for name in expected]
    assert scenes_in(safe) == [str(safe / "MTD_MSIL2A.xml")]
    said = said_of(folder)
    assert "is a folder; name a raster in it (S2A_MSIL2A" in said
    assert "and 2 more" in said
    assert "geoloupe upscale '" in said
    (tmp_path / "empty").mkdir()
    assert "is a folder without rasters" in said_of(tmp_path / "empty")


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_name_like_gdals_own_words_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with rasterio.open(
        tmp_path / "abc:def.tif", "w", count=3, height=40, width=50, dtype="uint8"
    ) as out:
        out.write(NOISE)
    with open_source("abc:def.tif") as source:
        assert (source.read().values == NOISE).all()
