"""Super-resolution for remote-sensing imagery: `geoloupe.upscale("scene.tif", "sharper.tif")`.

Importing this costs nothing; PyTorch and GDAL are loaded by the first call that needs them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from geoloupe.errors import GeoloupeError, InputError, RunError
from geoloupe.version import __version__

if TYPE_CHECKING:
    from geoloupe import networks
    from geoloupe.evaluation.evaluate import evaluate
    from geoloupe.models.model import load
    from geoloupe.scenes.arrays import upscale_array
    from geoloupe.scenes.sharpen import sharpen
    from geoloupe.scenes.upscale import upscale


__all__ = [
    "GeoloupeError",
    "InputError",
    "RunError",
    "__version__",
    "evaluate",
    "load",
    "networks",
    "sharpen",
    "upscale",
    "upscale_array",
]

_LAZY = {
    "evaluate": "geoloupe.evaluation.evaluate",
    "load": "geoloupe.models.model",
    "sharpen": "geoloupe.scenes.sharpen",
    "upscale": "geoloupe.scenes.upscale",
    "upscale_array": "geoloupe.scenes.arrays",
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
