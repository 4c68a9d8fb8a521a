"""Strict settings: plain frozen dataclasses, filled from untrusted values and checked by type."""

import logging
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import UnionType
from typing import Any, TypeVar, cast, get_args, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from geoloupe.errors import InputError

SettingsT = TypeVar("SettingsT")

_log = logging.getLogger(__name__)

STRICT = ConfigDict(extra="forbid")
"""The `__pydantic_config__` of a dataclass that is one of a setting's possible kinds."""


def build(settings_class: type[SettingsT], values: Mapping[str, Any], owner: str) -> SettingsT:
    """Return the settings of `owner`; an unknown key or a wrong type is an InputError naming it.

    Settings may hold settings. A class that renamed a field lists its old name in `OLD_NAMES`; old
    names are accepted with a warning for one release.
    """
    try:
        return TypeAdapter(settings_class).validate_python(_known(settings_class, values, owner))
    except ValidationError as error:
        raise InputError(f"{owner}: {_sentence(error)}") from None
    except ValueError as error:  # a rule of the settings themselves, such as "scale must be 2"
        raise InputError(f"{owner}: {error}") from None


def _known(settings_class: type[Any], values: Mapping[str, Any], owner: str) -> dict[str, Any]:
    """Return values under their field names; an unknown key is an InputError."""
    names = [field.name for field in fields(settings_class)]
    old_names = getattr(settings_class, "OLD_NAMES", {})
    kinds = get_type_hints(settings_class)
    found = {}
    for key, value in values.items():
        name = key
        if key in old_names:
            name = old_names[key]
            _log.warning("%s: %s is now called %s", owner, key, name)
        if name not in names:
            raise InputError.unknown(f"setting of {owner}", key, names)
        inner = next((kind for kind in _members(kinds[name]) if is_dataclass(kind)), None)
        if inner is not None and isinstance(value, Mapping):
            found[name] = _known(cast("type[Any]", inner), value, f"{owner}, {name}")
        else:
            found[name] = value
    return found


def _members(kind: Any) -> tuple[Any, ...]:
    """Return the types a value may have: those of a union, or the only one."""
    return get_args(kind) if isinstance(kind, UnionType) else (kind,)


def dump(settings: object) -> dict[str, Any]:
    """Return settings as plain JSON values; `build` restores them."""
    values: dict[str, Any] = TypeAdapter(type(settings)).dump_python(settings, mode="json")
    return values


def _sentence(error: ValidationError) -> str:
    parts = []
    for problem in error.errors(include_url=False):
        where = ".".join(str(step) for step in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        parts.append(f"{where}: {message}" if where else message)
    return "; ".join(parts)
