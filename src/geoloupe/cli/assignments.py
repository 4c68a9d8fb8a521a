"""Settings as command-line words: `key=value`, and comma-separated names."""

import json
from collections.abc import Iterable
from typing import Any

from geoloupe.errors import InputError


def parse_assignments(assignments: Iterable[str], taken: Iterable[str] = ()) -> dict[str, Any]:
    """Read `key=value` words, with values as in JSON and bare words or lists as text.

    Keys in `taken` cannot be set this way.
    """
    values = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key.strip():
            raise InputError(f"--set {assignment!r}: write it as key=value")
        if key.strip() in taken:
            raise InputError(f"--set {key.strip()}: cannot be set this way; see --help")
        values[key.strip()] = _value(text.strip())
    return values


def parse_names(words: Iterable[str]) -> list[str]:
    """Read names given one per option, or several separated by commas."""
    return [name.strip() for word in words for name in word.split(",") if name.strip()]


def _value(text: str) -> Any:
    for candidate in (text, f"[{text}]") if "," in text else (text,):
        try:
            return json.loads(candidate)
        except (ValueError, RecursionError):  # too many digits, too deep
            continue
    return text
