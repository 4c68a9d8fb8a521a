"""Integers of 64 bits near a number: kept as whole steps where doubles cannot tell them apart."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_EXACT = 2.0**53  # below it a double holds every whole number


def is_wide(dtype: np.dtype[Any]) -> bool:
    """Return whether doubles cannot hold every number of this type."""
    return dtype.kind in "ui" and dtype.itemsize == 8


def steps_from(values: NDArray[Any], origin: float) -> NDArray[np.float64]:
    """Subtract `origin` from wide integers of any shape; exact for steps below 2**53."""
    rough = values.astype(np.float64) - float(origin)
    whole = int(origin)
    limits = np.iinfo(values.dtype)
    if whole != origin or not limits.min <= whole <= limits.max:
        return rough
    # The difference wraps around where it is large, and there the rough one is near enough.
    start = np.full((), whole, values.dtype)
    steps = (values - start).view(np.int64).astype(np.float64)
    return np.where(np.abs(rough) < _EXACT, steps, rough)


def steps_to(steps: NDArray[np.float64], origin: float, rough: NDArray[Any]) -> NDArray[Any]:
    """Add `origin` to steps, rounded and clipped to the type of `rough`, the sum of doubles."""
    whole, dtype = int(origin), rough.dtype
    limits = np.iinfo(dtype)
    if whole != origin or not limits.min <= whole <= limits.max:
        return rough
    down, up = (float(min(room, 2**53)) for room in (whole - limits.min, limits.max - whole))
    near = np.rint(steps).clip(-down, up).astype(np.int64).view(dtype)
    exact: NDArray[Any] = near + np.full((), whole, dtype)
    return np.where(np.abs(steps) < _EXACT, exact, rough)
