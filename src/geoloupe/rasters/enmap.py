"""EnMAP products: a folder of SPECTRAL_IMAGE.TIF and METADATA.XML, or that file, as one raster.

Level 1C and 2A are one image; of Level 1B, `FOLDER:vnir` and `FOLDER:swir` are the two detectors',
which see different pixels. Wavelengths, gains and the channels of use come from the metadata.
"""

import math
import re
from pathlib import Path
from xml.etree import ElementTree

from geoloupe.errors import InputError, errors_named
from geoloupe.rasters.band_files import BandFile, look_into
from geoloupe.rasters.raster import open_raster
from geoloupe.rasters.reach import refuse_links_out
from geoloupe.rasters.source import PLAIN, Opening, Source
from geoloupe.rasters.virtual import GDAL_TYPES, FileBand, stacked

_METADATA = re.compile(r"ENMAP\w*-.*-?METADATA\.XML", re.IGNORECASE)
_DETECTORS = ("vnir", "swir")
_MOST = 50_000_000  # bytes of metadata
_FILL = -32768.0


def enmap_name(name: str) -> tuple[Path, str | None] | None:
    """Return a product's metadata file and the named detector, or None for anything else."""
    path, colon, detector = name.rpartition(":")
    if not colon or detector not in _DETECTORS:
        path, detector = name, ""
    place = Path(path)
    if place.is_dir():
        found = [item for item in sorted(place.iterdir()) if _METADATA.fullmatch(item.name)]
        return (found[0], detector or None) if len(found) == 1 else None
    meant = _METADATA.fullmatch(place.name) and place.is_file()
    return (place, detector or None) if meant else None


def open_enmap(metadata: Path, detector: str | None, opening: Opening = PLAIN) -> Source:
    """Open a product; without a detector, that of Level 1B is the visible one."""
    folder = metadata.parent
    if not opening.trust:
        refuse_links_out(folder)
    stem = metadata.name[: -len("METADATA.XML")]
    whole = folder / f"{stem}SPECTRAL_IMAGE.TIF"
    if whole.is_file() and detector is None:
        path = whole
    else:
        detector = detector or _DETECTORS[0]
        path = folder / f"{stem}SPECTRAL_IMAGE_{detector.upper()}.TIF"
    label = str(folder) if detector is None else f"{folder}:{detector}"
    if not path.is_file():
        raise InputError(f"{label}: {path.name} is missing; was the product copied in full?")
    tree = _parsed(metadata)
    file = look_into(str(path), opening)
    if file.dtype not in GDAL_TYPES:
        raise InputError(f"{label}: holds {file.dtype} numbers, which no EnMAP product does")
    with errors_named(metadata):
        bands = _bands(tree, file, detector, label)
        fill = _number(tree, "specific/backgroundValue", _FILL)
    nodata = fill if file.nodata is None else file.nodata
    text = stacked(bands, file.grid, GDAL_TYPES[file.dtype], nodata=nodata)
    return open_raster(text, opening, label=label, drivers=("VRT",))


def _bands(
    tree: ElementTree.Element, file: BandFile, detector: str | None, label: str
) -> list[FileBand]:
    """Describe the bands of an image: those of the second detector come last in the metadata."""
    listed = tree.findall("specific/bandCharacterisation/bandID")
    if len(listed) < file.count or (detector is None and len(listed) != file.count):
        raise InputError(
            f"{label}: holds {file.count} bands, and its metadata describe {len(listed)}"
        )
    first = len(listed) - file.count if detector == "swir" else 0
    used = _expected(tree)
    bands = []
    for number, each in enumerate(listed[first : first + file.count], start=1):
        name = each.get("number") or str(first + number)
        nm = _number(each, "wavelengthCenterOfBand", math.nan)
        fwhm = _number(each, "FWHMOfBand", math.nan)
        gain, offset = _number(each, "GainOfBand", 1.0), _number(each, "OffsetOfBand", 0.0)
        if not (0 < gain < math.inf and math.isfinite(offset)):
            raise InputError(
                f"{label}: its metadata give band {name} a gain of {gain:g} and an offset of "
                f"{offset:g}; are they damaged?"
            )
        bands.append(
            FileBand(
                file=Path(file.path).resolve().as_posix(),
                name=f"band {name}",
                nm=None if math.isnan(nm) else nm,
                fwhm=None if math.isnan(fwhm) else fwhm,
                scale=gain,
                offset=offset,
                number=number,
                bad=bool(used) and name not in used,
            )
        )
    return bands


def _expected(tree: ElementTree.Element) -> set[str]:
    """List the channels that hold something of use, where the metadata say; else none."""
    texts = [element.text or "" for element in tree.iter("expectedChannelsList")]
    return {word.strip() for text in texts for word in text.split(",") if word.strip()}


def _number(element: ElementTree.Element, path: str, default: float) -> float:
    text = element.findtext(path)
    if text is None:
        return default
    try:
        return float(text)
    except ValueError:
        raise InputError(f"its metadata give {path} as {text[:40]!r}, no number") from None


def _parsed(path: Path) -> ElementTree.Element:
    try:
        with path.open("rb") as stream:
            words = stream.read(_MOST + 1).decode("utf-8")
        if len(words) > _MOST or "<!DOCTYPE" in words or "<!ENTITY" in words:
            raise InputError(f"{path}: is not the metadata of a product")
        return ElementTree.fromstring(words)
    except (OSError, ValueError, ElementTree.ParseError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
