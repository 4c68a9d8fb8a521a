"""The offset in the stored numbers of Sentinel-2 products, where it can be known.

Since processing baseline 04.00 (January 2022, and older scenes processed anew) numbers are 1000
higher; archives that keep them as COGs may have taken that off again, and their files say neither.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from geoloupe.imagery.sensors.table import Numbers, Sensor, plainly

_APPLIED_KEYS = {"earthsearchboaoffsetapplied", "sentinelboaoffsetapplied", "boaoffsetapplied"}
_BASELINE_KEYS = {"s2processingbaseline", "sentinelprocessingbaseline", "processingbaseline"}
_IN_A_NAME = re.compile(r"(?<![A-Za-z0-9])N(\d{2})(\d{2})(?![A-Za-z0-9])")
_CUSTOM = 99.0  # baselines from here on are somebody's own processing


@dataclass(frozen=True, kw_only=True)
class Offset:
    """What to add to stored numbers before they are scaled, None if unknown; and why, for people.

    Reflectance is `scale` times what results.
    """

    number: float | None
    scale: float | None
    why: str


def offset_of(sensor: Sensor, tags: Mapping[str, str], *, name: str = "") -> Offset:
    """Return the offset of integers as an archive stores them, from tags (STAC too) or a name.

    A file whose bands have a scale and an offset of their own needs none of this.
    """
    rules = [numbers for numbers in sensor.numbers if numbers.baseline is not None]
    if not rules:
        return _unknown(f"{sensor.name}: what its numbers mean is written with the product")
    plain = {plainly(key): text.strip() for key, text in tags.items()}
    applied = next((plain[key] for key in _APPLIED_KEYS if key in plain), "").lower()
    if applied in ("true", "1", "yes"):
        return _as(rules[0], "the tags say that the offset is taken off already")
    if any("HARMONIZED" in text.upper() for text in (*tags.values(), name)):
        return _as(rules[0], "the collection is harmonized: the offset is taken off already")
    baseline = _baseline(plain, name)
    if baseline is None or baseline >= _CUSTOM:
        return _unknown(
            "neither tags nor name say which processing baseline it is, so its numbers may be 1000 "
            "too high, 0.1 of reflectance: open the product itself, or give the range"
        )
    rule = [numbers for numbers in rules if (numbers.baseline or 0) <= baseline][-1]
    doubt = ""
    if applied and rule.offset:
        doubt = "; the tag that says so has been wrong in archives: water must stay near zero"
    return _as(rule, f"processing baseline {baseline:05.2f}{doubt}")


def _as(rule: Numbers, why: str) -> Offset:
    return Offset(number=float(round(rule.offset / rule.scale)), scale=rule.scale, why=why)


def _unknown(why: str) -> Offset:
    return Offset(number=None, scale=None, why=why)


def _baseline(tags: Mapping[str, str], name: str) -> float | None:
    """Read the processing baseline from its own tag, or from the name of a product."""
    for key in _BASELINE_KEYS:
        try:
            return float(tags[key])
        except (KeyError, ValueError):
            continue
    found = {
        float(f"{a}.{b}") for text in (*tags.values(), name) for a, b in _IN_A_NAME.findall(text)
    }
    return found.pop() if len(found) == 1 else None
