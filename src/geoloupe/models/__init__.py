"""The models: networks with weights and a card. Importing this package imports no torch."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from geoloupe.models.card import Card

__all__ = ["describe", "names"]


def names() -> list[str]:
    """Return the names of the models that are installed here.

    Returns:
        Those that enlarge, then those that sharpen with a guide.

    Example:
        >>> "loupe-x4" in geoloupe.models.names()
        True
    """
    from geoloupe.models.shipped import shipped, shipped_sharpeners

    return [*shipped(), *shipped_sharpeners()]


def describe(name: str) -> "Card":
    """Return the card of a shipped model.

    Args:
        name: One of `names()`.

    Returns:
        What it is for, what it was trained on, and its measured scores.

    Example:
        >>> geoloupe.models.describe("loupe-x4").network
        'loupe'
    """
    from geoloupe.models.card import read_weights
    from geoloupe.models.shipped import shipped, shipped_sharpeners, unknown_model

    folders = shipped() | shipped_sharpeners()
    if name not in folders:
        raise unknown_model("model", name, names())
    return read_weights(folders[name])[0]
