"""Strict settings: plain frozen dataclasses, filled from untrusted values and checked by type."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from geoloupe.errors import InputError

SettingsT = TypeVar("SettingsT")

STRICT = ConfigDict(extra="forbid")
"""The `__pydantic_config__` of a dataclass that is part of another's settings."""


def build(settings_class: type[SettingsT], values: Mapping[str, Any], owner: str) -> SettingsT:
    """Make the settings of `owner`; an unknown key or a wrong type is an InputError naming it."""
    known = [field.name for field in fields(settings_class)]  # type: ignore[arg-type]
    for key in values:
        if key not in known:
            raise InputError.unknown(f"setting of {owner}", key, known)
    try:
        return TypeAdapter(settings_class).validate_python(dict(values))
    except ValidationError as error:
        raise InputError(f"{owner}: {_sentence(error)}") from None
    except ValueError as error:  # a rule of the settings themselves, such as "scale must be 2"
        raise InputError(f"{owner}: {error}") from None


def dump(settings: object) -> dict[str, Any]:
    """Give settings as plain values, as JSON holds them; `build` makes them again."""
    values: dict[str, Any] = TypeAdapter(type(settings)).dump_python(settings, mode="json")
    return values


def parse_assignments(assignments: Iterable[str], taken: Iterable[str] = ()) -> dict[str, Any]:
    """Read `key=value` words, with values as in JSON and bare words or lists as text.

    Keys that are `taken` are said in another way.
    """
    values = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key.strip():
            raise InputError(f"--set {assignment!r}: write it as key=value, such as scale=4")
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


def _sentence(error: ValidationError) -> str:
    parts = []
    for problem in error.errors(include_url=False):
        where = ".".join(str(step) for step in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        parts.append(f"{where}: {message}" if where else message)
    return "; ".join(parts)
