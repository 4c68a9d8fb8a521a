"""The trained models that come with the program."""

from functools import cache
from importlib import resources
from pathlib import Path

from geoloupe.files.weights import WEIGHTS_FILE


@cache
def shipped() -> dict[str, Path]:
    """Map the names of the models to their folders."""
    home = Path(str(resources.files("geoloupe") / "models"))
    return {path.parent.name: path.parent for path in sorted(home.glob(f"*/{WEIGHTS_FILE}"))}
