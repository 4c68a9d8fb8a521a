"""Which bands of a scene a model gets."""

import re
from collections.abc import Sequence

from geoloupe.errors import InputError
from geoloupe.imagery.spectra import Band

_WAVELENGTH = re.compile(r"([0-9]+(?:\.[0-9]+)?|\.[0-9]+)\s*(nm|um|µm)")
_MAX_NM_APART = 20.0  # nm between the requested wavelength and the sensor's


def choose_bands(
    bands: Sequence[Band],
    words: Sequence[str | int] | None,
    *,
    wanted: Sequence[str] | None,
    count: int | None,
) -> list[int]:
    """Return positions (from 0): those the user names, or those the model names, or all.

    `wanted` are the model's bands by name, `count` their number, None for any.
    """
    if words is not None:
        chosen = [_find(bands, word) for word in words]
    elif wanted is not None:
        chosen = _match(bands, wanted)
    else:
        chosen = list(range(len(bands)))
    need = ", ".join(wanted) if wanted else f"{count} bands"
    example = ",".join(str(number) for number in range(min(count or 3, 3), 0, -1))
    if not chosen or (count is not None and len(chosen) != count):
        offered = ", ".join(_label(index, band) for index, band in enumerate(bands, start=1))
        given = f"{len(chosen)} were chosen" if words is not None else f"it has {offered}"
        raise InputError(f"the model needs {need}, but {given}; choose them with bands={example}")
    return chosen


def _find(bands: Sequence[Band], word: str | int) -> int:
    text = str(word).strip()
    if text.isdecimal():
        if not 1 <= int(text) <= len(bands):
            raise InputError(f"there is no band {text}; bands are 1 to {len(bands)}")
        return int(text) - 1
    for index, band in enumerate(bands):
        if band.matches(text):
            return index
    length = _WAVELENGTH.fullmatch(text.lower())
    if length is not None:
        return _nearest(bands, float(length[1]) * (1 if length[2] == "nm" else 1000), text)
    names = [band.name or str(index) for index, band in enumerate(bands, start=1)]
    raise InputError.unknown("band", text, names)


def _nearest(bands: Sequence[Band], nm: float, text: str) -> int:
    """Find the band of the nearest wavelength; one too far away is a different band."""
    known = [(abs(band.nm - nm), index) for index, band in enumerate(bands) if band.nm]
    if not known:
        raise InputError(f"{text}: the scene does not give the wavelengths of its bands")
    distance, index = min(known)
    if distance > _MAX_NM_APART:
        raise InputError(f"no band sees {text}; the nearest is at {bands[index].nm:g} nm")
    return index


def _match(bands: Sequence[Band], wanted: Sequence[str]) -> list[int]:
    """Find a model's bands by name, or if no band has a name, by order where the count fits."""
    if not any(band.name or band.nm for band in bands) and len(bands) == len(wanted):
        return list(range(len(bands)))
    found = [
        next((index for index, band in enumerate(bands) if band.matches(name)), None)
        for name in wanted
    ]
    complete = [index for index in found if index is not None]
    return complete if len(complete) == len(wanted) else []


def _label(number: int, band: Band) -> str:
    return f"{number} ({band.name})" if band.name else str(number)
