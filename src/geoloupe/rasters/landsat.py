"""Landsat products: a folder of one TIFF per band, as the multispectral bands, and as the PAN.

Files are recognised by the product's own names, such as LC08_L1TP_..._B4.TIF. Numbers become
reflectance where the metadata beside them hold the factors: surface reflectance in Level 2, in
Level 1 top-of-atmosphere, not divided by the sine of the sun's elevation.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from geoloupe.errors import InputError
from geoloupe.imagery.sensors.table import Sensor, SensorBand, load_sensor
from geoloupe.rasters.band_files import look_into
from geoloupe.rasters.raster import open_raster
from geoloupe.rasters.reach import refuse_links_out
from geoloupe.rasters.source import PLAIN, Opening, Source
from geoloupe.rasters.virtual import GDAL_TYPES, FileBand, stacked

_BAND = re.compile(r"(L[CO]0?([789])|LE0?(7)|LT0?([45]))\w*?_(?:(SR)_)?B(\d+)\.TIF", re.IGNORECASE)
_SENSORS = {"7": "landsat-7", "8": "landsat-8", "9": "landsat-9"}
_TYPES = ("uint8", "uint16", "int16")
_LEVEL2 = re.compile(
    r"GROUP = LEVEL2_SURFACE_REFLECTANCE_PARAMETERS.*?END_GROUP = "
    r"LEVEL2_SURFACE_REFLECTANCE_PARAMETERS",
    re.DOTALL,
)
_LINE = re.compile(r"^\s*REFLECTANCE_(MULT|ADD)_BAND_(\d+)\s*=\s*([-+.\dEe]+)\s*$", re.MULTILINE)
_MAX_METADATA_BYTES = 1_000_000  # bytes of metadata
_UNSEEN = "cirrus"  # a band that sees no ground, so no other has its detail


def landsat_folder(name: str) -> Path | None:
    """Return a folder with bands by Landsat's names, given it or its metadata file."""
    path = Path(name)
    folder = path.parent if path.name.upper().endswith("_MTL.TXT") else path
    if not folder.is_dir():
        return None
    return folder if any(_BAND.fullmatch(item.name) for item in folder.iterdir()) else None


def open_landsat(folder: Path, opening: Opening = PLAIN) -> tuple[Source, Source]:
    """Open the multispectral bands of a product, and its panchromatic band."""
    files, sensor = _found(folder, opening)
    pan = [band for band in sensor.bands if band.common == "panchromatic"]
    if not pan:
        raise InputError(
            f"{folder}: is not a product of Landsat 7, 8 or 9, the ones with a panchromatic band"
        )
    if pan[0].name not in files:
        raise InputError(
            f"{folder}: holds no panchromatic band ({pan[0].name}); Level-2 products have none: "
            "use the Level-1 product of the same scene"
        )
    fine = _open(f"{folder}:pan", pan, files, _lines(folder), opening)
    try:
        return open_bands(folder, opening), fine
    except BaseException:
        fine.reader.close()
        raise


def open_bands(folder: Path, opening: Opening = PLAIN) -> Source:
    """Open the multispectral bands of a product of Level 1 or 2."""
    files, sensor = _found(folder, opening)
    bands = [b for b in sensor.multispectral if b.name in files and b.common != _UNSEEN]
    if not bands:
        raise InputError(f"{folder}: holds only the panchromatic band of {sensor.name}")
    return _open(str(folder), bands, files, _lines(folder), opening)


def _found(folder: Path, opening: Opening) -> tuple[dict[str, str], Sensor]:
    """List the files of a product by band, and their sensor."""
    if not opening.trust:
        refuse_links_out(folder)
    return _files(folder)


def _files(folder: Path) -> tuple[dict[str, str], Sensor]:
    """List the files of one product by band."""
    found: dict[str, str] = {}
    numbers: set[str] = set()
    for item in sorted(folder.iterdir()):
        match = _BAND.fullmatch(item.name)
        if match is None:
            continue
        numbers.add(match[2] or match[3] or match[4])
        name = f"B{int(match[6])}"
        if name in found:
            raise InputError(
                f"{folder}: holds several files of {name}: {Path(found[name]).name} and "
                f"{item.name}; keep the products of several scenes in folders of their own"
            )
        found[name] = item.resolve().as_posix()
    if len(numbers) != 1 or (number := numbers.pop()) not in _SENSORS:
        raise InputError(f"{folder}: is not a product of Landsat 7, 8 or 9, or mixes several")
    return found, load_sensor(_SENSORS[number])


def _lines(folder: Path) -> Mapping[str, tuple[float, float]]:
    """Read what turns numbers into reflectance, factor and addend by band, where given.

    Level 2 metadata repeat Level 1's factors in a group of their own.
    """
    said: dict[str, dict[str, float]] = {}
    level2 = any(_is_level2(item.name) for item in folder.iterdir())
    for item in folder.iterdir():
        if item.name.upper().endswith("_MTL.TXT") and item.is_file():
            text = item.read_bytes()[:_MAX_METADATA_BYTES].decode("utf-8", "replace")
            group = _LEVEL2.search(text) if level2 else None
            for kind, band, number in _LINE.findall(group[0] if group else text):
                said.setdefault(f"B{band}", {})[kind] = float(number)
    return {
        band: (both["MULT"], both["ADD"])
        for band, both in said.items()
        if both.keys() == {"MULT", "ADD"} and both["MULT"] > 0
    }


def _is_level2(name: str) -> bool:
    match = _BAND.fullmatch(name)
    return match is not None and match[5] is not None


def _open(
    label: str,
    bands: Sequence[SensorBand],
    files: Mapping[str, str],
    lines: Mapping[str, tuple[float, float]],
    opening: Opening,
) -> Source:
    """Open bands on one grid as one raster, zero where nothing was seen."""
    paths = [files[band.name] for band in bands]
    looked = [look_into(path, opening) for path in paths]
    if len({(file.grid, file.dtype) for file in looked}) != 1:
        raise InputError(f"{label}: its bands differ in size or type; was it copied in full?")
    dtype = looked[0].dtype
    if dtype not in _TYPES:
        raise InputError(f"{label}: holds {dtype} numbers, which no Landsat product does")
    described = [
        FileBand(
            file=path,
            name=f"{band.name} {band.common}",
            nm=band.nm,
            scale=lines.get(band.name, (1.0, 0.0))[0],
            offset=lines.get(band.name, (1.0, 0.0))[1],
        )
        for band, path in zip(bands, paths, strict=True)
    ]
    text = stacked(described, looked[0].grid, GDAL_TYPES[dtype])
    return open_raster(text, opening, label=label, drivers=("VRT",))
