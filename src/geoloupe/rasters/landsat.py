"""Landsat Level-1 products: a folder of one TIFF a band, as the multispectral bands and the PAN.

Files are recognised by the product's own names, such as LC08_L1TP_..._B4.TIF. Numbers become
reflectance at the top of the atmosphere, not divided by the sine of the sun's elevation, where the
metadata beside them hold the factors.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rasterio.io import DatasetReader

from geoloupe.errors import InputError
from geoloupe.imagery.grid import Grid
from geoloupe.imagery.sensors.table import Sensor, SensorBand, load_sensor
from geoloupe.rasters.drivers import drivers_for
from geoloupe.rasters.raster import gdal_errors_as_input_errors, open_raster
from geoloupe.rasters.reach import refuse_links_out, vet, vet_opened
from geoloupe.rasters.source import PLAIN, Opening, Source
from geoloupe.rasters.virtual import FileBand, stacked

_BAND = re.compile(r"(L[CO]0?([789])|LE0?(7)|LT0?([45]))\w*?_(?:(SR)_)?B(\d+)\.TIF", re.IGNORECASE)
_SENSORS = {"7": "landsat-7", "8": "landsat-8", "9": "landsat-9"}
_TYPES = {"uint8": "Byte", "uint16": "UInt16", "int16": "Int16"}
_LINE = re.compile(r"^\s*REFLECTANCE_(MULT|ADD)_BAND_(\d+)\s*=\s*([-+.\dEe]+)\s*$", re.MULTILINE)
_MAX_METADATA_BYTES = 1_000_000  # bytes of metadata
_UNSEEN = "cirrus"  # a band that looks at no ground, so no other has its detail


def landsat_folder(name: str) -> Path | None:
    """Return a folder, or the metadata in one, that holds bands by Landsat's names."""
    path = Path(name)
    folder = path.parent if path.name.upper().endswith("_MTL.TXT") else path
    if not folder.is_dir():
        return None
    return folder if any(_BAND.fullmatch(item.name) for item in folder.iterdir()) else None


def open_landsat(folder: Path, opening: Opening = PLAIN) -> tuple[Source, Source]:
    """Open the multispectral bands of a product, and its panchromatic band."""
    if not opening.trust:
        refuse_links_out(folder)
    files, sensor = _files(folder)
    lines = _lines(folder)
    pan = next(band for band in sensor.bands if band.common == "panchromatic")
    if pan.name not in files:
        raise InputError(
            f"{folder}: holds no panchromatic band ({pan.name}); Level-2 products have none: take "
            "the Level-1 product of the same scene"
        )
    coarse = [b for b in sensor.multispectral if b.name in files and b.common != _UNSEEN]
    if not coarse:
        raise InputError(f"{folder}: holds no band of {sensor.name} but the panchromatic")
    fine = _open(f"{folder}:pan", [pan], files, lines, opening)
    try:
        return _open(str(folder), coarse, files, lines, opening), fine
    except BaseException:
        fine.reader.close()
        raise


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
        raise InputError(
            f"{folder}: is no product of Landsat 7, 8 or 9, which alone have a panchromatic band"
        )
    return found, load_sensor(_SENSORS[number])


def _lines(folder: Path) -> Mapping[str, tuple[float, float]]:
    """Read what makes numbers reflectance, factor and addend by band, where it is said."""
    said: dict[str, dict[str, float]] = {}
    for item in folder.iterdir():
        if item.name.upper().endswith("_MTL.TXT") and item.is_file():
            text = item.read_bytes()[:_MAX_METADATA_BYTES].decode("utf-8", "replace")
            for kind, band, number in _LINE.findall(text):
                said.setdefault(f"B{band}", {})[kind] = float(number)
    return {
        band: (both["MULT"], both["ADD"])
        for band, both in said.items()
        if both.keys() == {"MULT", "ADD"} and both["MULT"] > 0
    }


def _open(
    label: str,
    bands: Sequence[SensorBand],
    files: Mapping[str, str],
    lines: Mapping[str, tuple[float, float]],
    opening: Opening,
) -> Source:
    """Open bands of one grid as one raster."""
    paths = [files[band.name] for band in bands]
    grids = list(_grids(paths, opening))
    if len(set(grids)) != 1:
        raise InputError(f"{label}: its bands differ in size or type; was it copied in full?")
    grid, dtype = grids[0]
    if dtype not in _TYPES:
        raise InputError(f"{label}: holds {dtype} numbers, which no Level-1 product does")
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
    text = stacked(described, grid, _TYPES[dtype])
    return open_raster(text, opening, label=label, drivers=("VRT",))


def _grids(paths: Sequence[str], opening: Opening) -> Iterator[tuple[Grid, str]]:
    """Look into each file, and no farther."""
    for path in paths:
        with gdal_errors_as_input_errors(path):
            if not opening.trust:
                vet(path)
            with DatasetReader(path, driver=list(drivers_for(path))) as dataset:
                if not opening.trust:
                    vet_opened(dataset, path)
                grid = Grid(
                    crs=dataset.crs.to_wkt() if dataset.crs else None,
                    transform=tuple(dataset.transform)[:6],
                    height=dataset.height,
                    width=dataset.width,
                )
                yield grid, dataset.dtypes[0]
