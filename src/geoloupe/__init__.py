"""Super-resolution for remote-sensing imagery: `geoloupe.upscale("scene.tif", "sharper.tif")`.

Importing this costs nothing; PyTorch and GDAL are loaded by the first call that needs them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from geoloupe.errors import GeoloupeError, InputError, RunError

if TYPE_CHECKING:
    from geoloupe import networks
    from geoloupe.evaluation.evaluate import evaluate
    from geoloupe.inference.arrays import upscale_array
    from geoloupe.inference.model import load
    from geoloupe.inference.sharpen import sharpen
    from geoloupe.inference.upscale import upscale

__version__ = "0.1.0"

__all__ = [
    "GeoloupeError",
    "InputError",
    "RunError",
    "evaluate",
    "load",
    "networks",
    "sharpen",
    "upscale",
    "upscale_array",
]

_LAZY = {
    "evaluate": "geoloupe.evaluation.evaluate",
    "load": "geoloupe.inference.model",
    "sharpen": "geoloupe.inference.sharpen",
    "upscale": "geoloupe.inference.upscale",
    "upscale_array": "geoloupe.inference.arrays",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name == "networks":
        return import_module("geoloupe.networks")
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
