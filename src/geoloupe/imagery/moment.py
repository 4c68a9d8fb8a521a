"""When a scene was taken, as its tags or its name say."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

Moment = tuple[datetime, datetime]
"""From when to when; twice the same where the moment is known."""

# What instruments and their products call it. Not TIFFTAG_DATETIME: it is when a file was written.
_TAGS = (
    *("ACQUISITIONDATETIME", "ACQUISITION_DATETIME", "ACQUISITION_TIME", "ACQUISITION TIME"),
    *("DATATAKE_1_DATATAKE_SENSING_START", "SENSING_TIME", "SENSING_START", "PRODUCT_START_TIME"),
    *("ACQUISITION_DATE", "ACQUISITION DATE", "DATE_ACQUIRED", "DATETIME"),
)
_TIMES = {"DATE_ACQUIRED": ("SCENE_CENTER_TIME",), "ACQUISITION_DATE": ("ACQUISITION_TIME",)}
# Products of Sentinel-2 and Landsat, whose names say it.
_NAMES = (
    re.compile(r"S2[A-D]_MSIL\w{2}_(\d{8}T\d{6})_"),
    re.compile(r"L[COTEM]0\d_L\w{3}_\d{6}_(\d{8})_\d{8}_\d\d"),
)
_DAY = re.compile(r"\d{4}-?\d{2}-?\d{2}")
_FRACTION = re.compile(r"(\.\d{6})\d+")  # of a second: more digits than Python reads


def moment_of(tags: Mapping[str, str], names: Iterable[str]) -> Moment | None:
    """Return when a scene was taken, by its tags or by the name of a product; None: unknown."""
    known = {key.upper(): text.strip() for key, text in tags.items()}
    for key in _TAGS:
        day = known.get(key)
        if day is None:
            continue
        times = (known[time] for time in _TIMES.get(key, ()) if time in known)
        for text in (*(f"{day}T{time}" for time in times), day):
            if (found := _read(text)) is not None:
                return found
    for name in names:
        for pattern in _NAMES:
            if (there := pattern.search(name)) and (found := _read(there[1])) is not None:
                return found
    return None


def _read(text: str) -> Moment | None:
    """Read a moment, or a day, which is all of it; without a zone it is UTC, as of satellites."""
    try:
        found = datetime.fromisoformat(_FRACTION.sub(r"\1", text))
    except ValueError:
        return None
    start = found.replace(tzinfo=found.tzinfo or UTC)
    if _DAY.fullmatch(text):
        return start, start + timedelta(days=1, seconds=-1)
    return start, start
