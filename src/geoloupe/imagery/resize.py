"""MATLAB's imresize, computed in float64 weights: bicubic, bilinear, nearest; antialiased.

`imresize` resizes arrays, `banded` gives its map along one axis to others, and `up_taps` the filter
of each output phase when a whole factor enlarges. "bicubic-torch" is how PyTorch interpolates.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoloupe.errors import InputError
from geoloupe.imagery.banded import Banded

Weights = NDArray[np.float64]


def cubic(x: Weights, a: float = -0.5) -> Weights:
    """Keys' cubic kernel; a = -0.5 is the one MATLAB calls bicubic, a = -0.75 is PyTorch's."""
    x = np.abs(x)
    near = (a + 2) * x**3 - (a + 3) * x**2 + 1
    far = a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


def _triangle(x: Weights) -> Weights:
    return np.maximum(1 - np.abs(x), 0.0)


def _box(x: Weights) -> Weights:
    return np.where((x >= -0.5) & (x < 0.5), 1.0, 0.0)


@dataclass(frozen=True)
class _Kernel:
    """A resampling kernel, its width in pixels, and whether shrinking stretches it."""

    weight: Callable[[Weights], Weights]
    width: int
    antialias: bool = True


_KERNELS = {
    "bicubic": _Kernel(cubic, 4),
    "bicubic-torch": _Kernel(lambda x: cubic(x, -0.75), 4, antialias=False),
    "bilinear": _Kernel(_triangle, 2),
    "nearest": _Kernel(_box, 1, antialias=False),
}
METHODS = tuple(_KERNELS)


def imresize(
    values: NDArray[Any],
    scale: float | Fraction,
    *,
    method: str = "bicubic",
    antialias: bool = True,
) -> NDArray[Any]:
    """Resize (...,H,W) to (...,ceil(H*scale),ceil(W*scale)) as MATLAB does.

    Float arrays keep their type, and nothing is clipped. Whole numbers are rounded and clipped to
    their type after each of the two passes, as MATLAB rounds images of whole numbers.
    """
    height, width = values.shape[-2:]
    factor = ratio(scale)
    if height == 0 or width == 0:
        raise InputError(f"an image of {width} x {height} pixels cannot be resized")
    down = banded(height, factor, method=method, antialias=antialias)
    across = banded(width, factor, method=method, antialias=antialias)
    if values.dtype.kind == "f":
        # Both factors are the same, and then MATLAB goes along the rows' axis first.
        return across.columns(down.rows(values))
    rows = _whole(down.rows(values.astype(np.float64)), values.dtype)
    return _whole(across.columns(rows.astype(np.float64)), values.dtype)


@lru_cache(maxsize=64)
def banded(
    length: int, scale: Fraction, *, method: str = "bicubic", antialias: bool = True
) -> Banded:
    """Return the map of `length` pixels to ceil(length * scale), borders mirrored."""
    if method not in _KERNELS:
        raise InputError.unknown("resampling method", method, METHODS)
    kernel = _KERNELS[method]
    stretch = max(Fraction(1), 1 / scale) if antialias and kernel.antialias else Fraction(1)
    outputs = math.ceil(length * scale)
    centre = (np.arange(outputs) + 0.5) / float(scale) - 0.5
    reach = kernel.width * float(stretch) / 2
    taps = math.ceil(2 * reach) + 2
    position = np.floor(centre - reach).astype(np.int64)[:, None] + np.arange(taps)
    weights = kernel.weight((centre[:, None] - position) / float(stretch))
    weights /= weights.sum(axis=1, keepdims=True)
    used = weights.any(axis=0)
    return Banded(weights=weights[:, used], index=mirrored(position[:, used], length))


@cache
def up_taps(scale: int) -> tuple[Weights, int]:
    """Weights (scale, taps) of each output phase and the offset of the first tap, for xscale."""
    centre = (np.arange(scale) + 0.5) / scale - 0.5
    first = int(np.floor(centre.min())) - 1
    position = np.arange(first, int(np.floor(centre.max())) + 3)
    weights = cubic(centre[:, None] - position[None, :])
    return weights / weights.sum(axis=1, keepdims=True), first


def mirrored(position: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Bring positions outside back into `length` pixels by mirroring, the edge pixel repeated."""
    position = position % (2 * length)
    return np.minimum(position, 2 * length - 1 - position)


def symmetric_index(length: int, before: int, after: int) -> NDArray[np.int64]:
    """Indices into `length` pixels that extend them by mirrored copies, edge pixel repeated."""
    return mirrored(np.arange(-before, length + after), length)


def ratio(scale: float | Fraction) -> Fraction:
    """Read 0.25 as 1/4 and 0.3333333333333333 as 1/3, so that sizes come out as meant."""
    ratio = Fraction(scale).limit_denominator(10_000)
    if ratio <= 0:
        raise InputError(f"an image cannot be resized by {scale}; a factor is above 0")
    return ratio


def _whole(values: Weights, dtype: np.dtype[Any]) -> NDArray[Any]:
    limits = np.iinfo(dtype)
    rounded = np.floor(np.abs(values) + 0.5) * np.sign(values)  # MATLAB: halves away from zero
    return np.clip(rounded, limits.min, limits.max).astype(dtype)
