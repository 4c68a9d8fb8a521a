"""Files on the web: which addresses may be asked, and what is fetched from there.

A person names one address. What lies there names others, and may be a stranger's: they must be
http or https, and on the host that was named or one that anybody can reach, so that nobody's
catalogue makes this machine ask its own services or those of its network.
"""

import ipaddress
import socket
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from geoloupe.errors import InputError
from geoloupe.rasters.drivers import TRUST
from geoloupe.storage.sizes import size_text
from geoloupe.version import __version__

SCHEMES = ("http", "https")
# GDAL looks for files beside each one unless told that there are none: requests for nothing, and
# files that nobody named.
GDAL_OPTIONS = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_HTTP_CONNECTTIMEOUT": "15",
    "GDAL_HTTP_TIMEOUT": "120",
    "GDAL_HTTP_MAX_RETRY": "3",
    "GDAL_HTTP_RETRY_DELAY": "1",
}

_SECONDS = 30


def is_web(name: str) -> bool:
    """Return whether a name is an address of http or https."""
    return name.lower().startswith(("http://", "https://"))


def admit_address(address: str, *, named: str | None, trust: bool, by: str) -> None:
    """Refuse an address that `by` names, unless a person may well have meant it.

    `named` is the address that the person named, None for a file on disk.
    """
    try:
        parts, place = urlsplit(address), _place(address)
    except ValueError as error:
        raise InputError(f"{by}: names {address[:200]}, which is no address ({error})") from None
    if parts.scheme not in SCHEMES or not parts.hostname:
        raise InputError(f"{by}: names {address[:200]}, and only http and https are read")
    if trust or (named is not None and place == _place(named)):
        return
    if not all(map(_public, _numbers(parts.hostname))):
        raise InputError(
            f"{by}: names {address[:200]}, which is on this machine or its network; {TRUST}"
        )


def fetched(address: str, *, most: int, trust: bool) -> tuple[bytes, str]:
    """Return what lies at an address that a person named, and where it was in the end."""
    opener = urllib.request.build_opener(_Redirects(address, trust))
    request = urllib.request.Request(
        address, headers={"User-Agent": f"geoloupe/{__version__}", "Accept": "application/json"}
    )
    try:
        with opener.open(request, timeout=_SECONDS) as answer:
            content: bytes = answer.read(most + 1)
            place: str = answer.geturl()
    except urllib.error.HTTPError as error:
        raise InputError(f"{address}: its server answers {error.code} ({error.reason})") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{address}: cannot be fetched ({error})") from None
    if len(content) > most:
        raise InputError(f"{address}: is more than {size_text(most)}, so no item")
    return content, place


def joined(address: str, href: str) -> str:
    """Return the address that a reference found at another address means."""
    return quote(urljoin(address, href), safe="/:?&=%#+,;@!~*'()$[]-._")


def gdal_name(address: str) -> str:
    """Return what GDAL opens an address by."""
    return f"/vsicurl/{address}"


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a server only to where a person may have meant to go."""

    def __init__(self, named: str, trust: bool) -> None:
        self.named, self.trust = named, trust

    def redirect_request(
        self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, newurl: Any
    ) -> Any:
        """Refuse a place on this machine or its network."""
        admit_address(newurl, named=self.named, trust=self.trust, by=self.named)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _place(address: str) -> tuple[str | None, int | None]:
    parts = urlsplit(address)
    return parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def _numbers(host: str) -> list[str]:
    """Return the numbers of a host; none where nobody here knows them, such as behind a proxy."""
    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(host, None)]
    except (OSError, UnicodeError):
        return []


def _public(number: str) -> bool:
    try:
        return ipaddress.ip_address(number.partition("%")[0]).is_global
    except ValueError:
        return False
