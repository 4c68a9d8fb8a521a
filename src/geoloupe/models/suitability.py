"""Whether a model was made for a scene, by its card; checked before any pixel."""

import logging

from geoloupe.errors import InputError
from geoloupe.imagery.grid import Window
from geoloupe.imagery.kinds import PHRASES, Described, Sighting, shows_classes, told_kind
from geoloupe.imagery.nodata import zero_collar
from geoloupe.models.card import Card
from geoloupe.rasters.opening import stem_of
from geoloupe.rasters.source import Source

_log = logging.getLogger(__name__)

_WINDOW_PX = 256  # pixels of the middle of a scene that are examined
_COLLAR = 0.05  # of a scene that border zeros take before they are mentioned


def check_suited(source: Source, card: Card, *, anyway: bool) -> None:
    """Refuse a scene with fewer bands than a card requires; warn of one it was not made for."""
    least, count = card.least_bands, len(source.bands)
    if least is not None and count < least and not anyway:
        raise InputError(
            f"{source.name}: {card.name} was made for {least} or more bands, and this has "
            f"{count}; choose another model, or try it anyway with anyway=true"
        )
    if not card.unsuited:
        return
    seen = _sighted(source)
    if seen is not None and seen.kind in card.unsuited:
        _log.warning(
            "%s: looks like %s (%s); %s was not made for it (see geoloupe models %s)",
            *(source.name, PHRASES[seen.kind], seen.why, card.name, card.name),
        )


def warn_of_collar(source: Source) -> None:
    """Warn of zeros that fill the corners of a scene without a declared nodata value.

    They stay data: water and shadows are zero in many products.
    """
    if source.radiometry.nodata is not None or source.facts.mask != "none":
        return
    size = (len(source.bands), source.grid.height, source.grid.width)
    share = zero_collar(size, lambda window: source.read(window).values)
    if _COLLAR <= share < 1:
        _log.warning(
            "%s: about %.0f %% of it is zero, from the border inwards, and counts as data; if "
            "nothing was seen there: nodata=0",
            *(source.name, 100 * share),
        )


def _sighted(source: Source) -> Sighting | None:
    """Return what a scene shows by its metadata, else by the pixels of its middle."""
    facts = source.facts
    found = told_kind(
        stem_of(source.name),
        source.radiometry.dtype,
        [
            Described(name=band.description or "", unit=band.unit or "", tags=band.tags)
            for band in facts.bands
        ],
        facts.tags,
        source.grid.crs,
    )
    if found is not None or len(source.bands) != 1 or source.radiometry.dtype != "uint8":
        return found
    height, width = min(_WINDOW_PX, source.grid.height), min(_WINDOW_PX, source.grid.width)
    middle = Window(
        top=(source.grid.height - height) // 2,
        left=(source.grid.width - width) // 2,
        height=height,
        width=width,
    )
    patchy = shows_classes(source.read(middle).values[0])
    return Sighting("classes", "few numbers, in patches") if patchy else None
