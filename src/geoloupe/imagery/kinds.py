"""What a raster shows when it is no optical image, by its own metadata.

Words count that people and processors use for bands, units and products. What says nothing is
taken for an image: a warning that is often wrong is read by nobody.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["radar", "thermal", "elevation", "classes"]
PHRASES: Mapping[Kind, str] = {
    "radar": "radar backscatter",
    "thermal": "temperature",
    "elevation": "elevation",
    "classes": "a map of classes",
}

_WORDS: Mapping[Kind, str] = {
    "radar": r"vv|vh|hh|hv|(gamma|sigma|beta)[ _-]?(0|nought|naught)|backscatter|sar|palsar\d?|"
    r"sentinel-?1[abcd]?|s1[abcd]|radarsat(-?\d)?|terrasar(-x)?|cosmo-skymed",
    "thermal": r"lst|sst|st_b\d+|thermal|tirs\d?|(surface|brightness)[ _-]?temp(erature)?|"
    r"temperature|m[oy]d11\w*",
    "elevation": r"elevation|altitude|height|bathymetry|dem|dsm|dtm|dhm|srtm|nasadem|gebco|"
    r"etopo\d*",
    "classes": r"class(es|ification)?|labels?|land[ _-]?(cover|use)|lulc|worldcover|corine|nlcd|"
    r"scl|fmask|thematic",
}
_UNITS: Mapping[Kind, str] = {
    "radar": r"db",
    "thermal": r"k|kelvin|degk|°c|degc|deg_?c|celsius|degrees?[ _]celsius",
    "elevation": r"m|met(er|re)s?|ft|feet|foot",
}
# Tags that name a product or a quantity; long stories in others name anything.
_TELLING = re.compile(
    r"title|(long|standard|short)_?name|description|product(_?type)?|mission|satellite|platform|"
    r"sensor|layer_type|netcdf_varname|tifftag_imagedescription"
)
_MAX_TAG_LENGTH = 100  # letters of a tag that names something
_MAX_CLASS_VALUES, _MIN_CLASS_PX, _MIN_EQUAL_NEIGHBOURS = (
    16,
    1024,
    0.8,
)  # values of a map of classes, its pixels, equal neighbours


@dataclass(frozen=True, kw_only=True)
class Described:
    """One band as its file describes it."""

    name: str = ""
    unit: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Sighting:
    """What a raster seems to show, and what says so."""

    kind: Kind
    why: str


def told_kind(
    name: str, dtype: str, bands: Sequence[Described], tags: Mapping[str, str], crs: str | None
) -> Sighting | None:
    """Return what a raster shows by words of its metadata; None where they hold nothing.

    Words about the whole file, its own name (without folders and suffix) among them, count where
    it has a single band, and more than the 8 bits of a picture unless it holds classes.
    """
    for number, band in enumerate(bands, start=1):
        for kind, why in _of_band(band, alone=len(bands) == 1 and dtype != "uint8"):
            return Sighting(kind, f"band {number} {why}")
    radar = next((tag for tag in _telling(tags) if _says("radar", tag[1])), None)
    if radar is not None:
        return Sighting("radar", f"its {radar[0]} is {radar[1]}")
    return None if len(bands) != 1 else _of_file(name, dtype, tags, crs)


def shows_classes(values: NDArray[Any]) -> bool:
    """Return whether the pixels (H,W) of a single band are few numbers in patches."""
    if values.dtype != np.uint8 or values.size < _MIN_CLASS_PX or values.shape[1] < 2:
        return False
    if not 2 <= np.count_nonzero(np.bincount(values.ravel(), minlength=256)) <= _MAX_CLASS_VALUES:
        return False
    return bool((values[:, 1:] == values[:, :-1]).mean() >= _MIN_EQUAL_NEIGHBOURS)


def _of_band(band: Described, *, alone: bool) -> Iterator[tuple[Kind, str]]:
    """Find what words about a band say; a length alone says nothing of one among others."""
    for text in (band.name, *(text for _, text in _telling(band.tags))):
        for kind in _WORDS:
            if _says(kind, text):
                yield kind, f"is called {text}"
    for kind, units in _UNITS.items():
        if re.fullmatch(units, band.unit.strip().lower()) and (kind != "elevation" or alone):
            yield kind, f"is in {band.unit}"


def _of_file(name: str, dtype: str, tags: Mapping[str, str], crs: str | None) -> Sighting | None:
    """Find what words about a file of a single band say."""
    texts = [("name", name), *_telling(tags)]
    for kind in _WORDS:
        if (dtype == "uint8" and kind in ("thermal", "elevation")) or (
            "float" in dtype and kind == "classes"
        ):
            continue
        for key, text in texts:
            if _says(kind, text):
                return Sighting(kind, f"its {key} is {text}")
    if dtype != "uint8" and crs is not None and re.search(r"\bVERT(CRS|_CS)\b", crs):
        return Sighting("elevation", "its coordinate system has heights")
    return None


def _telling(tags: Mapping[str, str]) -> list[tuple[str, str]]:
    return [
        (key, text)
        for key, text in tags.items()
        if _TELLING.fullmatch(key.lower()) and len(text) <= _MAX_TAG_LENGTH
    ]


def _says(kind: Kind, text: str) -> bool:
    """Return whether a text has one of the words, whole; "_" and digits part words."""
    return re.search(rf"(?<![a-z])({_WORDS[kind]})(?![a-z])", text.lower()) is not None
