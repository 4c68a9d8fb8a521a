"""No file leads to files outside of its folder or to servers, unless its user says so."""

import shutil
import threading
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from rasterio.enums import Resampling

import geoloupe
from geoloupe.datasets.preparation.prepare import prepare
from geoloupe.errors import InputError
from geoloupe.rasters.opening import open_source
from tests.datasets.small import picture
from tests.rasters.test_sentinel2 import product

SECRET = "secret"  # a file that its owner never named
TRUST = "trust=true"
SIDE = 300


@pytest.fixture
def server() -> Iterator["Server"]:
    """Listen on this machine, and remember who asks."""
    listening = Server()
    yield listening
    listening.close()


class Server:
    """A web server that has nothing and notes every request."""

    def __init__(self) -> None:
        requests: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                requests.append(f"{self.command} {self.path}")
                self.send_error(404)

            def do_HEAD(self) -> None:
                self.do_GET()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.requests = requests
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def scene(path: Path) -> Path:
    """Write a sound scene, large enough that its thinned view would take overviews."""
    values = np.random.default_rng(0).integers(1, 4000, (1, SIDE, SIDE)).astype(np.uint16)
    return picture(path, values)


def secret(folder: Path) -> Path:
    """Write a file with a secret into a folder that no scene is in."""
    path = folder / "home" / SECRET
    path.parent.mkdir(parents=True)
    path.write_bytes(b"password!" * 20000)
    return path


def virtual(source: object, *, relative: int = 0, inner: str = "", head: str = "") -> str:
    """Describe a virtual raster of one file."""
    return (
        f'<VRTDataset rasterXSize="{SIDE}" rasterYSize="{SIDE}">{head}'
        '<Metadata><MDI key="INTERNAL_MASK_FLAGS_1">2</MDI></Metadata>'
        '<VRTRasterBand dataType="UInt16" band="1"><SimpleSource>'
        f'<SourceFilename relativeToVRT="{relative}">{source}</SourceFilename>'
        f"<SourceBand>1</SourceBand>{inner}</SimpleSource></VRTRasterBand></VRTDataset>"
    )


def raw(source: object) -> str:
    """Describe a virtual raster whose pixels are the bytes of any file."""
    return (
        '<VRTDataset rasterXSize="20" rasterYSize="20">'
        '<VRTRasterBand dataType="Byte" band="1" subClass="VRTRawRasterBand">'
        f'<SourceFilename relativeToVRT="0">{source}</SourceFilename><ImageOffset>0</ImageOffset>'
        "<PixelOffset>1</PixelOffset><LineOffset>20</LineOffset></VRTRasterBand></VRTDataset>"
    )


def web_map(address: str) -> str:
    """Describe a web map service."""
    return (
        f'<GDAL_WMS><Service name="TMS"><ServerUrl>{address}/${{z}}</ServerUrl></Service>'
        "<DataWindow><UpperLeftX>-100</UpperLeftX><UpperLeftY>100</UpperLeftY><LowerRightX>100"
        "</LowerRightX><LowerRightY>-100</LowerRightY><TileLevel>0</TileLevel></DataWindow>"
        "<Projection>EPSG:3857</Projection><BlockSizeX>256</BlockSizeX><BlockSizeY>256</BlockSizeY>"
        "<BandsCount>1</BandsCount></GDAL_WMS>"
    )


def refused(path: object, *words: str, server: Server | None = None) -> None:
    """Expect one sentence with these words, and no request."""
    with pytest.raises(InputError) as caught, open_source(str(path)) as source:
        source.read()
    said = str(caught.value)
    assert all(word in said for word in words), said
    assert "\n" not in said
    assert len(said) < 500
    assert server is None or not server.requests


NAMES = ("a.tif", "a.png", "a.jp2", "a.img", "a.nc", "a.xyz", "a")


@pytest.mark.parametrize("name", NAMES)
def test_what_leads_elsewhere_is_not_followed_under_another_name(
    tmp_path: Path, server: Server, name: str
) -> None:
    path = tmp_path / "in" / name
    path.parent.mkdir()
    for text in (
        raw(secret(tmp_path)),
        virtual(f"/vsicurl/{server.address}/a.tif"),
        web_map(server.address),
    ):
        path.write_text(text)
        refused(path, str(path), "under another name", TRUST, server=server)


SOURCES = (
    *("{home}", f"../home/{SECRET}", "link.tif", f"folder/{SECRET}", "inner.vrt", "inner.tif"),
    *("/vsicurl/{server}/a.tif", "{server}/a.tif", "web.tif", "WMS:{server}", "vrt://a.tif"),
    *("&lt;VRTDataset/>", "/vsizip/a.zip/a.tif"),
)


@pytest.mark.parametrize("source", SOURCES)
def test_virtual_rasters_stay_in_their_folder(tmp_path: Path, server: Server, source: str) -> None:
    home = secret(tmp_path)
    folder = tmp_path / "in"
    scene(folder / "a.tif")
    (folder / "link.tif").symlink_to(home)
    (folder / "folder").symlink_to(home.parent)
    for inner in ("inner.vrt", "inner.tif"):
        (folder / inner).write_text(virtual("../home/" + SECRET, relative=1))
    (folder / "web.tif").write_text(web_map(server.address))
    path = folder / "a.vrt"
    for text in (virtual, lambda named, **_: raw(named)):
        path.write_text(text(source.format(home=home, server=server.address), relative=1))
        refused(path, "a.vrt: ", ": names ", server=server)


PLAIN = virtual("a.tif", relative=1)
ELSEWHERE = '<Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">{server}/o</MDI></Metadata>'
WAYS_OUT = {
    "overviews": PLAIN.replace("<VRTRasterBand", f"{ELSEWHERE}<VRTRasterBand"),
    "any computation": PLAIN.replace("<VRTDataset", '<VRTDataset subClass="VRTProcessedDataset"'),
    "entities": f"<!DOCTYPE a>{PLAIN}",
    "neither here nor there": PLAIN.replace('relativeToVRT="1"', 'relativeToVRT="2"'),
    "small letters": PLAIN.replace("SourceFilename", "sourcefilename").replace("a.tif", "{home}"),
    "no end": "<VRTDataset><SourceFilename>a.tif",
}


@pytest.mark.parametrize("way", WAYS_OUT)
def test_virtual_rasters_have_no_other_way_out(tmp_path: Path, server: Server, way: str) -> None:
    scene(tmp_path / "in" / "a.tif")
    path = tmp_path / "in" / "a.vrt"
    path.write_text(WAYS_OUT[way].format(home=secret(tmp_path), server=server.address))
    refused(path, str(path), server=server)


def test_virtual_rasters_of_their_own_folder_are_read(tmp_path: Path) -> None:
    path = scene(tmp_path / "in" / "tiles" / "ü 1.tif")
    with open_source(path) as source:
        expected = source.read().values
    rasterio.shutil.copy(path, tmp_path / "in" / "a.vrt", driver="VRT")
    (tmp_path / "in" / "b.vrt").write_text(virtual("a.vrt", relative=1))
    (tmp_path / "in" / "c.vrt").write_text(virtual(tmp_path / "in" / "tiles" / "ü 1.tif"))
    (tmp_path / "link.vrt").symlink_to(tmp_path / "in" / "a.vrt")
    for name in ("in/a.vrt", "in/b.vrt", "in/c.vrt", "link.vrt"):
        with open_source(tmp_path / name) as source:
            assert (source.read().values == expected).all(), name


def test_virtual_rasters_in_a_circle_end(tmp_path: Path) -> None:
    for one, other in ("ab", "ba"):
        (tmp_path / f"{one}.vrt").write_text(virtual(f"{other}.vrt", relative=1))
    refused(tmp_path / "a.vrt", "a.vrt")


def test_who_trusts_a_file_says_so(tmp_path: Path) -> None:
    path = scene(tmp_path / "home" / "a.tif")
    (tmp_path / "in").mkdir()
    named = tmp_path / "in" / "a.vrt"
    named.write_text(virtual(path))
    refused(named, TRUST)
    made = geoloupe.upscale(named, tmp_path / "out.tif", model="nearest", scale=2, trust=True)
    with open_source(made.path) as out, open_source(path) as before:
        assert (out.read().values[:, ::2, ::2] == before.read().values).all()


@pytest.mark.parametrize("ending", [".ovr", ".OVR", ".msk", ".ovr.msk", ".msk.ovr"])
def test_what_lies_beside_a_raster_is_no_way_out(
    tmp_path: Path, server: Server, ending: str
) -> None:
    path = scene(tmp_path / "in" / "a.tif")
    if ending.count(".") > 1:  # one that is sound, but has another beside it
        shutil.copy(path, f"{path}{ending[:4]}")
    beside = Path(f"{path}{ending}")
    for text in (virtual(f"/vsicurl/{server.address}/a.tif"), raw(secret(tmp_path))):
        beside.write_text(text)
        refused(path, f"{beside}: lies beside", "is not a TIFF", server=server)


def test_overviews_elsewhere_are_refused(tmp_path: Path, server: Server) -> None:
    there = f"/vsicurl/{server.address}/o.tif"
    path = scene(tmp_path / "tagged.tif")
    with rasterio.open(path, "r+") as out:
        out.update_tags(ns="OVERVIEWS", OVERVIEW_FILE=there)
    refused(path, "tagged.tif: has its overviews in another file", server=server)
    path = scene(tmp_path / "beside.tif")
    Path(f"{path}.aux.xml").write_text(
        '<PAMDataset><Metadata domain="OVERVIEWS"><MDI key="OVERVIEW&#95;FILE">'
        f"{there}</MDI></Metadata></PAMDataset>"
    )
    refused(path, "beside.tif: has its overviews in another file", server=server)
    path = scene(tmp_path / "nested.tif")
    shutil.copy(tmp_path / "tagged.tif", f"{path}.ovr")
    refused(path, "nested.tif.ovr: has its overviews in another file", server=server)


def test_coordinate_systems_are_fetched_from_nowhere(tmp_path: Path, server: Server) -> None:
    path = scene(tmp_path / "a.tif")
    Path(f"{path}.aux.xml").write_text(f"<PAMDataset><SRS>{server.address}/a</SRS></PAMDataset>")
    grid = tmp_path / "b.asc"
    grid.write_text("ncols 9\nnrows 9\nxllcorner 0\nyllcorner 0\ncellsize 1\n" + "1 " * 81)
    grid.with_suffix(".prj").write_text(f"{server.address}/b\n")
    wrapped = tmp_path / "c.vrt"
    wrapped.write_text(virtual("a.tif", relative=1, head=f"<SRS>{server.address}/c</SRS>"))
    for name in (path, grid, wrapped):
        with suppress(InputError), open_source(name) as source:
            source.read()
    assert not server.requests


def test_honest_files_beside_a_raster_are_read(tmp_path: Path) -> None:
    path = scene(tmp_path / "a.tif")
    mask = np.full((SIDE, SIDE), 255, np.uint8)
    mask[:50] = 0
    with rasterio.Env(TIFF_USE_OVR=True, GDAL_TIFF_INTERNAL_MASK=False):
        with rasterio.open(path, "r+") as out:
            out.write_mask(mask)
        with rasterio.open(path) as out:
            pass
        with rasterio.open(path, "r+") as out:
            out.build_overviews([2, 4], Resampling.average)
    Path(f"{path}.aux.xml").write_text(
        '<PAMDataset><PAMRasterBand band="1"><Description>depth</Description></PAMRasterBand>'
        "</PAMDataset>"
    )
    assert {p.name for p in tmp_path.iterdir()} >= {"a.tif", "a.tif.msk", "a.tif.ovr"}
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for file in tmp_path.glob("a.tif*"):
            archive.write(file, file.name)
    for name in (path, f"/vsizip/{tmp_path}/a.zip/a.tif"):
        with open_source(name) as source:
            image = source.read()
            assert source.bands[0].name == "depth"
        assert not image.valid[:50].any()
        assert image.valid[50:].all()


@pytest.mark.parametrize("packed", [False, True])
def test_bands_of_a_product_are_its_own_jpeg_2000(
    tmp_path: Path, server: Server, packed: bool
) -> None:
    safe = product(tmp_path / "in")
    home = secret(tmp_path)
    band = next(safe.rglob("*B03_10m.jp2"))
    sound = band.read_bytes()

    def named() -> Path:
        if not packed:
            return safe
        path = tmp_path / f"{safe.name}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for file in safe.rglob("*"):
                archive.write(file, file.relative_to(safe.parent))
        return path

    for text in (raw(home), web_map(server.address), virtual(f"/vsicurl/{server.address}/a")):
        band.write_text(text)
        refused(named(), "B03_10m.jp2: is not a JPEG 2000 image", server=server)
    band.write_bytes(sound)
    beside = band.with_name(f"{band.name}.msk")
    beside.write_text(raw(home))
    refused(named(), f"{beside.name}: lies beside", server=server)
    beside.unlink()
    with open_source(named()) as source:
        assert len(source.bands) == 4


def test_links_do_not_lead_out_of_a_product(tmp_path: Path) -> None:
    safe = product(tmp_path / "in")
    band = next(safe.rglob("*B03_10m.jp2"))
    shutil.copy(band, tmp_path / "private.jp2")
    band.unlink()
    band.symlink_to(tmp_path / "private.jp2")
    refused(safe, "B03_10m.jp2: is a link that leads out of", TRUST)
    with open_source(safe, trust=True) as source:
        assert len(source.bands) == 4
    band.unlink()
    band.symlink_to(next(safe.rglob("*B04_10m.jp2")).resolve())  # within it, no harm
    with open_source(safe) as source:
        assert len(source.bands) == 4


def test_links_do_not_lead_out_of_a_zarr(tmp_path: Path) -> None:
    (tmp_path / "a.zarr" / "x").mkdir(parents=True)
    (tmp_path / "a.zarr" / "x" / "0.0").symlink_to(secret(tmp_path))
    refused(tmp_path / "a.zarr", "0.0: is a link that leads out of", TRUST)


def test_archives_of_data_sets_lead_nowhere(tmp_path: Path, server: Server) -> None:
    home = secret(tmp_path)
    for number, text in enumerate((raw(home), web_map(server.address))):
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / "a.tif").write_text(text)
        archive = tmp_path / f"{number}.zip"
        with zipfile.ZipFile(archive, "w") as packed:
            packed.write(tmp_path / "in" / "a.tif", "a.tif")
        for given in (tmp_path / "in", archive):
            with pytest.raises(InputError, match=r"a\.tif: is a .* under another name"):
                prepare("folder", given, tmp_path / "out")
    scene(tmp_path / "a.tif")
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as packed:
        packed.write(tmp_path / "a.tif", "a.tif")
        packed.writestr("a.tif.ovr", virtual(f"/vsicurl/{server.address}/a.tif"))
    with pytest.raises(InputError, match=r"a\.tif\.ovr: lies beside"):
        prepare("folder", tmp_path / "b.zip", tmp_path / "out")
    assert not server.requests


def test_what_a_person_names_is_asked_for(server: Server) -> None:
    for name in (f"/vsicurl/{server.address}/a.tif", f"{server.address}/b.tif"):
        with pytest.raises(InputError, match=r"has no such raster"):
            open_source(name)
    assert {request.split()[1] for request in server.requests} >= {"/a.tif", "/b.tif"}


@pytest.mark.parametrize("name", ["MEM:::DATAPOINTER=1", "DERIVED_SUBDATASET:AMPLITUDE:a.tif"])
def test_words_of_gdal_that_are_no_files_are_refused(name: str) -> None:
    refused(name, "cannot be opened by its first word")
