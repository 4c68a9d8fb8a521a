"""Routes to look: files, scenes, tiles, pixels, models, previews."""

import math
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from geoloupe.app.endpoints import Endpoint, asked_of, plainly
from geoloupe.app.preview import PreviewAsked
from geoloupe.app.state import AppState
from geoloupe.app.tiles import tile_png
from geoloupe.app.uploads import upload
from geoloupe.errors import InputError
from geoloupe.models.card import Card, read_weights
from geoloupe.models.shipped import shipped, shipped_sharpeners, unknown_model
from geoloupe.rasters.opening import scenes_in

_LISTED = 500  # names of a folder
_FREE = (("bicubic", (2, 3, 4, 8)), ("nearest", (2, 3, 4, 8)))  # of any factor; no weights
_BANDS = ("bands", "one or three numbers from 1, such as 3,2,1; without: those people look at")
_CUT = ("cut", "the share of values that may be pure black, and pure white: 0 to 0.49")


class OpenAsked(BaseModel):
    """A file to open."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    like: str | None = None  # a scene whose stretch is used, as a product's input is


def start(state: AppState, _request: Request) -> dict[str, Any]:
    """Return what a page begins with."""
    return {
        "folders": [str(root) for root in state.settings.roots],
        "scene": None if state.first is None else str(state.first),
        "upload_bytes": state.settings.upload_bytes,
        "preview_values": state.settings.preview_values,
    }


def files(state: AppState, request: Request) -> dict[str, Any]:
    """List what can be opened in a folder."""
    name = request.query_params.get("folder")
    folder = state.allowed(name) if name else state.settings.roots[0]
    if not folder.is_dir():
        raise InputError(f"{folder}: is not a folder")
    try:
        inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        scenes = [path for path in scenes_in(folder) if _is_allowed(state, path)][:_LISTED]
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror})") from None
    folders = [str(path) for path in inside if path.is_dir() and str(path) not in scenes]
    upper = str(folder.parent)
    return {
        "folder": str(folder),
        "above": upper if _is_allowed(state, upper) else None,
        "folders": [path for path in folders if _is_allowed(state, path)][:_LISTED],
        "scenes": [{"path": path, "bytes": Path(path).stat().st_size} for path in scenes],
    }


def _is_allowed(state: AppState, path: str) -> bool:
    try:
        state.allowed(path)
    except InputError:
        return False
    return True


async def open_scene(state: AppState, request: Request) -> Response:
    """Open a scene."""
    asked = await asked_of(state, request, OpenAsked)
    path = state.allowed(asked.path)
    return JSONResponse(await run_in_threadpool(state.scenes.add, path, asked.like))


def scene(state: AppState, request: Request) -> dict[str, Any]:
    """Return what a scene is."""
    with state.scenes.held(request.path_params["scene"]) as found:
        return found.facts


def tile(state: AppState, request: Request) -> Response:
    """Draw a tile."""
    z, x, y = (request.path_params[name] for name in "zxy")
    with state.scenes.held(request.path_params["scene"]) as found:
        bands = _bands(request, found.facts)
        limits = found.stretch(bands, _cut(request))
        png = tile_png(found.source.select(bands), z, x, y, limits)
    return Response(png, media_type="image/png", headers={"cache-control": "private, max-age=600"})


def pixel(state: AppState, request: Request) -> dict[str, Any]:
    """Return the stored values of a pixel."""
    row, column = (_whole(request, name) for name in ("row", "column"))
    with state.scenes.held(request.path_params["scene"]) as found:
        x, y = found.source.grid.place(row + 0.5, column + 0.5)
        return {"values": found.pixel(row, column), "x": x, "y": y}


def _bands(request: Request, facts: dict[str, Any]) -> list[int]:
    text = request.query_params.get("bands")
    words = text.split(",") if text else [str(number) for number in facts["visible"]]
    count = len(facts["bands"])
    if len(words) not in (1, 3) or not all(
        word.isdecimal() and 1 <= int(word) <= count for word in words
    ):
        raise InputError(f"bands: one or three numbers from 1 to {count}, not {text}")
    return [int(word) - 1 for word in words]


def _cut(request: Request) -> float:
    text = request.query_params.get("cut", "0.005")
    try:
        cut = float(text)
    except ValueError:
        cut = math.nan
    if not 0 <= cut < 0.5:
        raise InputError(f"cut: a share from 0 to 0.49, not {text}")
    return round(cut, 4)


def _whole(request: Request, name: str) -> int:
    text = request.query_params.get(name, "")
    if not text.isdecimal() or len(text) > 9:
        raise InputError(f"{name}: a whole number, not {text!r}")
    return int(text)


def models(_state: AppState, _request: Request) -> list[dict[str, Any]]:
    """List the models and what their cards say."""
    return _models()


@cache
def _models() -> list[dict[str, Any]]:
    found = [_told(read_weights(folder)[0], "upscale") for folder in shipped().values()]
    found += [_told(read_weights(folder)[0], "sharpen") for folder in shipped_sharpeners().values()]
    plain = {"notes": "interpolation, to compare with", "free_scales": None, "sigma": False}
    return found + [
        {"name": name, "verb": "upscale", "scale": None, "network": name, "bands": None}
        | (plain | {"free_scales": scales, "guided": False})
        for name, scales in _FREE
    ]


def model(_state: AppState, request: Request) -> Any:
    """Return the whole card of a model."""
    folders = shipped() | shipped_sharpeners()
    name = request.path_params["name"]
    if name not in folders:
        raise unknown_model("model", name, folders)
    return read_weights(folders[name])[0].model_dump(mode="json")


def _told(card: Card, verb: str) -> dict[str, Any]:
    best = max(card.gains, key=lambda gain: gain.mean, default=None)
    least = min(card.gains, key=lambda gain: gain.mean, default=None)
    return {
        "name": card.name,
        "verb": verb,
        "network": card.network,
        "scale": card.settings.get("scale"),
        "bands": card.bands,
        "least_bands": card.least_bands,
        "guided": verb == "sharpen" or card.network == "mulsr",
        "notes": card.notes,
        "not_for": card.not_for,
        "trained_on": card.trained_on,
        "licence": card.licence,
        "sigma": card.calibration is not None,
        "gain": None if best is None or least is None else [least.mean, best.mean],
        "tried_on": sorted({gain.data for gain in card.gains}),
    }


async def preview(state: AppState, request: Request) -> Response:
    """Compute a box; lines of JSON come as its tiles are done."""
    asked = await asked_of(state, request, PreviewAsked)
    state.scenes.path(asked.scene)  # a name that nothing goes by is said at once
    lines = state.previews.lines(asked)
    return StreamingResponse(lines, media_type="application/x-ndjson")


ENDPOINTS = (
    Endpoint(method="GET", path="/api/start", handler=plainly(start), about="Where to begin."),
    Endpoint(
        method="GET",
        path="/api/files",
        handler=plainly(files),
        about="List the folders and scenes in a folder.",
        query=(("folder", "a path below the folders that were given; without: the first"),),
    ),
    Endpoint(
        method="POST",
        path="/api/scenes",
        handler=open_scene,
        about="Open a scene by its path.",
        body=OpenAsked,
    ),
    Endpoint(
        method="PUT",
        path="/api/uploads/{name}",
        handler=upload,
        about="Bring a scene: the body is the file itself.",
    ),
    Endpoint(
        method="GET", path="/api/scenes/{scene}", handler=plainly(scene), about="What a scene is."
    ),
    Endpoint(
        method="GET",
        path="/api/scenes/{scene}/pixel",
        handler=plainly(pixel),
        about="The stored values of one pixel, and its place.",
        query=(("row", "from 0"), ("column", "from 0")),
    ),
    Endpoint(
        method="GET",
        path="/api/tiles/{scene}/{z:int}/{x:int}/{y:int}.png",
        handler=plainly(tile),
        about="A tile of 256 pixels a side in the scene's own pixels; level 0 is the coarsest.",
        query=(_BANDS, _CUT),
        answers="image/png",
    ),
    Endpoint(method="GET", path="/api/models", handler=plainly(models), about="List the models."),
    Endpoint(
        method="GET",
        path="/api/models/{name}",
        handler=plainly(model),
        about="The card of a model.",
    ),
    Endpoint(
        method="POST",
        path="/api/preview",
        handler=preview,
        about="Compute a box: a line of JSON for each tile as it is done, then the scene it made.",
        body=PreviewAsked,
        answers="application/x-ndjson",
    ),
)
