"""Sentinel-2 as EOPF Zarr: a .zarr folder whose measurements/reflectance/r10m holds b02 and others.

`S2B_....zarr` means the four 10 m bands; `S2B_....zarr:20m` and `:60m` the others. Versions 2 and 3
of Zarr are read, by the package zarr.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import CRSError

from geoloupe.errors import InputError
from geoloupe.imagery.grid import Grid, Window
from geoloupe.rasters.described import Description, described
from geoloupe.rasters.facts import BandFacts, Facts
from geoloupe.rasters.reach import refuse_links_out
from geoloupe.rasters.sentinel2 import BANDS
from geoloupe.rasters.source import PLAIN, Opening, Source

_GROUP = Path("measurements") / "reflectance"
_SIZES = ("10m", "20m", "60m")
_SCALE = 0.0001  # of numbers whose offset a person says
_MAX_METADATA_BYTES = 50_000_000
# Those that hold nothing but numbers; one of numcodecs' unpickles what a stranger wrote.
_CODECS = {
    *("blosc", "zlib", "gzip", "zstd", "lz4", "bz2", "shuffle", "delta"),
    *("bytes", "transpose", "crc32c", "sharding_indexed", "numcodecs.zlib", "numcodecs.shuffle"),
}


@dataclass(frozen=True, kw_only=True)
class Stored:
    """One band: its array, and what is said of it."""

    path: Path
    attributes: Mapping[str, Any]

    def said(self, *words: str) -> Any:
        """Return the first attribute of these that is there, as xarray or as EOPF writes it."""
        inner = self.attributes.get("_eopf_attrs")
        for place in (self.attributes, inner if isinstance(inner, Mapping) else {}):
            for word in words:
                if place.get(word) is not None:
                    return place[word]
        return None

    def number(self, *words: str) -> float | None:
        """Return an attribute that is a number."""
        found = self.said(*words)
        try:
            return None if found is None else float(found)
        except (TypeError, ValueError):
            raise InputError(f"{self.path}: {words[0]} is {str(found)[:40]!r}, no number") from None


@dataclass(frozen=True, kw_only=True)
class ArraysReader:
    """Reads open arrays (H,W) of Zarr, one a band."""

    name: str
    arrays: tuple[Any, ...]

    def read(self, indexes: Sequence[int], window: Window) -> tuple[NDArray[Any], None]:
        """Read these bands of a window."""
        try:
            return np.stack([self.arrays[index][window.slices] for index in indexes]), None
        except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
            raise InputError(
                f"{self.name}: cannot be read; damaged or incomplete? ({error})"
            ) from None

    def close(self) -> None:
        """Nothing stays open between reads."""


def eopf_name(name: str) -> tuple[Path, str] | None:
    """Return a product and the named pixel size, or None for anything else."""
    path, colon, size = name.rpartition(":")
    if not colon or size not in _SIZES:
        path, size = name, "10m"
    folder = Path(path)
    looks = path.rstrip("/").lower().endswith(".zarr") and (folder / _GROUP).is_dir()
    return (folder, size) if looks else None


def open_eopf(folder: Path, size: str, opening: Opening = PLAIN) -> Source:
    """Open the bands of one pixel size."""
    try:
        import zarr
    except ImportError:
        raise InputError(
            f"{folder}: Zarr needs more packages: pip install 'geoloupe[zarr]'"
        ) from None
    label = f"{folder}:{size}"
    if not opening.trust:
        refuse_links_out(folder)
    group = folder / _GROUP / f"r{size}"
    names = [
        band
        for band, (*_, pixel) in BANDS.items()
        if pixel == int(size[:-1]) and (group / band.lower()).is_dir()
    ]
    if not names:
        raise InputError(f"{label}: holds no bands at {_GROUP.as_posix()}/r{size}")
    stored = [_stored(group / name.lower()) for name in names]
    try:
        arrays = [zarr.open_array(str(each.path), mode="r") for each in stored]
    except (OSError, ValueError, TypeError, KeyError, RuntimeError) as error:
        raise InputError(f"{label}: cannot be opened; damaged? ({error})") from None
    first = arrays[0]
    if first.ndim != 2 or any((a.shape, a.dtype) != (first.shape, first.dtype) for a in arrays):
        raise InputError(f"{label}: its bands differ in size or type; was it copied in full?")
    bands = tuple(
        _facts(name, each, first.dtype, opening) for name, each in zip(names, stored, strict=True)
    )
    fill = stored[0].number("_FillValue", "fill_value")
    said = Description(
        name=label,
        grid=_grid(label, folder, stored[0], first.shape),
        dtype=np.dtype(first.dtype).name,
        facts=Facts(bands=bands, tags={"platform": "Sentinel-2"}),
        nodata=fill if fill is not None else _plain(first.fill_value),
        files=tuple(str(_metadata(each.path)) for each in stored),
    )
    return described(ArraysReader(name=label, arrays=tuple(arrays)), said, opening)


def _plain(fill: Any) -> float | None:
    return None if fill is None else float(fill)


def _facts(name: str, stored: Stored, dtype: Any, opening: Opening) -> BandFacts:
    """Return what is known about a band; whole numbers must say what they mean."""
    scale, offset = stored.number("scale_factor"), stored.number("add_offset")
    whole = np.dtype(dtype).kind in "iu"
    if opening.offset is not None:
        scale, offset = scale or _SCALE, opening.offset
    elif whole and (not scale or offset is None):
        raise InputError(
            f"{stored.path}: does not say what its numbers mean (scale_factor, add_offset). Look "
            "at dark water: near 1000, offset=-0.1 is right; near 0, offset=0"
        )
    _, common, nm, _ = BANDS[name]
    return BandFacts(
        description=f"{name} {common}",
        scale=scale or 1.0,
        offset=offset or 0.0,
        imagery={"CENTRAL_WAVELENGTH_UM": f"{nm / 1000:g}"},
    )


def _stored(path: Path) -> Stored:
    """Read what is said of an array, and refuse one that is packed by anything unusual."""
    file = _metadata(path)
    about = _json(file)
    packed = about.get("codecs") or [about.get("compressor"), *(about.get("filters") or ())]
    _refuse_codecs(path, packed)
    if file.name == "zarr.json":
        return Stored(path=path, attributes=about.get("attributes") or {})
    beside = path / ".zattrs"
    return Stored(path=path, attributes=_json(beside) if beside.is_file() else {})


def _metadata(path: Path) -> Path:
    """Return the file that describes an array, of version 3 or 2."""
    new = path / "zarr.json"
    return new if new.is_file() else path / ".zarray"


def _refuse_codecs(path: Path, codecs: Any) -> None:
    for codec in codecs if isinstance(codecs, list) else [codecs]:
        if codec is None:
            continue
        name = codec.get("name") or codec.get("id") if isinstance(codec, Mapping) else codec
        if name not in _CODECS:
            raise InputError(f"{path}: is packed by {str(name)[:40]!r}, which is not read")
        inner = codec.get("configuration") if isinstance(codec, Mapping) else None
        if isinstance(inner, Mapping):
            _refuse_codecs(path, [*inner.get("codecs", ()), *inner.get("index_codecs", ())])


def _json(path: Path) -> Mapping[str, Any]:
    try:
        with path.open("rb") as stream:
            content = json.loads(stream.read(_MAX_METADATA_BYTES).decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    if not isinstance(content, Mapping):
        raise InputError(f"{path}: is not the metadata of a Zarr store")
    return content


def _grid(label: str, folder: Path, stored: Stored, shape: tuple[int, ...]) -> Grid:
    """Return where a band lies, by its own attributes and those of the product."""
    numbers = stored.said("proj:transform")
    box = stored.said("proj:bbox")
    try:
        if numbers is not None:
            a, b, c, d, e, f = map(float, numbers[:6])
        else:
            left, bottom, right, top = map(float, box)
            a, b, c = (right - left) / shape[1], 0.0, left
            d, e, f = 0.0, (bottom - top) / shape[0], top
        crs = CRS.from_user_input(_crs(folder, stored)).to_wkt()
    except (TypeError, ValueError, CRSError):
        raise InputError(
            f"{label}: does not say where it lies (proj:epsg, and proj:transform or proj:bbox)"
        ) from None
    return Grid(crs=crs, transform=(a, b, c, d, e, f), height=shape[0], width=shape[1])


def _crs(folder: Path, stored: Stored) -> Any:
    """Return the code of a coordinate system, wherever the product gives it."""
    code = stored.said("proj:epsg", "proj:code")
    if code is not None:
        return code
    new = folder / "zarr.json"
    path = new if new.is_file() else folder / ".zattrs"
    root = _json(path) if path.is_file() else {}
    root = root.get("attributes", {}) if new.is_file() else root
    other = root.get("other_metadata", {}).get("horizontal_CRS_code")
    return other or root.get("stac_discovery", {}).get("properties", {}).get("proj:epsg")
