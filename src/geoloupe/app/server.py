"""The app as a whole: routes, the page, the guard before them, and the server on this machine."""

import html
import logging
import mimetypes
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from importlib import resources
from pathlib import Path
from threading import Thread

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from geoloupe.app import looking, making
from geoloupe.app.endpoints import Endpoint, openapi, routed
from geoloupe.app.security import Guard
from geoloupe.app.state import AppState
from geoloupe.errors import GeoloupeError, InputError
from geoloupe.version import __version__

HOST = "127.0.0.1"
_STATIC = resources.files("geoloupe.app") / "static"
_KINDS = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".md": "text/plain",
}


async def document(_state: AppState, _request: Request) -> Response:
    """Describe the REST face."""
    return JSONResponse(openapi(ENDPOINTS))


ENDPOINTS: tuple[Endpoint, ...] = (
    *looking.ENDPOINTS,
    *making.ENDPOINTS,
    Endpoint(
        method="GET",
        path="/openapi.json",
        handler=document,
        about="This description.",
    ),
)


def make_app(state: AppState, port: int, *, warm: bool = False) -> Guard:
    """Return the app behind its guard; with `warm`, the default model is loaded ahead."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        state.settings.prepare()
        state.jobs.start()
        if warm:
            Thread(target=_warmed, args=(state,), daemon=True).start()
        try:
            yield
        finally:
            state.jobs.close()
            state.scenes.close()

    async def page(_request: Request) -> Response:
        text = (_STATIC / "index.html").read_text(encoding="utf-8")
        facts = {"csrf": state.keys.csrf, "version": __version__}
        for name, value in facts.items():
            text = text.replace(f"__{name.upper()}__", html.escape(value, quote=True))
        return Response(text, media_type="text/html")

    async def asset(request: Request) -> Response:
        found = _assets().get(request.path_params["path"])
        if found is None:
            return JSONResponse({"error": "there is no such part of the page"}, 404)
        kind = _KINDS.get(found.suffix) or mimetypes.guess_type(found.name)[0] or "text/plain"
        return Response(found.read_bytes(), media_type=kind)

    routes = [
        Route("/", page, methods=["GET"]),
        Route("/static/{path:path}", asset, methods=["GET"]),
        *(routed(state, endpoint) for endpoint in ENDPOINTS),
    ]
    return Guard(Starlette(routes=routes, lifespan=lifespan), keys=state.keys, port=port)


def serve(state: AppState, port: int, ready: Callable[[str], None]) -> None:
    """Serve until Ctrl+C; `ready` is called with the address once it can be opened."""
    import uvicorn

    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
        # On Windows the usual option would let any other program listen on the same port.
        alone = getattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_REUSEADDR)
        listening.setsockopt(socket.SOL_SOCKET, alone, 1)
        try:
            listening.bind((HOST, port))
        except OSError as error:
            raise InputError(f"port {port}: cannot be used ({error.strerror})") from None
        number = listening.getsockname()[1]
        config = uvicorn.Config(
            make_app(state, number, warm=True),
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=200,
            timeout_graceful_shutdown=2,
            ws="none",
        )
        logging.getLogger("uvicorn").setLevel(logging.WARNING)
        ready(f"http://{HOST}:{number}/?token={state.keys.token}")
        uvicorn.Server(config).run(sockets=[listening])


def _warmed(state: AppState) -> None:
    with suppress(GeoloupeError):
        state.previews.warm()


def _assets() -> dict[str, Path]:
    """Map the names of the page's parts to their files: nothing else can be asked for."""
    home = Path(str(_STATIC))
    return {
        path.relative_to(home).as_posix(): path
        for path in home.rglob("*")
        if path.is_file() and path.name != "index.html"
    }
