"""The trained models that come with the program, and those in the package beside it."""

from collections.abc import Iterable
from functools import cache
from importlib import resources
from pathlib import Path

from geoloupe.errors import InputError
from geoloupe.models.card import WEIGHTS_FILE

# Those of the five papers would make the wheel of the program nearly three times as large.
PAPERS = ("convformersr-x2", "hsenet-x4", "mulsr-x4", "sspsr-x4", "tsfnet-x8")
PAPERS_PACKAGE = "geoloupe_papers"
INSTALL_PAPERS = "pip install 'geoloupe[papers]'"  # from a registry


@cache
def shipped() -> dict[str, Path]:
    """Map the names of the models that enlarge to their folders."""
    return dict(sorted((_folders("geoloupe", "weights") | _folders(PAPERS_PACKAGE, "")).items()))


@cache
def shipped_sharpeners() -> dict[str, Path]:
    """Map the names of the models that put a guide's detail into bands to their folders."""
    return _folders("geoloupe", "weights/sharpening")


def not_installed() -> list[str]:
    """List the models of the papers if their package is not here."""
    return [name for name in PAPERS if name not in shipped()]


def unknown_model(kind: str, name: str, known: Iterable[str]) -> InputError:
    """Return the error for a name that no model here has: perhaps its package is missing."""
    if name in not_installed():
        return InputError(
            f"{name} needs one more package: {INSTALL_PAPERS}, or pip install ./papers in a clone"
        )
    return InputError.unknown(kind, name, known)


def _folders(package: str, place: str) -> dict[str, Path]:
    try:
        home = Path(str(resources.files(package) / place))
    except ModuleNotFoundError:
        return {}
    return {path.parent.name: path.parent for path in sorted(home.glob(f"*/{WEIGHTS_FILE}"))}
