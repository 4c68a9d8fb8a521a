"""Super-resolution for remote-sensing imagery: `geoloupe.upscale("scene.tif", "sharper.tif")`.

Importing this costs nothing; PyTorch and GDAL are loaded by the first call that needs them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from geoloupe.errors import GeoloupeError, InputError, OutOfMemoryError, RunError
from geoloupe.version import __version__

if TYPE_CHECKING:
    from geoloupe import models, networks
    from geoloupe.datasets.preparation.prepare import prepare
    from geoloupe.evaluation.comparison import compare
    from geoloupe.evaluation.evaluate import evaluate
    from geoloupe.imagery.image import Image
    from geoloupe.models.model import Model, load
    from geoloupe.notebook.comparing import compare_widget
    from geoloupe.scenes.arrays import upscale_array
    from geoloupe.scenes.degrade import degrade
    from geoloupe.scenes.inspection import inspect
    from geoloupe.scenes.sharpen import sharpen
    from geoloupe.scenes.upscale import upscale
    from geoloupe.training.run import train

__all__ = [
    "GeoloupeError",
    "Image",
    "InputError",
    "Model",
    "OutOfMemoryError",
    "RunError",
    "__version__",
    "compare",
    "compare_widget",
    "degrade",
    "evaluate",
    "inspect",
    "load",
    "models",
    "networks",
    "prepare",
    "sharpen",
    "train",
    "upscale",
    "upscale_array",
]

_LAZY = {
    "Image": "geoloupe.imagery.image",
    "Model": "geoloupe.models.model",
    "compare": "geoloupe.evaluation.comparison",
    "compare_widget": "geoloupe.notebook.comparing",
    "degrade": "geoloupe.scenes.degrade",
    "evaluate": "geoloupe.evaluation.evaluate",
    "inspect": "geoloupe.scenes.inspection",
    "load": "geoloupe.models.model",
    "prepare": "geoloupe.datasets.preparation.prepare",
    "sharpen": "geoloupe.scenes.sharpen",
    "train": "geoloupe.training.run",
    "upscale": "geoloupe.scenes.upscale",
    "upscale_array": "geoloupe.scenes.arrays",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name in ("models", "networks"):
        return import_module(f"geoloupe.{name}")
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
