"""Sentinel-2 as EOPF Zarr: a .zarr folder whose measurements/reflectance/r10m holds b02 and others.

`S2B_....zarr` means the four 10 m bands; `S2B_....zarr:20m` and `:60m` the others. Versions 2 and 3
of Zarr are read, by the package zarr.
"""

from pathlib import Path
from typing import Any

import numpy as np
from rasterio.crs import CRS
from rasterio.errors import CRSError

from geoloupe.errors import InputError
from geoloupe.imagery.grid import Grid
from geoloupe.rasters.described import Description, described
from geoloupe.rasters.facts import BandFacts, Facts
from geoloupe.rasters.reach import refuse_links_out
from geoloupe.rasters.sentinel2 import BANDS
from geoloupe.rasters.source import PLAIN, Opening, Source
from geoloupe.rasters.zarr_arrays import ArraysReader, Stored, package, read_json, stored

_GROUP = Path("measurements") / "reflectance"
_SIZES = ("10m", "20m", "60m")
_SCALE = 0.0001  # of numbers whose offset a person says


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
    package(folder)
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
    listed = [stored(group / name.lower()) for name in names]
    arrays = [each.open(trust=opening.trust) for each in listed]
    first = arrays[0]
    if first.ndim != 2 or any((a.shape, a.dtype) != (first.shape, first.dtype) for a in arrays):
        raise InputError(f"{label}: its bands differ in size or type; was it copied in full?")
    bands = tuple(
        _facts(name, each, first.dtype, opening) for name, each in zip(names, listed, strict=True)
    )
    fill = listed[0].number("_FillValue", "fill_value")
    said = Description(
        name=label,
        grid=_grid(label, folder, listed[0], first.shape),
        dtype=np.dtype(first.dtype).name,
        facts=Facts(bands=bands, tags={"platform": "Sentinel-2"}),
        nodata=fill if fill is not None else _plain(first.fill_value),
        files=tuple(str(each.file) for each in listed),
    )
    return described(ArraysReader(name=label, arrays=tuple(arrays)), said, opening)


def _plain(fill: Any) -> float | None:
    return None if fill is None else float(fill)


def _facts(name: str, array: Stored, dtype: Any, opening: Opening) -> BandFacts:
    """Return what is known about a band; whole numbers must say what they mean."""
    scale, offset = array.number("scale_factor"), array.number("add_offset")
    whole = np.dtype(dtype).kind in "iu"
    if opening.offset is not None:
        scale, offset = scale or _SCALE, opening.offset
    elif whole and (not scale or offset is None):
        raise InputError(
            f"{array.path}: does not say what its numbers mean (scale_factor, add_offset). Look "
            "at dark water: near 1000, offset=-0.1 is right; near 0, offset=0"
        )
    _, common, nm, _ = BANDS[name]
    return BandFacts(
        description=f"{name} {common}",
        scale=scale or 1.0,
        offset=offset or 0.0,
        imagery={"CENTRAL_WAVELENGTH_UM": f"{nm / 1000:g}"},
    )


def _grid(label: str, folder: Path, array: Stored, shape: tuple[int, ...]) -> Grid:
    """Return where a band lies, by its own attributes and those of the product."""
    numbers = array.said("proj:transform")
    box = array.said("proj:bbox")
    try:
        if numbers is not None:
            a, b, c, d, e, f = map(float, numbers[:6])
        else:
            left, bottom, right, top = map(float, box)
            a, b, c = (right - left) / shape[1], 0.0, left
            d, e, f = 0.0, (bottom - top) / shape[0], top
        crs = CRS.from_user_input(_crs(folder, array)).to_wkt()
    except (TypeError, ValueError, CRSError):
        raise InputError(
            f"{label}: does not say where it lies (proj:epsg, and proj:transform or proj:bbox)"
        ) from None
    return Grid(crs=crs, transform=(a, b, c, d, e, f), height=shape[0], width=shape[1])


def _crs(folder: Path, array: Stored) -> Any:
    """Return the code of a coordinate system, wherever the product gives it."""
    code = array.said("proj:epsg", "proj:code")
    if code is not None:
        return code
    new = folder / "zarr.json"
    path = new if new.is_file() else folder / ".zattrs"
    root = read_json(path) if path.is_file() else {}
    root = root.get("attributes", {}) if new.is_file() else root
    other = root.get("other_metadata", {}).get("horizontal_CRS_code")
    return other or root.get("stac_discovery", {}).get("properties", {}).get("proj:epsg")
