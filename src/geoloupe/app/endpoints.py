"""How a route is written down once, for the server and for its documentation."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from geoloupe.app.jobs import TooManyError
from geoloupe.app.scenes import NotFoundError
from geoloupe.app.security import TooLargeError
from geoloupe.app.state import AppState
from geoloupe.errors import GeoloupeError, InputError
from geoloupe.version import __version__

Method = Literal["GET", "POST", "PUT", "DELETE"]
Handler = Callable[[AppState, Request], Awaitable[Response]]
Plain = Callable[[AppState, Request], Any]
BodyT = TypeVar("BodyT", bound=BaseModel)


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A route and what people need to know to use it."""

    method: Method
    path: str
    handler: Handler
    about: str
    query: tuple[tuple[str, str], ...] = ()  # names and what they mean
    body: type[BaseModel] | None = None
    answers: str = "application/json"


def plainly(function: Plain) -> Handler:
    """Make a handler of a function that blocks: it runs in a thread and returns plain values."""

    async def handler(state: AppState, request: Request) -> Response:
        found = await run_in_threadpool(function, state, request)
        return found if isinstance(found, Response) else JSONResponse(found)

    return handler


async def body_of(request: Request, most: int) -> bytes:
    """Read a body; one of more bytes is refused while it comes in."""
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared) > most:
        raise TooLargeError(f"a request may bring {most:,} bytes at most")
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise TooLargeError(f"a request may bring {most:,} bytes at most")
        parts.append(part)
    return b"".join(parts)


async def asked_of(state: AppState, request: Request, kind: type[BodyT]) -> BodyT:
    """Read a body as JSON of a kind; what does not fit is an InputError."""
    data = await body_of(request, state.settings.body_bytes)
    try:
        return kind.model_validate_json(data or b"{}")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"])[:80]
        raise InputError(f"{where or 'the body'}: {first['msg']}") from None


def routed(state: AppState, endpoint: Endpoint) -> Route:
    """Return the route of an endpoint, with failures as JSON."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint.handler(state, request)
        except GeoloupeError as error:
            return JSONResponse({"error": str(error)}, _status(error))
        except ClientDisconnect:
            return Response(status_code=400)

    return Route(endpoint.path, answer, methods=[endpoint.method])


def openapi(endpoints: tuple[Endpoint, ...]) -> dict[str, Any]:
    """Describe all routes as OpenAPI 3.1 does."""
    paths: dict[str, dict[str, Any]] = {}
    schemas: dict[str, Any] = {}
    for each in endpoints:
        found: dict[str, Any] = {
            "summary": each.about,
            "parameters": _parameters(each),
            "responses": {
                "200": {"description": "the answer", "content": {each.answers: {}}},
                "400": {"$ref": "#/components/responses/Refused"},
                "401": {"$ref": "#/components/responses/Refused"},
            },
        }
        if each.body is not None:
            model = each.body.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas |= model.pop("$defs", {})
            schemas[each.body.__name__] = model
            schema = {"$ref": f"#/components/schemas/{each.body.__name__}"}
            found["requestBody"] = {"content": {"application/json": {"schema": schema}}}
        paths.setdefault(_plain(each.path), {})[each.method.lower()] = found
    error = {"type": "object", "properties": {"error": {"type": "string"}}}
    refused = {"description": "why not", "content": {"application/json": {"schema": error}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "geoloupe", "version": __version__},
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {"Refused": refused},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _plain(path: str) -> str:
    """Return a path without the kinds of its parameters."""
    return path.replace(":int}", "}").replace(":path}", "}")


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    parts = [part.partition("}")[0] for part in endpoint.path.split("{")[1:]]
    places = [
        {
            "name": part.partition(":")[0],
            "in": "path",
            "required": True,
            "schema": {"type": "integer" if part.endswith(":int") else "string"},
        }
        for part in parts
    ]
    asked = [
        {"name": name, "in": "query", "description": about, "schema": {"type": "string"}}
        for name, about in endpoint.query
    ]
    return [*places, *asked]


def _status(error: GeoloupeError) -> int:
    kinds = ((NotFoundError, 404), (TooLargeError, 413), (TooManyError, 429), (InputError, 400))
    return next((status for kind, status in kinds if isinstance(error, kind)), 500)


def event(name: str, values: Any) -> bytes:
    """Write a server-sent event."""
    return f"event: {name}\ndata: {json.dumps(values)}\n\n".encode()
