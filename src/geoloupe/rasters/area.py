"""An area of interest: a box or a GeoJSON file, as whole pixels of a scene."""

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rasterio.crs import CRS
from rasterio.errors import CRSError
from rasterio.warp import transform

from geoloupe.errors import InputError
from geoloupe.imagery.grid import Grid, Window
from geoloupe.rasters.facts import Facts

_GEOJSON_CRS = "EPSG:4326"  # RFC 7946 allows no other
_SUFFIXES = (".geojson", ".json")
_MAX_BYTES = 50_000_000  # of a file that gives a box
_ALONG = 21  # points per side of a box in another system, where sides are curved
_SNAP_PX = 1e-6  # by which a box may pass a pixel's edge without touching the next
_BOX = re.compile(r"^([^@]+?)(?:\s*@\s*(\S+))?$")

AREA_TAG = "GEOLOUPE_AREA"
_PIXELS = "pixels"  # the system of a scene's own columns and rows

Box = tuple[float, float, float, float]


def window_of(area: str, grid: Grid, name: str) -> Window:
    """Return the pixels of a scene's grid that an area touches.

    Args:
        area: "LEFT,BOTTOM,RIGHT,TOP" in the scene's own coordinates, or in others as in
            "11.2,48.0,11.4,48.2@EPSG:4326", or a GeoJSON file, whose bounding box
            is taken. For a scene without coordinates, columns and rows from the upper left
            corner: "0,0,200,100"; "0,0,200,100@pixels" means them in any scene.
        grid: The scene's.
        name: The scene's, for messages.
    """
    crs, box = _read(area) if _is_file(area) else _parsed(area)
    if crs == _PIXELS:
        crs, grid = None, Grid(crs=None, height=grid.height, width=grid.width)
    if crs is not None and grid.crs is None:
        raise InputError(f"{name}: has no georeference; give the area in columns and rows")
    places = list(_outline(box))
    if crs is not None:
        places = _moved(places, crs, str(grid.crs))
    found = [grid.position(x, y) for x, y in places]
    rows, columns = zip(*found, strict=True)
    top, bottom = _whole(min(rows), max(rows), grid.height)
    left, right = _whole(min(columns), max(columns), grid.width)
    if bottom <= top or right <= left:
        bounds = ", ".join(f"{side:.10g}" for side in grid.bounds)
        raise InputError(
            f"{name}: the area {area} lies outside it; it spans {bounds} (left, bottom, "
            "right, top) in its own coordinates"
        )
    return Window(top=top, left=left, height=bottom - top, width=right - left)


def area_text(window: Window) -> str:
    """Write pixels as the area that they are: what `window_of` reads."""
    right, bottom = window.left + window.width, window.top + window.height
    return f"{window.left},{window.top},{right},{bottom}@{_PIXELS}"


def with_area(facts: Facts, window: Window | None) -> Facts:
    """Say of a product which pixels of its scene it was made of; all of them need no word."""
    # A scene that is a product itself may say it of its own.
    plain = facts.without(AREA_TAG)
    return plain if window is None else plain.tagged({AREA_TAG: area_text(window)})


def _is_file(area: str) -> bool:
    return area.lower().endswith(_SUFFIXES)


def _parsed(area: str) -> tuple[str | None, Box]:
    """Read a box, and the coordinate system it names."""
    match = _BOX.match(area.strip())
    try:
        numbers = [float(word) for word in match[1].split(",")] if match else []
    except ValueError:
        numbers = []
    if match is None or len(numbers) != 4 or not all(map(math.isfinite, numbers)):
        raise InputError(
            f"area={area}: is neither a box such as 11.2,48.0,11.4,48.2@EPSG:4326 (left, bottom, "
            "right, top), nor a .geojson file"
        )
    left, bottom, right, top = numbers
    if match[2] not in (None, _PIXELS) and not (left < right and bottom < top):
        raise InputError(f"area={area}: left must be less than right, and bottom less than top")
    return match[2], (left, bottom, right, top)


def _read(area: str) -> tuple[str, Box]:
    """Return the box around everything in a GeoJSON file."""
    try:
        with Path(area).open("rb") as stream:
            text = stream.read(_MAX_BYTES)
        content = json.loads(text.decode("utf-8"))
    except OSError as error:
        raise InputError(f"{area}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError):
        raise InputError(f"{area}: is not GeoJSON") from None
    places = list(_positions(content))
    if not places:
        raise InputError(f"{area}: holds no geometry")
    x, y = zip(*places, strict=True)
    return _GEOJSON_CRS, (min(x), min(y), max(x), max(y))


def _positions(part: Any) -> Iterator[tuple[float, float]]:
    """Yield longitude and latitude of every position in a GeoJSON object, whatever it is."""
    waiting = [part]
    while waiting:
        here = waiting.pop()
        if isinstance(here, dict):
            keys = ("features", "geometry", "geometries", "coordinates")
            waiting += [here[key] for key in keys if key in here]
        elif isinstance(here, list):
            numbers = here[:2]
            if len(numbers) == 2 and all(type(n) in (int, float) for n in numbers):
                yield float(numbers[0]), float(numbers[1])
            else:
                waiting += here


def _outline(box: Box) -> Iterator[tuple[float, float]]:
    """Yield places along the border of a box."""
    left, bottom, right, top = box
    for step in range(_ALONG):
        share = step / (_ALONG - 1)
        x, y = left + share * (right - left), bottom + share * (top - bottom)
        yield from ((x, bottom), (x, top), (left, y), (right, y))


def _moved(places: list[tuple[float, float]], crs: str, to: str) -> list[tuple[float, float]]:
    """Transform places from one coordinate system into another."""
    x, y = (list(part) for part in zip(*places, strict=True))
    try:
        x, y = transform(CRS.from_user_input(crs), CRS.from_wkt(to), x, y)
    except CRSError:
        raise InputError(f"area: {crs} is not a known coordinate system") from None
    if not all(map(math.isfinite, [*x, *y])):
        raise InputError(f"area: the box has no place in the scene's coordinate system ({crs})")
    return list(zip(x, y, strict=True))


def _whole(low: float, high: float, length: int) -> tuple[int, int]:
    """Return the first pixel a stretch touches, and the one after the last."""
    first, last = math.floor(low + _SNAP_PX), math.ceil(high - _SNAP_PX)
    return max(first, 0), min(max(last, first + 1), length)
