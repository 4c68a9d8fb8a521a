"""Who may ask, and for which files: a token, a host, a page of our own, folders that were given."""

import hmac
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from geoloupe.errors import InputError
from geoloupe.storage.names import elsewhere

SAFE_METHODS = ("GET", "HEAD")
CSRF_HEADER = "x-geoloupe-csrf"
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class TooLargeError(InputError):
    """A request brings more than is taken."""


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """What only this server and those who were told its address know."""

    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    def opens(self, given: str | None) -> bool:
        """Return whether this is the token, in a time that does not tell how much of it is."""
        return given is not None and _same(given, self.token)


class Guard:
    """Refuses what does not come from our page or from a program that knows the token.

    A request must name this machine as its host, which pages of others that point a name of theirs
    here do not, and bring the token: in the address of the page, which sets a cookie that pages of
    other sites cannot use, or in a header. What changes anything must bring a second secret, which
    stands in our page alone.
    """

    def __init__(self, app: ASGIApp, *, keys: Secrets, port: int) -> None:
        self.app = app
        self.keys = keys
        self.cookie = f"geoloupe_{port}"
        names = ("127.0.0.1", "localhost")
        self.hosts = {f"{name}:{port}" for name in names} | (set(names) if port == 80 else set())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            status, text = refusal
            await JSONResponse({"error": text}, status, headers=HEADERS)(scope, receive, send)
            return
        entering = scope["path"] == "/" and self.keys.opens(_asked(scope))

        async def answered(message: Message) -> None:
            if message["type"] == "http.response.start":
                out = MutableHeaders(scope=message)
                for name, text in HEADERS.items():
                    out.setdefault(name, text)
                out.setdefault("cache-control", "no-store")
                if entering:
                    flags = "Path=/; HttpOnly; SameSite=Strict"
                    out.append("set-cookie", f"{self.cookie}={self.keys.token}; {flags}")
            await send(message)

        await self.app(scope, receive, answered)

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        """Return why a request is not answered, or None."""
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self.hosts:
            return 421, "this server answers to the name of this machine alone"
        bearer = _bearer(headers)
        known = self.keys.opens(bearer)
        entering = scope["path"] == "/" and self.keys.opens(_asked(scope))
        if not (known or entering or self.keys.opens(_cookie(headers, self.cookie))):
            return 401, "open the address that geoloupe app printed: it holds the token"
        if scope["method"] in SAFE_METHODS or known:
            return None
        origin = headers.get("origin")
        if origin is not None and origin.removeprefix("http://") not in self.hosts:
            return 403, "what changes anything must come from this server's own page"
        if not _same(headers.get(CSRF_HEADER, ""), self.keys.csrf):
            return 403, f"what changes anything must bring the header {CSRF_HEADER}"
        return None


def allowed_path(name: str, roots: Iterable[Path]) -> Path:
    """Return a path with all links resolved; one that is not below these folders is refused.

    What is not there is refused in the same words, so that nobody learns what lies elsewhere.
    """
    folders = tuple(roots)
    refused = InputError(f"{name}: is no file or folder below those that were given to the app")
    # A look at another machine would tell it who looks.
    away = elsewhere(name, *folders)
    if not name or "\0" in name or away or not Path(name).is_absolute():
        raise refused
    try:
        path = Path(name).resolve(strict=True)
    except (OSError, RuntimeError):
        raise refused from None
    if not any(path.is_relative_to(folder) for folder in folders):
        raise refused
    return path


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode())


def _bearer(headers: Mapping[str, str]) -> str | None:
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


def _asked(scope: Scope) -> str | None:
    query = parse_qs(scope["query_string"].decode("latin-1"))
    return query.get("token", [None])[0]


def _cookie(headers: Mapping[str, str], name: str) -> str | None:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return None
    return None if found is None else found.value
