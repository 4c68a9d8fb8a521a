"""The trained models that come with the program."""

from functools import cache
from importlib import resources
from pathlib import Path

from geoloupe.models.card import WEIGHTS_FILE


@cache
def shipped() -> dict[str, Path]:
    """Map the names of the models that enlarge to their folders."""
    return _folders("weights")


@cache
def shipped_sharpeners() -> dict[str, Path]:
    """Map the names of the models that put a guide's detail into bands to their folders."""
    return _folders("weights/sharpening")


def _folders(place: str) -> dict[str, Path]:
    home = Path(str(resources.files("geoloupe") / place))
    return {path.parent.name: path.parent for path in sorted(home.glob(f"*/{WEIGHTS_FILE}"))}
