"""Files that are dropped on the page: taken up to a limit, under a harmless name, never run."""

import re
import secrets
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from geoloupe.app.security import TooLargeError
from geoloupe.app.state import AppState
from geoloupe.errors import InputError
from geoloupe.rasters.drivers import SUFFIXES
from geoloupe.storage.moving import forget

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")


async def upload(state: AppState, request: Request) -> Response:
    """Keep a file and open it; what cannot be opened is not kept."""
    name, most = request.path_params["name"], state.settings.upload_bytes
    target = _target(state, name)
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared) > most:
        raise TooLargeError(f"{name}: files of at most {most:,} bytes are taken")
    try:
        size = 0
        with target.open("xb") as file:
            async for part in request.stream():
                size += len(part)
                if size > most:
                    raise TooLargeError(f"{name}: files of at most {most:,} bytes are taken")
                await run_in_threadpool(file.write, part)
        facts = await run_in_threadpool(state.scenes.add, target)
    except BaseException:
        forget(target)
        raise
    return JSONResponse(facts, 201)


def _target(state: AppState, name: str) -> Path:
    suffix = Path(name).suffix.lower()
    if suffix not in SUFFIXES or suffix == ".vrt":
        raise InputError(f"{name}: is no kind of raster that can be dropped here; name its path")
    folder = state.settings.uploads_folder
    kept = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime)
    for old in kept[: max(len(kept) + 1 - state.settings.uploads, 0)]:
        forget(old)  # Windows keeps what the app itself has open
    stem = _UNSAFE.sub("-", Path(name).stem)[:60] or "scene"
    return folder / f"{stem}-{secrets.token_hex(4)}{suffix}"
