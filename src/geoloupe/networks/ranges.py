"""What no network's settings may be, whichever network it is."""

from dataclasses import fields
from math import isfinite
from typing import Any


def check_ranges(settings: Any, *, zero: tuple[str, ...] = ()) -> None:
    """Refuse counts below 1 (0 for the names in `zero`), infinities, NaN, a mean of other bands."""
    for field in fields(settings):
        value = getattr(settings, field.name)
        if all(type(part) is int for part in _parts(field.default)):
            _check_counts(field.name, value, lowest=0 if field.name in zero else 1)
        for part in _parts(value):
            if isinstance(part, float) and not isfinite(part):
                raise ValueError(f"{field.name} must be a finite number, not {part}")
        if field.name == "value_range" and value <= 0:
            raise ValueError(f"value_range must be above 0, not {value}")
        if field.name == "mean" and isinstance(value, tuple) and len(value) != settings.bands:
            raise ValueError(f"mean has {len(value)} values for {settings.bands} bands")


def _check_counts(name: str, value: Any, *, lowest: int) -> None:
    for part in _parts(value):
        if part < lowest:
            raise ValueError(f"{name} must be {lowest} or more, not {part}")


def _parts(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)
