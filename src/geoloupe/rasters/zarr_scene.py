"""A Zarr store of version 3 with an image (band, y, x): as `upscale` writes it, or xarray.

`finer.zarr` means its only image, `finer.zarr:name` one of several. Where it lies is read from its
`spatial_ref` and its coordinates, as CF and rioxarray have it, or from GeoZarr's conventions.
Stores of version 2 are read by GDAL.
"""

import base64
import binascii
import math
import os
import struct
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rasterio.enums import ColorInterp

from geoloupe.errors import InputError, errors_named
from geoloupe.rasters.described import Description, described
from geoloupe.rasters.facts import BandFacts, Facts, refuse_many_bands
from geoloupe.rasters.reach import refuse_links_out
from geoloupe.rasters.source import PLAIN, Opening, Source
from geoloupe.rasters.zarr_arrays import NEW, ArraysReader, Stored, package, read_json, stored
from geoloupe.rasters.zarr_place import AXES, grid_of
from geoloupe.rasters.zarr_stores import BANDS, WAVELENGTH

_MOST_ARRAYS = 1000  # in a group
_LONGEST = 2**31 - 1  # pixels of a side, as of all rasters here
_TYPES = {
    *("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"),
    *("float32", "float64"),
}
_CONVENTIONS = ("proj:", "spatial:", "zarr_conventions")  # said of the grid, not of the scene
_NM = {"nm": 1.0, "nanometers": 1.0, "nanometer": 1.0, "um": 1000.0, "micrometers": 1000.0}


def zarr_name(name: str) -> tuple[Path, str | None] | None:
    """Return a store of version 3 and the array named in it, or None for anything else."""
    path, array = name.rstrip("/"), ""
    if not path.lower().endswith(".zarr"):
        path, _, array = name.rpartition(":")
    if not path.lower().endswith(".zarr") or not (Path(path) / NEW).is_file():
        return None
    return Path(path), array or None


def open_zarr(folder: Path, key: str | None, opening: Opening = PLAIN) -> Source:
    """Open the only image of a store, or the one of this name."""
    package(folder)
    label = str(folder) if key is None else f"{folder}:{key}"
    if not opening.trust:
        refuse_links_out(folder)
    with errors_named(label):
        beside = _arrays(folder)
        image = _image(folder, beside, key)
        shape = _shape(image)
        refuse_many_bands(label, shape[0])
        root = read_json(folder / NEW)
        about = root.get("attributes")
        attributes = about if isinstance(about, Mapping) else {}
        array = image.open(trust=opening.trust)
        said = Description(
            name=label,
            grid=grid_of(image, beside, attributes, shape, trust=opening.trust),
            dtype=_dtype(array),
            facts=Facts(
                bands=_bands(image, beside, shape[0], opening), tags=_texts(_about(attributes))
            ),
            nodata=_nodata(image),
            files=tuple(dict.fromkeys((str(image.file), str(folder / NEW)))),
        )
        return described(ArraysReader(name=label, arrays=(array,)), said, opening)


def _arrays(folder: Path) -> dict[str, Stored]:
    """List the arrays of a store by name; one that is an array itself has no name."""
    if read_json(folder / NEW).get("node_type") == "array":
        return {"": stored(folder)}
    names = sorted(item.name for item in os.scandir(folder) if Path(item, NEW).is_file())
    if len(names) > _MOST_ARRAYS:
        raise InputError(f"holds {len(names):,} arrays, and an image has few beside it")
    kinds = {name: read_json(folder / name / NEW).get("node_type") for name in names}
    return {name: stored(folder / name) for name, kind in kinds.items() if kind == "array"}


def _image(folder: Path, arrays: Mapping[str, Stored], key: str | None) -> Stored:
    """Return the named array, or the only one that is an image."""
    images = {
        name: array for name, array in arrays.items() if name == "" or _dimensions(array) in AXES
    }
    if key is not None:
        if key not in images:
            raise InputError.unknown("image", key, images)
        return images[key]
    if not images:
        raise InputError(
            "holds no image: no array of its first group has the dimensions (band, y, x) or (y, x)"
        )
    if len(images) > 1:
        shown = ", ".join(f"{folder}:{name}" for name in list(images)[:5])
        more = f" and {len(images) - 5} more" if len(images) > 5 else ""
        raise InputError(f"holds several images; name one: {shown}{more}")
    return next(iter(images.values()))


def _dimensions(array: Stored) -> tuple[str, str] | None:
    """Return the last two dimensions, of an array of two or three."""
    names = array.about.get("dimension_names")
    if not isinstance(names, list) or len(names) not in (2, 3):
        return None
    return (str(names[-2]).lower(), str(names[-1]).lower())


def _shape(image: Stored) -> tuple[int, int, int]:
    """Return the bands, rows and columns that an image claims."""
    sides = image.about.get("shape")
    if (
        not isinstance(sides, list)
        or len(sides) not in (2, 3)
        or not all(type(side) is int and 0 < side <= _LONGEST for side in sides)
    ):
        raise InputError(f"its array of shape {str(sides)[:60]} is no image (band, y, x)")
    count, height, width = sides if len(sides) == 3 else (1, *sides)
    return count, height, width


def _dtype(array: Any) -> str:
    name = np.dtype(array.dtype).name
    if name not in _TYPES:
        raise InputError(f"holds {name}, and numbers of {', '.join(sorted(_TYPES))} are read")
    return str(name)


def _nodata(image: Stored) -> float | None:
    """Return what missing pixels hold: a number, or how xarray writes a float."""
    value = image.said("_FillValue", "missing_value")
    if isinstance(value, str):
        with suppress(binascii.Error, struct.error, ValueError):  # it is "NaN", perhaps
            (value,) = struct.unpack("<d", base64.b64decode(value, validate=True))
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"its _FillValue is {str(value)[:40]!r}, no number") from None


def _bands(
    image: Stored, beside: Mapping[str, Stored], count: int, opening: Opening
) -> tuple[BandFacts, ...]:
    """Return what is said of each band: as `upscale` writes it, or by names and wavelengths."""
    scale, offset = (image.number(word) for word in ("scale_factor", "add_offset"))
    scale, offset = 1.0 if scale is None else scale, offset or 0.0
    if not (math.isfinite(scale) and math.isfinite(offset)) or scale == 0:
        raise InputError(f"its numbers mean nothing: scale_factor {scale:g}, add_offset {offset:g}")
    told = image.attributes.get(BANDS)
    if isinstance(told, list) and len(told) == count:
        bands = [_told(each if isinstance(each, Mapping) else {}) for each in told]
    else:
        bands = _plain(image, beside, count, opening)
    unit = _text(image.attributes.get("units"))
    return tuple(
        replace(band, scale=scale, offset=offset, unit=band.unit or unit) for band in bands
    )


def _told(words: Mapping[str, Any]) -> BandFacts:
    """Return what a store of ours says of a band."""
    colour = words.get("colour")
    known = isinstance(colour, str) and colour in ColorInterp.__members__
    return BandFacts(
        description=_text(words.get("description")),
        colour=str(colour) if known and colour not in ("alpha", "palette") else "undefined",
        tags=_texts(words.get("tags")),
        imagery=_texts(words.get("imagery")),
        unit=_text(words.get("unit")),
    )


def _plain(
    image: Stored, beside: Mapping[str, Stored], count: int, opening: Opening
) -> list[BandFacts]:
    """Return bands by their names, as rioxarray writes them, and by a coordinate of wavelengths."""
    names = image.attributes.get("long_name")
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, list) or len(names) != count:
        names = [None] * count
    lengths = _lengths(beside.get(WAVELENGTH), count, opening)
    return [
        BandFacts(
            description=_text(name),
            imagery={} if nm is None else {"CENTRAL_WAVELENGTH_UM": f"{nm / 1000:.9g}"},
        )
        for name, nm in zip(names, lengths, strict=True)
    ]


def _lengths(array: Stored | None, count: int, opening: Opening) -> Sequence[float | None]:
    """Read wavelengths in nm, where there is one for each band."""
    unknown = [None] * count
    if array is None or array.about.get("shape") != [count]:
        return unknown
    factor = _NM.get(str(array.attributes.get("units", "nm")).lower())
    opened = array.open(trust=opening.trust)
    if factor is None or opened.dtype.kind not in "fiu":
        return unknown
    values = [float(value) * factor for value in np.asarray(opened[...])]
    return values if all(0 < value < math.inf for value in values) else unknown


def _about(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of a group that are of the scene."""
    return {key: text for key, text in attributes.items() if not key.startswith(_CONVENTIONS)}


def _texts(value: Any) -> dict[str, str]:
    """Return the texts in a mapping that can be tags."""
    pairs = value.items() if isinstance(value, Mapping) else ()
    found = {_text(key): _text(text) for key, text in pairs}
    return {key: text for key, text in found.items() if key and "=" not in key and text is not None}


def _text(value: Any) -> str | None:
    """Return a text that files can hold, or None."""
    if not isinstance(value, str) or not value or "\0" in value:
        return None
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return None
    return value
