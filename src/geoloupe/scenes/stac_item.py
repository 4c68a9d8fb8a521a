"""A result as a STAC item: where and when it is, what its numbers mean, and how it was made."""

import hashlib
import json
import logging
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from geoloupe.imagery.grid import Grid
from geoloupe.imagery.moment import moment_of
from geoloupe.imagery.spectra import Band
from geoloupe.rasters.drivers import gdal_version
from geoloupe.rasters.facts import BandFacts
from geoloupe.rasters.footprint import code_of, footprint, wkt2_of
from geoloupe.rasters.formats import COG, GTIFF, ZARR, format_of
from geoloupe.rasters.planes import Layout
from geoloupe.rasters.scene_sensor import ground_pixel
from geoloupe.scenes.order import Order
from geoloupe.storage.beside import SIGMA, beside
from geoloupe.version import __version__

_log = logging.getLogger(__name__)

EXTENSIONS = {
    "proj": "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "raster": "https://stac-extensions.github.io/raster/v2.0.0/schema.json",
    "eo": "https://stac-extensions.github.io/eo/v2.0.0/schema.json",
    "processing": "https://stac-extensions.github.io/processing/v1.2.0/schema.json",
}
_MEDIA = {
    COG.driver: "image/tiff; application=geotiff; profile=cloud-optimized",
    GTIFF.driver: "image/tiff; application=geotiff",
    ZARR.driver: "application/vnd.zarr; version=3",
    "PNG": "image/png",
    "JPEG": "image/jpeg",
}
_COMMON = {"panchromatic": "pan", "swir1": "swir16", "swir2": "swir22"}  # the extension's words
_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)  # no scene is older
_AT_ONCE = 2**22  # bytes that are hashed at once


def item_text(order: Order) -> str:
    """Return the item of an order's result; every file that was read is read again for it."""
    return json.dumps(item_of(order), indent=2, allow_nan=False) + "\n"


def item_of(order: Order) -> dict[str, Any]:
    """Return the item of an order's result."""
    layout, now = order.scene.layout, datetime.now(UTC)
    found = footprint(layout.grid)
    assets = dict(_assets(order))
    properties = {
        **_when(order, now),
        "created": _time(now),
        "title": f"{order.target.stem}: {_lineage(order)}",
        **_place(layout.grid),
        **_processing(order, now),
    }
    used = json.dumps([properties, assets])
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [url for name, url in EXTENSIONS.items() if f'"{name}:' in used],
        "id": order.target.stem,
        "geometry": None if found is None else found.geometry,
        **({} if found is None else {"bbox": list(found.bbox)}),
        "properties": properties,
        "links": [],
        "assets": assets,
    }


def _when(order: Order, now: datetime) -> dict[str, Any]:
    """Return when the scene was taken, or the time in which it must have been."""
    call = order.identity.call
    moment = moment_of(order.scene.layout.facts.tags, (call.path, *order.inputs))
    if moment is None:
        _log.warning(
            "%s: does not say when it was taken; its STAC item says from 1900 until now, so enter "
            "its datetime there if you know it",
            call.path,
        )
        start, end = _EARLIEST, now
    else:
        start, end = moment
    if start == end:
        return {"datetime": _time(start)}
    return {"datetime": None, "start_datetime": _time(start), "end_datetime": _time(end)}


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _place(grid: Grid) -> dict[str, Any]:
    """Return the fields of the projection extension, and the pixel on the ground."""
    found: dict[str, Any] = {"proj:shape": [grid.height, grid.width]}
    if not grid.georeferenced:
        return found
    found |= {"proj:transform": list(grid.transform), "proj:bbox": list(grid.bounds)}
    if grid.crs:
        found |= {"proj:code": code_of(grid.crs), "proj:wkt2": wkt2_of(grid.crs)}
    pixel = ground_pixel(grid)
    return found if pixel is None else found | {"gsd": round(pixel, 4)}


def _processing(order: Order, now: datetime) -> dict[str, Any]:
    """Return how the result was made."""
    identity, tags = order.identity, order.scene.layout.facts.tags
    digest = identity.model.get("digest") or tags.get("GEOLOUPE_WEIGHTS")
    return {
        "processing:lineage": _lineage(order),
        "processing:datetime": _time(now),
        "processing:software": {
            "geoloupe": __version__,
            "PyTorch": str(torch.__version__),
            "NumPy": np.__version__,
            "GDAL": gdal_version(),
        },
        "geoloupe:command": identity.call.verb,
        "geoloupe:model": {"name": identity.model["name"]} | ({"digest": digest} if digest else {}),
        "geoloupe:settings": {
            name: _plain(value) for name, value in identity.settings.items() if value is not None
        },
        "geoloupe:inputs": [
            *_inputs("scene", identity.scene),
            *_inputs("guide", identity.guide),
        ],
        "geoloupe:tags": {key: text for key, text in tags.items() if key.startswith("GEOLOUPE_")},
    }


def _lineage(order: Order) -> str:
    call, model = order.identity.call, order.identity.model["name"]
    guide = f" and {Path(call.guide).name}" if call.guide else ""
    return f"{Path(call.path).name}{guide}, by geoloupe {__version__}, {call.verb} with {model}"


def _plain(value: Any) -> Any:
    """Return a setting without the folders of this machine."""
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value


def _inputs(role: str, files: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """List the files that were read; of addresses, there is nothing to hash here."""
    for name in files:
        path = Path(name)
        if path.is_file():
            yield {"name": path.name, "role": role, "sha256": _digest(path)}
        else:
            yield {"name": path.name or name, "role": role}


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(_AT_ONCE):
            digest.update(part)
    return digest.hexdigest()


def _assets(order: Order) -> Iterator[tuple[str, dict[str, Any]]]:
    layout, target = order.scene.layout, order.target
    yield "data", _asset(target, layout, "The result", ["data"])
    for name, layer in layout.beside.items():
        about = layer.facts.tags.get("GEOLOUPE_LAYER", name)
        roles = ["uncertainty"] if name == SIGMA else ["data"]
        yield name, _asset(beside(target, name), layer, about, roles)


def _asset(path: Path, layout: Layout, title: str, roles: list[str]) -> dict[str, Any]:
    kind = format_of(path, layout.packing.format)
    found: dict[str, Any] = {
        "href": f"./{path.name}",
        "type": _MEDIA[kind.driver],
        "title": title,
        "roles": roles,
        "data_type": layout.radiometry.dtype,
    }
    pixel = ground_pixel(layout.grid)
    if pixel is not None:
        found["raster:spatial_resolution"] = round(pixel, 4)
    nodata = layout.radiometry.nodata
    if nodata is not None:
        found["nodata"] = nodata if math.isfinite(nodata) else str(nodata)
    bands = enumerate(layout.facts.bands, start=1)
    return found | {"bands": [_band(number, band) for number, band in bands]}


def _band(number: int, facts: BandFacts) -> dict[str, Any]:
    band: Band = facts.band
    found: dict[str, Any] = {"name": band.name or f"b{number}"}
    if facts.unit:
        found["unit"] = facts.unit
    if (facts.scale, facts.offset) != (1.0, 0.0):
        found |= {"raster:scale": facts.scale, "raster:offset": facts.offset}
    if band.common:
        found["eo:common_name"] = _COMMON.get(band.common, band.common)
    if band.nm:
        found["eo:center_wavelength"] = round(band.nm / 1000, 6)
    return found
