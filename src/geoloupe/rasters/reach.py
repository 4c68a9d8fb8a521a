"""Where a file would lead GDAL: refused before it is opened, unless it is within its own folder.

A stranger's file must not show pixels of files that the user never named, nor make requests to
servers. What names others is read here first: virtual rasters, what lies beside a raster and is
opened with it, links in folders that are opened as a whole; HDF5 has its own module.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from geoloupe.errors import InputError, errors_named
from geoloupe.rasters.drivers import TRUST, files_of_part
from geoloupe.rasters.hdf5 import vet_hdf5
from geoloupe.rasters.heads import read_head
from geoloupe.storage.names import elsewhere

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_ERDAS = b"EHFA_HEADER_TAG"
_JPEG2000 = (b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")
# What sends GDAL elsewhere, whatever the file's name; all of it is text.
_LEADS = {
    b"<VRTDataset": "a virtual raster",
    b"<GDALTileIndexDataset": "a tile index",
    b"<GDAL_WMS": "a web map service",
    b"<GDAL_WMTS": "a web map service",
    b"<WMS_": "a web map service",
    b"<WMT_": "a web map service",
    b"<TileMap": "a web map service",
    b"<TiledWMS": "a web map service",
    b"<Capabilities": "a web map service",
    b"<WCS_": "a web coverage service",
    b"<MRF_META": "a raster that names its own data",
    b"<PLMosaic": "a web service",
    b"<EEDA": "a web service",
}
# Opened together with a raster: overviews and masks, which are rasters too.
_BESIDE = (".ovr", ".OVR", ".msk", ".MSK")
_DEPTH = 5  # of virtual rasters in virtual rasters, and of overviews of masks
_MAX_VRT_BYTES = 100_000_000  # bytes of a virtual raster: a mosaic of 200,000 files

_NAMING = ("sourcefilename", "sourcedataset", "dempath")
_FOLLOWED = ("overview_file", "x_dataset", "y_dataset")


def vet(name: str) -> None:
    """Refuse a file that leads elsewhere, or that lies beside one that does."""
    files = files_of_part(name)
    if files == []:
        raise InputError(f"{name}: names no file on this machine; {TRUST}")
    if name.startswith("vrt://"):
        raise InputError(f"{name}: cannot be checked for leading elsewhere; {TRUST}")
    for file in [name] if files is None else files:
        _vet_file(file)


def _vet_file(name: str) -> None:
    path = Path(name)
    if path.suffix.lower() == ".vrt":
        if not path.is_file():
            raise InputError(f"{name}: virtual rasters are only read from a plain file; {TRUST}")
        vet_virtual(path)
    elif path.is_dir():
        refuse_links_out(path)
    elif (head := read_head(name) or b"").lstrip().startswith(b"<") and (what := leads(head)):
        raise InputError(f"{name}: is {what} under another name; {TRUST}")
    vet_hdf5(name)
    _vet_beside(name)


def leads(head: bytes) -> str | None:
    """Return what a file's first bytes show it to be if GDAL would follow it elsewhere."""
    return next((what for mark, what in _LEADS.items() if mark in head), None)


def vet_opened(dataset: Any, name: str) -> None:
    """Refuse overviews elsewhere, which GDAL would open as soon as it is asked for any."""
    if "OVERVIEW_FILE" in {key.upper() for key in dataset.tags(ns="OVERVIEWS")}:
        raise InputError(f"{name}: has its overviews in another file; {TRUST}")


def vet_jpeg2000(name: str) -> None:
    """Refuse what is not JPEG 2000, whatever its name."""
    if not (read_head(name) or b"").startswith(_JPEG2000):
        raise InputError(f"{name}: is not a JPEG 2000 image; damaged or incomplete?")
    _vet_beside(name)


def refuse_links_out(folder: Path) -> None:
    """Refuse links that lead out of a folder that is opened as a whole."""
    inside = os.path.realpath(folder)
    for place, folders, files in os.walk(folder):
        for entry in (*folders, *files):
            path = os.path.join(place, entry)
            if os.path.islink(path) and not within(os.path.realpath(path), inside):
                raise InputError(f"{path}: is a link that leads out of {folder}; {TRUST}")


def vet_virtual(path: Path) -> None:
    """Refuse a virtual raster unless everything it names lies below its own folder."""
    real = os.path.realpath(path)
    with errors_named(path):
        _vet_virtual(str(path), real, os.path.dirname(real), seen={real}, depth=0)


def _vet_virtual(shown: str, path: str, inside: str, *, seen: set[str], depth: int) -> None:
    if depth > _DEPTH:
        raise InputError(f"{shown}: virtual rasters name each other more than {_DEPTH} deep")
    with errors_named(shown):
        sources = [(source, os.path.realpath(source)) for source in _named(path)]
    for source, real in sources:
        if real in seen:
            continue
        seen.add(real)
        if not within(real, inside):
            raise InputError(
                f"{shown}: names {_short(source)}, which is not below its own folder; {TRUST}"
            )
        if not os.path.isfile(real):
            raise InputError(f"{shown}: names {_short(source)}, which is not a file")
        what = leads(read_head(source) or b"")
        if what == _LEADS[b"<VRTDataset"]:
            _vet_virtual(real, real, inside, seen=seen, depth=depth + 1)
        elif what:
            raise InputError(f"{shown}: names {_short(source)}, which is {what}; {TRUST}")
        vet_hdf5(source)
        _vet_beside(source)


def _named(path: str) -> Iterator[str]:
    """List the files that a virtual raster names, as GDAL would look them up."""
    for element in _parsed(path).iter():
        tag = element.tag.lower()
        attributes = {key.lower(): text for key, text in element.attrib.items()}
        if tag == "mdi" and attributes.get("key", "").lower() in _FOLLOWED:
            raise InputError(f"keeps part of itself in another file; {TRUST}")
        if attributes.get("subclass", "").lower() == "vrtprocesseddataset":
            raise InputError(f"is computed from any file when read; {TRUST}")
        if tag in _NAMING:
            # As bytes: what GDAL looks for is not always text.
            text = (element.text or "").strip()
            try:
                name = os.fsdecode(text.encode("latin-1"))
            except UnicodeEncodeError:  # written by a number, &#8364;
                name = text
            here = os.path.dirname(path)
            # Before anything looks there: a look tells a server on Windows' network who looks.
            strange = "://" in name or name.startswith(("<", "/vsi"))
            if strange or not name or elsewhere(name, here):
                raise InputError(f"names {_short(name)}, which is not a plain file; {TRUST}")
            near = {"0": False, "1": True}.get(attributes.get("relativetovrt", "0"))
            if near is None:
                raise InputError("says neither 0 nor 1 for relativeToVRT")
            yield os.path.join(here, name) if near else name


def _parsed(path: str) -> ElementTree.Element:
    try:
        with open(path, "rb") as file:
            text = file.read(_MAX_VRT_BYTES + 1)
        # Each byte is one character: as GDAL reads it, whatever encoding it claims.
        words = text.decode("latin-1")
        if len(text) > _MAX_VRT_BYTES or "<!DOCTYPE" in words or "<!ENTITY" in words:
            raise InputError(f"is not a plain virtual raster; {TRUST}")
        return ElementTree.fromstring(words.lstrip("\xef\xbb\xbf"))
    except (OSError, ValueError, ElementTree.ParseError) as error:
        raise InputError(f"is not a readable virtual raster ({error})") from None


def _vet_beside(name: str, depth: int = 0) -> None:
    """Refuse overviews and masks beside a raster that are not plain rasters."""
    for ending in _BESIDE:
        beside = name + ending
        head = read_head(beside)
        if head is None and not os.path.exists(beside):
            continue
        if not (head or b"").startswith((*_TIFF, _ERDAS)) or depth > _DEPTH:  # a pipe has no head
            raise InputError(
                f"{beside}: lies beside {os.path.basename(name)} and is read with it, but is not "
                f"a TIFF; move it away, or {TRUST}"
            )
        _vet_beside(beside, depth + 1)
        try:
            with DatasetReader(beside, driver=["GTiff", "HFA"]) as dataset:
                vet_opened(dataset, beside)
        except RasterioError:
            continue  # damaged, so of no use to GDAL either


def within(path: str, folder: str) -> bool:
    """Return whether a path, links resolved, is a folder or lies below it."""
    inside, around = os.path.normcase(path), os.path.normcase(folder)
    return inside == around or inside.startswith(around.rstrip(os.sep) + os.sep)


def _short(name: str) -> str:
    """Shorten what a stranger wrote as a name."""
    text = name.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= 100 else f"{text[:60]}...{text[-30:]}"
