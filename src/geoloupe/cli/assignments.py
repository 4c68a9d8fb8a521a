"""Words of the command line that hold settings: `key=value`, and names with commas between."""

import json
from collections.abc import Iterable
from typing import Any

from geoloupe.errors import InputError


def parse_assignments(assignments: Iterable[str], taken: Iterable[str] = ()) -> dict[str, Any]:
    """Read `key=value` words, with values as in JSON and bare words or lists as text.

    Keys that are `taken` are said in another way.
    """
    values = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key.strip():
            raise InputError(f"--set {assignment!r}: write it as key=value")
        if key.strip() in taken:
            raise InputError(f"--set {key.strip()}: is said in another way; see --help")
        values[key.strip()] = _value(text.strip())
    return values


def parse_names(words: Iterable[str]) -> list[str]:
    """Read names that are given one an option, or several with commas between."""
    return [name.strip() for word in words for name in word.split(",") if name.strip()]


def _value(text: str) -> Any:
    for candidate in (text, f"[{text}]") if "," in text else (text,):
        try:
            return json.loads(candidate)
        except (ValueError, RecursionError):  # too many digits, too deep
            continue
    return text
