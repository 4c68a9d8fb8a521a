"""Results as Zarr stores (version 3), for xarray and object stores.

A group with one array `image` (band, y, x), its coordinates, and `spatial_ref` as in CF and
rioxarray. What places it is said again by the `proj:` and `spatial:` conventions of GeoZarr.
"""

import base64
import logging
import math
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS

from geoloupe.errors import InputError
from geoloupe.imagery.grid import Grid
from geoloupe.rasters.facts import BandFacts
from geoloupe.rasters.footprint import code_of, wkt2_of
from geoloupe.rasters.formats import ZARR, compression_of
from geoloupe.rasters.gdal_files import places, side
from geoloupe.rasters.planes import Layout, Planes
from geoloupe.rasters.zarr_arrays import package

_log = logging.getLogger(__name__)

IMAGE, PLACE, WAVELENGTH = "image", "spatial_ref", "wavelength"
BANDS = "geoloupe:bands"  # what GDAL would say of each
_DIMENSIONS = ("band", "y", "x")
# Of zstd, more is slower and saves little; of gzip, the level that GeoTIFFs have here, too.
_LEVELS = {"zstd": 5, "deflate": 1}
_CONVENTIONS = (
    ("proj:", "zarr-experimental/geo-proj", "f17cb550-5864-4468-aeb7-f3180cfb622f"),
    ("spatial:", "zarr-conventions/spatial", "689b58e2-cf7b-45e0-9fff-9cfc0883d6b4"),
)


def refuse_unfit(path: Path, layout: Layout) -> None:
    """Refuse what xarray would read as something else."""
    package(path)
    if len({(band.scale, band.offset) for band in layout.facts.bands}) > 1:
        raise InputError(
            f"{path}: an array has one scale and offset, and these bands have several; give all "
            "the same, as with dtype=float32 dtype_scale=1, or write a .tif"
        )
    if layout.facts.gcps or layout.facts.rpcs:
        _log.warning(
            "%s: a Zarr store has no place for ground control points and camera models, which "
            "are left out; a .tif keeps them",
            path,
        )


def write(planes: Planes, part: Path) -> None:
    """Copy finished pixels into a new store, chunk by chunk."""
    layout = planes.layout
    grid, rows = layout.grid, side(layout)
    with _quiet():
        group = package(part).create_group(str(part), zarr_format=3, attributes=_about(layout))
        image = group.create_array(
            IMAGE,
            shape=(layout.count, grid.height, grid.width),
            chunks=(layout.count, min(rows, grid.height), min(rows, grid.width)),
            dtype=layout.radiometry.dtype,
            fill_value=nodata_of(layout) or 0,
            compressors=_codec(layout),
            dimension_names=_DIMENSIONS,
            attributes=_about_image(layout),
        )
        for down, across in places(layout, ZARR):
            image[:, down, across] = _read(planes, down, across)
        for name, (values, attributes) in _coordinates(layout).items():
            array = group.create_array(
                name,
                shape=values.shape,
                dtype=values.dtype,
                dimension_names=_dimensions_of(name),
                attributes=attributes,
            )
            array[...] = values
        # One file that says all: readers far away need not ask for each.
        package(part).consolidate_metadata(str(part))


def same(part: Path, planes: Planes) -> bool:
    """Open a store as anyone would and compare it with what was intended and written."""
    layout = planes.layout
    with _quiet():
        group = package(part).open_group(str(part), mode="r")
        image = group[IMAGE]
        alike = (
            image.shape == (layout.count, layout.grid.height, layout.grid.width)
            and image.dtype == np.dtype(layout.radiometry.dtype)
            and dict(group.attrs) == _about(layout)
            and _equal(image.attrs.get("_FillValue"), _about_image(layout).get("_FillValue"))
            and all(
                np.array_equal(group[name][...], values)
                for name, (values, _) in _coordinates(layout).items()
            )
        )
        return alike and all(
            image[:, down, across].tobytes() == _read(planes, down, across).tobytes()
            for down, across in places(layout, ZARR)
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave out that consolidated metadata are not part of the specification yet."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Consolidated metadata")
        yield


def _equal(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other


def _read(planes: Planes, rows: slice, columns: slice) -> NDArray[Any]:
    return np.stack([planes.read(band, rows, columns) for band in range(planes.layout.count)])


def nodata_of(layout: Layout) -> float | int | None:
    """Return what missing pixels hold, where a value of the type can."""
    nodata, dtype = layout.radiometry.nodata, np.dtype(layout.radiometry.dtype)
    if nodata is None or dtype.kind == "f":
        return nodata
    limits = np.iinfo(dtype)
    whole = float(nodata).is_integer() and limits.min <= nodata <= limits.max
    return int(nodata) if whole else None


def _codec(layout: Layout) -> Any:
    codecs, method = package(ZARR.driver).codecs, compression_of(ZARR, layout)
    if method == "none":
        return None
    kind = {"zstd": codecs.ZstdCodec, "deflate": codecs.GzipCodec}[method]
    return kind(level=_LEVELS[method])


def _about(layout: Layout) -> dict[str, Any]:
    """Return the attributes of the group: tags, and where the image lies."""
    grid, found = layout.grid, dict[str, Any](layout.facts.tags)
    if not grid.georeferenced:
        return found
    conventions = _CONVENTIONS if grid.crs else _CONVENTIONS[1:]
    found |= {
        "zarr_conventions": [
            {
                "name": name,
                "uuid": uuid,
                "schema_url": f"https://raw.githubusercontent.com/{place}/refs/tags/v1/schema.json",
                "spec_url": f"https://github.com/{place}/blob/v1/README.md",
            }
            for name, place, uuid in conventions
        ],
        "spatial:dimensions": list(_DIMENSIONS[1:]),
        "spatial:shape": [grid.height, grid.width],
        "spatial:transform": list(grid.transform),
        "spatial:bbox": list(grid.bounds),
        "spatial:registration": "pixel",
    }
    if grid.crs:
        code = code_of(grid.crs)
        found |= {"proj:wkt2": wkt2_of(grid.crs)} | ({"proj:code": code} if code else {})
    return found


def _about_image(layout: Layout) -> dict[str, Any]:
    """Return the attributes of the array as xarray and rioxarray read them."""
    bands, nodata = layout.facts.bands, nodata_of(layout)
    found: dict[str, Any] = {"long_name": [band.band.name for band in bands]}
    if nodata is not None:
        # xarray wants floats so: JSON has no NaN.
        floats = np.dtype(layout.radiometry.dtype).kind == "f"
        packed = base64.standard_b64encode(struct.pack("<d", nodata)).decode()
        found["_FillValue"] = packed if floats else nodata
    scale, offset = bands[0].scale, bands[0].offset
    if (scale, offset) != (1.0, 0.0):
        found |= {"scale_factor": scale, "add_offset": offset}
    units = {band.unit for band in bands}
    if len(units) == 1 and (unit := units.pop()):
        found["units"] = unit
    known = [name for name in (PLACE, WAVELENGTH) if name in _coordinates(layout)]
    if known:
        found["coordinates"] = " ".join(known)
    if PLACE in known:
        found["grid_mapping"] = PLACE
    return found | {BANDS: [_about_band(band) for band in bands]}


def _about_band(band: BandFacts) -> dict[str, Any]:
    told = {
        "description": band.description,
        "colour": band.colour,
        "unit": band.unit,
        "tags": dict(band.tags),
        "imagery": dict(band.imagery),
    }
    return {name: value for name, value in told.items() if value}


def _coordinates(layout: Layout) -> dict[str, tuple[NDArray[Any], dict[str, Any]]]:
    """Return the arrays beside the image, with their attributes."""
    grid, bands = layout.grid, layout.facts.bands
    found: dict[str, tuple[NDArray[Any], dict[str, Any]]] = {
        "band": (np.arange(1, len(bands) + 1), {})
    }
    lengths = [band.band.nm for band in bands]
    if all(length is not None and math.isfinite(length) for length in lengths):
        found[WAVELENGTH] = (np.array(lengths, np.float64), {"units": "nm"})
    if not grid.georeferenced:
        return found
    a, b, c, d, e, f = grid.transform
    about: dict[str, Any] = {"GeoTransform": " ".join(f"{x!r}" for x in (c, a, b, f, d, e))}
    if grid.crs:
        wkt = wkt2_of(grid.crs)
        about |= {"crs_wkt": wkt, "spatial_ref": wkt}
    found[PLACE] = (np.zeros((), np.int64), about)
    if b == d == 0:  # else no pixel's x is that of its column
        across, down = _axes(grid)
        found["x"] = (c + a * (np.arange(grid.width) + 0.5), across)
        found["y"] = (f + e * (np.arange(grid.height) + 0.5), down)
    return found


def _axes(grid: Grid) -> tuple[dict[str, str], dict[str, str]]:
    """Return what CF says of the coordinates along rows and along columns."""
    across, down = {"axis": "X"}, {"axis": "Y"}
    crs = CRS.from_wkt(grid.crs) if grid.crs else None
    if crs is not None and crs.is_geographic:
        across |= {"standard_name": "longitude", "units": "degrees_east"}
        down |= {"standard_name": "latitude", "units": "degrees_north"}
    elif crs is not None and crs.is_projected:
        across |= {"standard_name": "projection_x_coordinate", "units": crs.linear_units}
        down |= {"standard_name": "projection_y_coordinate", "units": crs.linear_units}
    return across, down


def _dimensions_of(name: str) -> tuple[str, ...]:
    if name == PLACE:
        return ()
    return ("band",) if name == WAVELENGTH else (name,)
