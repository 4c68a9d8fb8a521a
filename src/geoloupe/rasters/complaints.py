"""GDAL's complaints, as one sentence for the user."""

import re
import sys
from collections.abc import Callable
from typing import Any

from rasterio._err import (
    CPLE_AWSAccessDeniedError,
    CPLE_AWSInvalidCredentialsError,
    CPLE_AWSSignatureDoesNotMatchError,
)

from geoloupe.errors import InputError

_MAX_LENGTH = 200  # characters of GDAL's own words
_NETWORK = re.compile(
    r"(?!file://|zip://|vrt://|tar://|gzip://)[a-z0-9+]+://"
    r"|/vsi(curl|s3|gs|az|adls|oss|swift|webhdfs|hdfs)|.*/vsi(curl|s3|gs|az|adls)",
    re.IGNORECASE,
)
_LOCKED = (
    CPLE_AWSAccessDeniedError,
    CPLE_AWSInvalidCredentialsError,
    CPLE_AWSSignatureDoesNotMatchError,
)
_SILENT = re.compile("resolve host|connect to|timed out|timeout", re.IGNORECASE)
_ABSENT = re.compile(r"code: 404|does not exist", re.IGNORECASE)
_PICTURES = {  # how they begin
    b"\xff\xd8\xff": ("JPEG", (".jpeg", ".jpg")),
    b"\x89PNG": ("PNG", (".png",)),
    b"II*\0": ("TIFF", (".tiff", ".tif")),
    b"MM\0*": ("TIFF", (".tiff", ".tif")),
}
_HDF4 = b"\x0e\x03\x13\x01"


def complaint(name: str, error: BaseException, head: bytes = b"") -> InputError:
    """Say what is wrong with a file or an address; `head` holds its first bytes, if known."""
    cause = error.__cause__ or error
    words = plain_words(str(cause).replace(f"{name}: ", ""))
    if _NETWORK.match(name):
        return InputError(f"{name}: {_far(cause, words)}")
    if name.lower().endswith(".hdr"):
        return InputError(
            f"{name}: is the header of an ENVI raster; name the file of numbers beside it"
        )
    if "not recognized" in str(cause):
        return InputError(f"{name}: {_unknown(name, head)}")
    return InputError(f"{name}: cannot be read; damaged or incomplete? ({words})")


def plain_words(text: str) -> str:
    """Shorten what GDAL says: no markup of virtual rasters and servers, one line at most."""
    text = re.sub(r"<VRTDataset.*?(</VRTDataset>|$)", "it", text, flags=re.DOTALL)
    text = re.sub(r"<(!doctype|html|\?xml).*", "a page", text, flags=re.DOTALL | re.IGNORECASE)
    text = " ".join(text.split()).rstrip(".")
    return text if len(text) <= _MAX_LENGTH else f"{text[:_MAX_LENGTH]}..."


def _far(cause: BaseException, words: str) -> str:
    """Say why something on a network cannot be read: it is hardly ever damaged."""
    if isinstance(cause, _LOCKED):
        return (
            f"its server requires authentication ({words}); for open data, set the environment "
            "variable that ends in _NO_SIGN_REQUEST, such as AWS_NO_SIGN_REQUEST=YES"
        )
    if _SILENT.search(words):
        return f"no server answers there; are the address and the connection right? ({words})"
    if _ABSENT.search(words):
        return "its server has no such raster; is the address right?"
    return f"cannot be read from there ({words})"


def _unknown(name: str, head: bytes) -> str:
    if head.startswith(_HDF4):
        return (
            "is HDF4, which the GDAL in rasterio's wheel cannot read; convert it with one that "
            f"can, such as conda-forge's: gdalinfo {name} lists its layers, and gdal_translate "
            "LAYER new.tif makes one a GeoTIFF"
        )
    for start, (kind, suffix) in _PICTURES.items():
        if head.startswith(start) and not name.lower().endswith(suffix):
            return f"is a {kind}, whatever its name says; let it end in {suffix[-1]}"
    return "is not a raster file that GDAL can read; damaged, or not what its name says?"


def _quieter(hook: Callable[[Any], object]) -> Callable[[Any], None]:
    """Drop one complaint that no caller can catch: that GDAL's log text is not UTF-8."""

    def quiet_hook(unraisable: Any) -> None:
        logging = "rasterio._env.log_error" in str(unraisable.object)
        if not (logging and isinstance(unraisable.exc_value, UnicodeDecodeError)):
            hook(unraisable)

    return quiet_hook


sys.unraisablehook = _quieter(sys.unraisablehook)
