"""How the numbers of a result are stored: another type with scale and offset, and how it is packed.

What is measured, a stored value times its band's scale plus its offset, stays what it was.
"""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from geoloupe.errors import InputError
from geoloupe.imagery.radiometry import Radiometry
from geoloupe.rasters.facts import BandFacts

if TYPE_CHECKING:
    from geoloupe.rasters.planes import Layout

FileFormat = Literal["cog", "gtiff", "zarr"]
Compression = Literal["deflate", "zstd", "lzw", "none"]
StoredType = Literal["uint8", "uint16", "int16", "uint32", "int32", "float32", "float64"]
# What dark to bright is spread over where nobody names a scale: all of 8 bits; of 16 bits as
# reflectance usually is, with room for what is brighter.
_BRIGHT = {"uint8": 255.0, "uint16": 10000.0, "int16": 10000.0}
_TRANSPARENT = ("uint8", "uint16")
_MIN_STEPS = 8  # from dark to bright, of which a product can still be made
_LEAST_BLOCK, _MOST_BLOCK, _BLOCK_STEP = 64, 4096, 16  # the step is TIFF's


@dataclass(frozen=True, kw_only=True)
class Packing:
    """What files a result becomes: their format, how blocks are packed, and what lies beside."""

    format: FileFormat | None = None  # None: as the file's suffix says
    compress: Compression | None = None  # None: as is usual for the format
    blocksize: int | None = None  # pixels of a side; None: 512, or fewer of many bands
    item: bool = False  # a STAC item lies beside

    def __post_init__(self) -> None:
        side = self.blocksize
        if side is not None and (
            not _LEAST_BLOCK <= side <= _MOST_BLOCK or side % _BLOCK_STEP != 0
        ):
            raise ValueError(
                f"blocksize is a multiple of {_BLOCK_STEP} from {_LEAST_BLOCK} to {_MOST_BLOCK}, "
                f"not {side}"
            )


@dataclass(frozen=True, kw_only=True)
class Line:
    """What stored values of a band mean: value * scale + offset."""

    scale: float
    offset: float

    @classmethod
    def of(cls, band: BandFacts) -> "Line":
        """Return what a band's stored values mean."""
        return cls(scale=band.scale, offset=band.offset)

    def moved(self, value: float, to: "Line") -> float:
        """Return the value that means the same on another line."""
        if self == to:
            return value
        return (value * self.scale + self.offset - to.offset) / to.scale


def retyped(
    layout: "Layout", dtype: StoredType | None, *, scale: float | None, offset: float | None
) -> "Layout":
    """Return a layout whose values are stored in another type; the same where nothing is chosen.

    Without a scale, values stay what they are where the type holds them, and else dark to bright
    is spread over it.
    """
    before = layout.radiometry
    if dtype is None and scale is None and offset is None:
        return layout
    target = np.dtype(dtype or before.dtype)
    olds = [Line.of(band) for band in layout.facts.bands]
    if scale is not None or offset is not None:
        chosen = Line(scale=1.0 if scale is None else scale, offset=offset or 0.0)
        news = [chosen] * len(olds)
    elif _holds(target, np.dtype(before.dtype)):
        news = olds
    else:
        news = [_spread(before, index, old, target) for index, old in enumerate(olds)]
    _refuse_transparency(layout.facts.mask, target)
    after = _moved(before, olds, news)
    after = replace(after, dtype=target.name, nodata=_nodata(before, target, same=olds == news))
    _refuse_poor(after)
    bands = tuple(
        replace(band, scale=new.scale, offset=new.offset)
        for band, new in zip(layout.facts.bands, news, strict=True)
    )
    facts = replace(layout.facts, bands=bands)
    if facts.mask == "alpha" and target.kind == "f":
        # Programs know no transparency of floats, and need none: what is missing is NaN.
        after, facts = replace(after, nodata=math.nan), replace(facts, mask="none")
    return replace(layout, radiometry=after, facts=facts)


def _refuse_transparency(mask: str, target: np.dtype[Any]) -> None:
    """Refuse types whose transparency other programs do not see."""
    if mask == "alpha" and target.kind != "f" and target.name not in _TRANSPARENT:
        raise InputError(
            f"dtype={target.name} has no transparency, and the scene has; choose "
            f"{' or '.join(_TRANSPARENT)}, or dtype=float32, which marks missing pixels by NaN"
        )


def _moved(radiometry: Radiometry, olds: list[Line], news: list[Line]) -> Radiometry:
    """Return the radiometry of bands whose values go from one line to another."""
    if olds == news:
        return radiometry

    def each(values: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(
            old.moved(values[band % len(values)], new)
            for band, (old, new) in enumerate(zip(olds, news, strict=True))
        )

    return replace(
        radiometry,
        low=each(radiometry.low),
        high=each(radiometry.high),
        zero=each(radiometry.zero),
    )


def _holds(target: np.dtype[Any], source: np.dtype[Any]) -> bool:
    """Return whether a type holds the numbers of another, floats to their precision."""
    return target.kind == "f" or np.can_cast(source, target)


def _spread(radiometry: Radiometry, index: int, before: Line, target: np.dtype[Any]) -> Line:
    """Return the line on which dark and bright are the usual values of a type."""
    if target.name not in _BRIGHT:
        raise InputError(
            f"dtype={target.name} does not hold {radiometry.dtype} values as they are; say what "
            "one step of it means, as in dtype_scale=0.0001"
        )
    low, high = (side[index % len(side)] for side in (radiometry.low, radiometry.high))
    # Missing pixels are zero there.
    dark = 1.0 if _has_missing(radiometry) and target == np.uint8 else 0.0
    span = (high - low) * before.scale / (_BRIGHT[target.name] - dark)
    return Line(scale=span, offset=low * before.scale + before.offset - dark * span)


def _has_missing(radiometry: Radiometry) -> bool:
    """Return whether stored values may be missing."""
    return radiometry.nodata is not None or np.dtype(radiometry.dtype).kind == "f"


def _nodata(before: Radiometry, target: np.dtype[Any], *, same: bool) -> float | None:
    """Choose what missing pixels hold in another type."""
    value = before.nodata
    if not _has_missing(before):
        return None
    if target.kind == "f":
        # A number that means nodata in one unit may be data in another.
        return value if same and np.dtype(before.dtype).kind == "f" else math.nan
    limits = np.iinfo(target)
    kept = same and value is not None and value.is_integer() and limits.min <= value <= limits.max
    return value if kept else float(limits.min)


def _refuse_poor(radiometry: Radiometry) -> None:
    """Refuse a type that cannot hold dark to bright, or not in enough steps."""
    target: np.dtype[Any] = np.dtype(radiometry.dtype)
    if target.kind == "f":
        return
    limits, lows, highs = np.iinfo(target), radiometry.low, radiometry.high
    for band in range(max(len(lows), len(highs))):
        low, high = lows[band % len(lows)], highs[band % len(highs)]
        shown = f"band {band + 1}: dark to bright would be stored as {low:.6g} to {high:.6g}"
        if min(low, high) < limits.min or max(low, high) > limits.max:
            raise InputError(
                f"{shown}, and {target.name} holds {limits.min} to {limits.max}; choose another "
                "dtype_scale, dtype_offset or dtype"
            )
        if abs(high - low) < _MIN_STEPS:
            raise InputError(
                f"{shown}, fewer than {_MIN_STEPS} steps; choose a smaller dtype_scale, as in "
                "dtype_scale=0.0001"
            )
