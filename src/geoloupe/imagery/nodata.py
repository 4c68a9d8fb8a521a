"""Missing pixels that a file does not declare: fills that are plainly none of its values.

A fill is one of the numbers that programs fill with, takes part of the scene's border, and lies
far from every other value. Zero is never taken for one: water and shadows hold it.
"""

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from geoloupe.errors import InputError
from geoloupe.imagery.grid import Window

Nodata = float | Literal["none"] | None
"""What a person says of missing pixels: what they hold, that there are none, or nothing."""

Values = NDArray[Any]
Read = Callable[[Window], Values]  # gives the values (B,h,w) of a window

_log = logging.getLogger(__name__)

_KNOWN = (
    *(-9999.0, -99999.0, -999999.0, -999.0, -32768.0, -32767.0, -2147483648.0),
    *(32767.0, 65535.0, 2147483647.0, 4294967295.0),
    *(9.969209968386869e36, 1e20, -1e20, 1e30, -1e30, -1e34),  # of NetCDF and weather models
)
_WINDOW_PX, _WINDOWS, _MAX_VALUES = (
    64,
    7,
    4_000_000,
)  # of windows: pixels, number along an axis, values in all
_MIN_RIM_SHARE = 0.25  # of a window's part of the border that a fill takes
_MIN_GAP_SHARE = 0.125  # of the spread of all else that lies between it and a fill
_VALUES = 3  # different ones that a scene has besides: a mask of two numbers has no fill
_MAX_MEASUREMENT = 1e37  # beyond it nothing is a measurement
_CORNER = 32  # pixels at most of a corner that is all zero where a scene has a collar


@dataclass(frozen=True)
class Missing:
    """What missing pixels hold, and how far all else is known to lie from it."""

    value: float
    apart: float = 0.0

    def without_blends(self, sample: Values) -> Values:
        """Take for missing what lies nearer to it in a sample than any value of the scene.

        Overviews of scenes that declare no nodata hold means of fills and values.
        """
        if not self.apart:
            return sample
        near = np.abs(sample.astype(np.float64) - self.value) < self.apart
        return np.where(near, sample.dtype.type(self.value), sample)


def settle(
    name: str,
    chosen: Nodata,
    declared: float | None,
    *,
    dtype: str,
    size: tuple[int, int, int],
    read: Read | None,
) -> Missing | None:
    """Decide what missing pixels hold: what a person says, what a file declares, or what is found.

    `size` is (bands, height, width). Without `read`, nothing is looked for.
    """
    if chosen == "none":
        return None
    if chosen is not None:
        kind = np.dtype(dtype)
        if kind.kind != "f" and not (float(chosen).is_integer() and _fits(int(chosen), kind)):
            raise InputError(f"{name}: nodata {chosen:g} does not fit {dtype}: no pixel can be it")
        return Missing(float(chosen))
    if declared is not None:
        return Missing(declared)
    return None if read is None else _found(name, dtype, size, read)


def _found(name: str, dtype: str, size: tuple[int, int, int], read: Read) -> Missing | None:
    """Look for a fill in few and small windows, the same ones for whoever opens the scene."""
    known = _known(np.dtype(dtype))
    fill = _on_the_rim(known, size, read) if known.size else None
    if fill is None:
        return None
    seen = [read(window).reshape(-1) for window in spread_windows(size, count=_WINDOWS)]
    others = np.concatenate([part[~np.isin(part, known)] for part in seen]).astype(np.float64)
    others = others[np.abs(others) < _MAX_MEASUREMENT]
    if len(np.unique(others)) < _VALUES or others.min() < fill < others.max():
        return None
    apart = float(np.abs(others - fill).min())
    low, high = np.quantile(others, (0.001, 0.999))
    if apart > _MIN_GAP_SHARE * (high - low):
        _log.warning(
            "%s: %g fills its border, far from all else, so it counts as missing; if it is data: "
            "nodata=none",
            *(name, fill),
        )
        return Missing(fill, apart)
    _log.warning(
        "%s: %g fills its border, but other values lie near it, so it counts as data; if it is "
        "missing: nodata=%g",
        *(name, fill, fill),
    )
    return None


def _on_the_rim(known: Values, size: tuple[int, int, int], read: Read) -> float | None:
    """Find which of the known fills takes most of the border, if any takes some."""
    found: Counter[float] = Counter()
    for window in spread_windows(size, count=3):
        on = _on_border(window, size)
        if on.any():
            rim = read(window)[:, on]
            found.update(
                float(v) for v in known if ((rim == v).mean(axis=1) >= _MIN_RIM_SHARE).any()
            )
    return max(found, key=lambda value: (found[value], value)) if found else None


def zero_collar(size: tuple[int, int, int], read: Read) -> float:
    """Return the share of a scene that is zero in all bands, or 0 where no corner is all zero."""
    corners = spread_windows(size, count=2, side=min(_CORNER, min(size[1:]) // 8))
    if not any(not read(window).any() for window in corners):
        return 0.0
    spread = spread_windows(size, count=_WINDOWS)
    return float(np.mean([(~read(window).any(axis=0)).mean() for window in spread]))


def spread_windows(
    size: tuple[int, int, int], *, count: int, side: int = _WINDOW_PX
) -> tuple[Window, ...]:
    """Spread `count` x `count` windows over a scene, edges and corners among them, no two alike."""
    bands, height, width = size
    side = max(min(side, int((_MAX_VALUES / (bands * _WINDOWS**2)) ** 0.5)), 4)
    tall, wide = min(side, height), min(side, width)
    steps = range(count)
    windows = (
        Window(
            top=(height - tall) * down // (count - 1),
            left=(width - wide) * across // (count - 1),
            height=tall,
            width=wide,
        )
        for down in steps
        for across in steps
    )
    return tuple(dict.fromkeys(windows))


def _known(kind: np.dtype[Any]) -> Values:
    """List the fills that this type can hold, as it holds them."""
    if kind.kind == "f":
        with np.errstate(over="ignore"):
            held = np.array(_KNOWN).astype(kind)
        return held[np.isfinite(held)]
    return np.array([int(value) for value in _KNOWN if _fits(int(value), kind)], kind)


def _fits(value: int, kind: np.dtype[Any]) -> bool:
    limits = np.iinfo(kind)
    return bool(limits.min <= value <= limits.max)


def _on_border(window: Window, size: tuple[int, int, int]) -> NDArray[np.bool_]:
    """Return which pixels (h,w) of a window lie on the scene's border."""
    _, height, width = size
    on = np.zeros((window.height, window.width), bool)
    on[0] |= window.top == 0
    on[-1] |= window.top + window.height == height
    on[:, 0] |= window.left == 0
    on[:, -1] |= window.left + window.width == width
    return on
