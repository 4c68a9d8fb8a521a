"""Landsat products: a folder or a tar of one TIFF per band, as multispectral bands and as the PAN.

Files are recognised by the product's own names, such as LC08_L1TP_..._B4.TIF. Numbers become
reflectance where the metadata beside them hold the factors: surface reflectance in Level 2, in
Level 1 top-of-atmosphere, not divided by the sine of the sun's elevation.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from geoloupe.errors import InputError
from geoloupe.imagery.sensors.table import Sensor, SensorBand, load_sensor
from geoloupe.rasters.band_files import look_by_name
from geoloupe.rasters.clouds import Layer, masked, qa_pixel, qa_radsat
from geoloupe.rasters.raster import open_raster
from geoloupe.rasters.reach import refuse_links_out
from geoloupe.rasters.source import PLAIN, Opening, Source
from geoloupe.rasters.virtual import GDAL_TYPES, FileBand, stacked
from geoloupe.storage.tars import heads_in, is_tar

_BAND = re.compile(r"(L[CO]0?([789])|LE0?(7)|LT0?([45]))\w*?_(?:(SR)_)?B(\d+)\.TIF", re.IGNORECASE)
_LAYER = re.compile(r"L\w+_(QA_PIXEL|QA_RADSAT)\.TIF", re.IGNORECASE)
_CLOUDS, _SATURATED = "QA_PIXEL", "QA_RADSAT"
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


@dataclass(frozen=True, kw_only=True)
class Product:
    """The files of one product: what GDAL opens, by band and by layer, and its metadata."""

    label: str
    sensor: Sensor
    bands: Mapping[str, str]
    layers: Mapping[str, str]
    level2: bool
    metadata: tuple[str, ...]

    def lines(self) -> Mapping[str, tuple[float, float]]:
        """Return what turns numbers into reflectance, factor and addend by band, where given.

        Level 2 metadata repeat Level 1's factors in a group of their own.
        """
        said: dict[str, dict[str, float]] = {}
        for text in self.metadata:
            group = _LEVEL2.search(text) if self.level2 else None
            for kind, band, number in _LINE.findall(group[0] if group else text):
                said.setdefault(f"B{band}", {})[kind] = float(number)
        return {
            band: (both["MULT"], both["ADD"])
            for band, both in said.items()
            if both.keys() == {"MULT", "ADD"} and both["MULT"] > 0
        }

    def clouds(self) -> tuple[Layer, ...]:
        """Return the layers that tell clouds; none for products before Collection 2."""
        if _CLOUDS not in self.layers:
            return ()
        sure = (qa_pixel(self.layers[_CLOUDS]),)
        if _SATURATED not in self.layers:
            return sure
        return (*sure, qa_radsat(self.layers[_SATURATED], self.sensor.name))


def landsat_product(name: str) -> Path | None:
    """Return a folder or a tar with bands by Landsat's names, given it or its metadata file."""
    path = Path(name)
    if is_tar(name) and path.is_file():
        return path if any(_is_band(member) for member in heads_in(path)) else None
    folder = path.parent if path.name.upper().endswith("_MTL.TXT") else path
    if not folder.is_dir():
        return None
    return folder if any(_is_band(item.name) for item in folder.iterdir()) else None


def open_landsat(path: Path, opening: Opening = PLAIN) -> tuple[Source, Source]:
    """Open the multispectral bands of a product, and its panchromatic band."""
    product = _found(path, opening)
    pan = [band for band in product.sensor.bands if band.common == "panchromatic"]
    if not pan:
        raise InputError(
            f"{path}: is not a product of Landsat 7, 8 or 9, the ones with a panchromatic band"
        )
    if pan[0].name not in product.bands:
        raise InputError(
            f"{path}: holds no panchromatic band ({pan[0].name}); Level-2 products have none: "
            "use the Level-1 product of the same scene"
        )
    fine = _open(f"{path}:pan", pan, product, opening)
    try:
        return _multispectral(product, opening), fine
    except BaseException:
        fine.reader.close()
        raise


def open_bands(path: Path, opening: Opening = PLAIN) -> Source:
    """Open the multispectral bands of a product of Level 1 or 2."""
    return _multispectral(_found(path, opening), opening)


def _multispectral(product: Product, opening: Opening) -> Source:
    sensor = product.sensor
    bands = [b for b in sensor.multispectral if b.name in product.bands and b.common != _UNSEEN]
    if not bands:
        raise InputError(f"{product.label}: holds only the panchromatic band of {sensor.name}")
    return _open(product.label, bands, product, opening)


def _is_band(name: str) -> bool:
    return _BAND.fullmatch(PurePosixPath(name).name) is not None


def _found(path: Path, opening: Opening) -> Product:
    """List the files of one product."""
    if path.is_dir():
        if not opening.trust:
            refuse_links_out(path)
        items = sorted(item for item in path.iterdir() if item.is_file())
        names = {item.name: item.resolve().as_posix() for item in items}
        texts = {
            item.name: item.read_bytes()[:_MAX_METADATA_BYTES]
            for item in items
            if item.name.upper().endswith("_MTL.TXT")
        }
    else:
        texts = dict(heads_in(path))
        root = path.resolve().as_posix()
        names = {name: f"/vsitar/{root}/{name}" for name in sorted(texts)}
    metadata = [
        text.decode("utf-8", "replace")
        for name, text in texts.items()
        if name.upper().endswith("_MTL.TXT")
    ]
    return _product(path, names, tuple(metadata))


def _product(path: Path, names: Mapping[str, str], metadata: tuple[str, ...]) -> Product:
    """Tell the files of a product by their names; several products are refused."""
    found: dict[str, str] = {}
    layers: dict[str, str] = {}
    numbers: set[str] = set()
    level2 = False
    for name, opened in names.items():
        short = PurePosixPath(name).name
        if layer := _LAYER.fullmatch(short):
            layers[layer[1].upper()] = opened
        match = _BAND.fullmatch(short)
        if match is None:
            continue
        numbers.add(match[2] or match[3] or match[4])
        level2 |= match[5] is not None
        band = f"B{int(match[6])}"
        if band in found:
            raise InputError(
                f"{path}: holds several files of {band}: {Path(found[band]).name} and "
                f"{short}; keep the products of several scenes in folders of their own"
            )
        found[band] = opened
    if len(numbers) != 1 or (number := numbers.pop()) not in _SENSORS:
        raise InputError(f"{path}: is not a product of Landsat 7, 8 or 9, or mixes several")
    return Product(
        label=str(path),
        sensor=load_sensor(_SENSORS[number]),
        bands=found,
        layers=layers,
        level2=level2,
        metadata=metadata,
    )


def _open(label: str, bands: Sequence[SensorBand], product: Product, opening: Opening) -> Source:
    """Open bands on one grid as one raster, zero where nothing was seen."""
    lines, paths = product.lines(), [product.bands[band.name] for band in bands]
    layers = product.clouds() if opening.mask else ()
    looked = [look_by_name(path, opening) for path in paths]
    for layer in layers:
        look_by_name(layer.file, opening)
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
    source = open_raster(text, opening, label=label, drivers=("VRT",))
    return masked(source, layers, opening)
