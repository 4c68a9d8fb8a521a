"""Sentinel-2 products: a .SAFE folder, its .zip or its MTD_MSI*.xml, as one raster of bands.

`S2A_....SAFE` means the four 10 m bands; `S2A_....SAFE:20m` and `:60m` the others. Digital
numbers become reflectance by the product's own scale and offset.
"""

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

from rasterio.io import DatasetReader

from geoloupe.errors import InputError
from geoloupe.imagery.grid import Grid
from geoloupe.rasters.clouds import Layer, masked, scl
from geoloupe.rasters.drivers import drivers_for
from geoloupe.rasters.raster import gdal_errors_as_input_errors, open_raster
from geoloupe.rasters.reach import refuse_links_out, vet_jpeg2000
from geoloupe.rasters.source import PLAIN, Opening, Source
from geoloupe.rasters.virtual import FileBand, stacked

BANDS = {  # name: number in the metadata, common name, wavelength in nm, pixel in m
    "B01": (0, "coastal", 443, 60),
    "B02": (1, "blue", 492, 10),
    "B03": (2, "green", 560, 10),
    "B04": (3, "red", 665, 10),
    "B05": (4, "red edge 1", 704, 20),
    "B06": (5, "red edge 2", 741, 20),
    "B07": (6, "red edge 3", 783, 20),
    "B08": (7, "nir", 833, 10),
    "B8A": (8, "nir narrow", 865, 20),
    "B09": (9, "water vapour", 945, 60),
    "B10": (10, "cirrus", 1374, 60),
    "B11": (11, "swir1", 1614, 20),
    "B12": (12, "swir2", 2202, 20),
}
_MAIN = re.compile(r"MTD_MSIL(1C|2A)\.xml")
_CLASSES, _CLASSES_SIZE = "SCL", "20m"  # the finest there is
_SIZES = ("10m", "20m", "60m")
_MAX_METADATA_BYTES = 50_000_000  # bytes of metadata: no product has more
_MAX_QUANTIFICATION = 1_000_000.0  # for one unit of reflectance; every product so far says 10,000


@dataclass(frozen=True, kw_only=True)
class Product:
    """What the metadata say: files by band, and how numbers become reflectance."""

    name: str
    files: dict[str, str]  # what GDAL opens, by band
    quantification: float
    offsets: dict[int, float]  # by a band's number
    classes: str | None  # what GDAL opens of the scene classification, in Level 2A

    def clouds(self) -> tuple[Layer, ...]:
        """Return the layer that tells clouds; none for Level 1C."""
        if self.classes is None:
            return ()
        return (scl(self.classes, drivers_for(self.classes)),)


def product_name(name: str) -> tuple[Path, str] | None:
    """Return a product and the named pixel size, or None for anything else."""
    path, colon, size = name.rpartition(":")
    if not colon or size not in _SIZES:
        path, size = name, "10m"
    found = Path(path)
    if _MAIN.fullmatch(found.name):
        return found.parent, size
    looks = found.name.rstrip("/").upper().endswith((".SAFE", ".SAFE.ZIP"))
    inside = found.suffix.lower() == ".zip" and found.name.startswith(("S2A_", "S2B_", "S2C_"))
    return (found, size) if looks or inside else None


def open_product(path: Path, size: str, opening: Opening = PLAIN) -> Source:
    """Open the bands of one pixel size; a missing file is an InputError.

    Untrusted, no band may lie outside the product or be anything but JPEG 2000.
    """
    if path.is_dir() and not opening.trust:
        refuse_links_out(path)
    product = _read(path)
    metres = int(size[:-1])
    names = [
        band for band, (*_, pixel) in BANDS.items() if pixel == metres and band in product.files
    ]
    # Level 2A has no cirrus band; any other missing one means a damaged product.
    lacking = [
        band
        for band, (*_, pixel) in BANDS.items()
        if pixel == metres and band not in names and band != "B10"
    ]
    if lacking:
        raise InputError(f"{path}: band {lacking[0]} of {size} is missing")
    label = f"{path}:{size}"
    layers = product.clouds() if opening.mask else ()
    read = [*(product.files[band] for band in names), *(layer.file for layer in layers)]
    with gdal_errors_as_input_errors(label):
        for file in () if opening.trust else read:
            vet_jpeg2000(file)
    source = open_raster(_vrt(product, names, label), opening, label=label, drivers=("VRT",))
    return masked(source, layers, opening)


def _read(path: Path) -> Product:
    root, names = _listed(path)
    main = [name for name in names if _MAIN.fullmatch(PurePosixPath(name).name)]
    if len(main) != 1:
        raise InputError(
            f"{path}: holds {len(main)} files MTD_MSIL1C.xml or MTD_MSIL2A.xml where one product "
            "has one"
        )
    tree = _parsed(path, main[0])
    folder = PurePosixPath(main[0]).parent
    files: dict[str, str] = {}
    for element in tree.iter("IMAGE_FILE"):
        text = (element.text or "").strip()
        found = re.search(r"_(B\d[\dA]|SCL)(?:_(\d\dm))?$", text)
        if found is None or found[1] not in (*BANDS, _CLASSES):
            continue
        if found[2] not in (None, _CLASSES_SIZE if found[1] == _CLASSES else _size(found[1])):
            continue
        place = (folder / f"{text}.jp2").as_posix()
        if ".." in PurePosixPath(text).parts or PurePosixPath(text).is_absolute():
            raise InputError(f"{path}: its metadata name a file outside it: {text}")
        if place not in names:
            if found[1] == _CLASSES:  # of no use to who does not mask clouds
                continue
            raise InputError(f"{path}: {place} is missing; was the product copied in full?")
        if found[1] in files:
            raise InputError(f"{path}: holds several granules; name a product of one tile")
        files[found[1]] = f"{root}/{place}"
    quantification = _quantification(tree, path)
    offsets = _offsets(tree, quantification, path)
    classes = files.pop(_CLASSES, None)
    return Product(
        name=str(path),
        files=files,
        quantification=quantification,
        offsets=offsets,
        classes=classes,
    )


def _size(band: str) -> str:
    return f"{BANDS[band][3]}m"


def _offsets(tree: ElementTree.Element, quantification: float, path: Path) -> dict[int, float]:
    offsets: dict[int, float] = {}
    for tag in ("BOA_ADD_OFFSET", "RADIO_ADD_OFFSET"):
        for element in tree.iter(tag):
            try:
                value = float(element.text or 0)
                offsets[int(element.get("band_id", "-1"))] = value
            except ValueError as error:
                raise InputError(f"{path}: its metadata hold an invalid offset ({error})") from None
            if not abs(value) <= quantification:  # written so that NaN fails
                raise InputError(
                    f"{path}: its metadata say to add {value:g} to its numbers, of "
                    f"which {quantification:g} are reflectance 1; are they damaged?"
                )
    return offsets


def _listed(path: Path) -> tuple[str, set[str]]:
    """Return GDAL's name of the root, and the files below it."""
    if path.is_dir():
        files = (item for item in path.rglob("*") if item.is_file())
        return path.resolve().as_posix(), {item.relative_to(path).as_posix() for item in files}
    try:
        with zipfile.ZipFile(path) as archive:
            return f"/vsizip/{path.resolve().as_posix()}", set(archive.namelist())
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path}: is not a complete .zip archive; was its download cut short? ({error})"
        ) from None


def _parsed(path: Path, name: str) -> ElementTree.Element:
    try:
        if path.is_dir():
            text = (path / name).read_bytes()
        else:
            with zipfile.ZipFile(path) as archive:
                text = archive.open(name).read(_MAX_METADATA_BYTES)
        # As text: the same words in another encoding would slip through.
        words = text.decode("utf-8")
        if len(text) >= _MAX_METADATA_BYTES or "<!DOCTYPE" in words or "<!ENTITY" in words:
            raise InputError(f"{path}: {name} is not the metadata of a product")
        return ElementTree.fromstring(words)
    except (OSError, ValueError, ElementTree.ParseError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: {name} cannot be read ({error})") from None


def _quantification(tree: ElementTree.Element, path: Path) -> float:
    tags = ("BOA_QUANTIFICATION_VALUE", "QUANTIFICATION_VALUE")
    texts = [element.text or "" for tag in tags for element in tree.iter(tag)]
    if not texts:
        raise InputError(f"{path}: its metadata do not say what its numbers mean ({tags[-1]})")
    try:
        value = float(texts[0])
    except ValueError:
        value = 0.0
    if not 1 <= value <= _MAX_QUANTIFICATION:
        raise InputError(
            f"{path}: its metadata say that {texts[0][:40]!r} is reflectance 1 ({tags[-1]}); are "
            "they damaged?"
        )
    return value


def _vrt(product: Product, names: list[str], label: str) -> str:
    """Describe the bands to GDAL, with names, wavelengths and reflectance."""
    first = product.files[names[0]]
    with (
        gdal_errors_as_input_errors(label),
        DatasetReader(first, driver=list(drivers_for(first))) as dataset,
    ):
        grid = Grid(
            crs=dataset.crs.to_wkt() if dataset.crs else None,
            transform=tuple(dataset.transform)[:6],
            height=dataset.height,
            width=dataset.width,
        )
    bands = []
    for name in names:
        number, common, wavelength, _ = BANDS[name]
        offset = product.offsets.get(number, 0.0)
        bands.append(
            FileBand(
                file=product.files[name],
                name=f"{name} {common}",
                nm=wavelength,
                scale=1 / product.quantification,
                offset=offset / product.quantification,
            )
        )
    return stacked(bands, grid, "UInt16")
