"""Bands that a product itself calls bad: left out unless a person names them, and told."""

import logging
from collections.abc import Sequence
from dataclasses import replace

from geoloupe.errors import InputError
from geoloupe.rasters.source import Source

_log = logging.getLogger(__name__)

TAG = "GEOLOUPE_BAD_BANDS"
"""The tag that says which bands were left out."""


def good_bands(source: Source, *, option: str = "bands") -> list[int]:
    """Return the positions (from 0) of the bands that are not called bad; all bad is refused."""
    good = [index for index, band in enumerate(source.facts.bands) if not band.bad]
    if not good:
        raise InputError(f"{source.name}: calls all its bands bad; choose some with {option}=1,2,3")
    return good


def told_of_bad(source: Source, chosen: Sequence[int], *, named: bool) -> Source:
    """Return a scene's chosen bands; its tags and a warning say which bad ones were left out."""
    part = source.select(chosen)
    if named:
        taken = [number for number in _bad(source) if number - 1 in set(chosen)]
        if taken:
            _log.warning(
                "%s: calls band %s bad, and it is used as you said", source.name, ranges(taken)
            )
        return part
    return replace(part, facts=part.facts.tagged(left_out(source)))


def left_out(source: Source, *, option: str = "bands") -> dict[str, str]:
    """Warn of the bad bands of a scene, which nobody named; return the tag that says so."""
    bad = _bad(source)
    if not bad:
        return {}
    text = ranges(bad)
    _log.warning(
        "%s: calls band%s %s bad, and so %s left out; %s= names any of them",
        *(source.name, "s" * (len(bad) > 1), text),
        *("they are" if len(bad) > 1 else "it is", option),
    )
    return {TAG: f"{text} left out"}


def _bad(source: Source) -> list[int]:
    """List the numbers (from 1) of a scene's bad bands."""
    return [index + 1 for index, band in enumerate(source.facts.bands) if band.bad]


def ranges(numbers: Sequence[int]) -> str:
    """Write rising numbers shortly: 1-3, 7."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)
