"""Tiles into strips into a scene, without visible seams and with one strip in memory.

Where two tiles overlap the later one is faded in: old + weight * (new - old). When both agree the
result is that very number, to the bit, which weighted sums and their division would not give.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoloupe.inference.plan import Plan, Span

Array = NDArray[np.float32]


def fade(length: int) -> Array:
    """Weights (length,) that rise smoothly from 0 to 1, symmetric, flat at both ends."""
    position = (np.arange(length) + 0.5) / max(length, 1)
    return (position * position * (3 - 2 * position)).astype(np.float32)


@dataclass(kw_only=True)
class Blender:
    """Takes the unit values of all tiles in the order of the plan and gives finished rows."""

    plan: Plan
    scale: int
    band_count: int
    _strip: Array = field(init=False, repr=False)
    _carry: Array | None = field(default=None, init=False, repr=False)

    def begin(self, row: int) -> None:
        """Start a strip; what no tile paints stays NaN."""
        span = self.plan.rows[row]
        height = (span.end - span.enter) * self.scale
        shape = (self.band_count, height, self.plan.width * self.scale)
        self._strip = np.full(shape, np.nan, np.float32)

    def paint(self, row: int, column: int, values: NDArray[Any]) -> None:
        """Fade one tile's values (B, h*scale, w*scale) into the strip, over its left neighbour."""
        down, across, scale = self.plan.rows[row], self.plan.columns[column], self.scale
        kept = values[:, _part(down, down.enter, down.end, scale)]
        left, solid = across.enter * scale, across.full * scale
        right = across.end * scale
        self._strip[:, :, solid:right] = kept[:, :, _part(across, across.full, across.end, scale)]
        if solid > left:
            new = kept[:, :, _part(across, across.enter, across.full, scale)]
            _fade_in(self._strip[:, :, left:solid], new, fade(solid - left))

    def finish(self, row: int) -> tuple[int, Array]:
        """Give the first row (HR) and the values (B,h,W) that no later strip will change."""
        span = self.plan.rows[row]
        if self._carry is not None:
            ramp = self._carry.shape[1]
            merged = self._carry
            _fade_in(merged, self._strip[:, :ramp], fade(ramp)[:, None])
            self._strip[:, :ramp] = merged
        done = (span.leave - span.enter) * self.scale
        self._carry = self._strip[:, done:].copy()
        return span.enter * self.scale, self._strip[:, :done]


def _part(span: Span, first: int, last: int, scale: int) -> slice:
    """Index the HR pixels [first, last) of the axis within the tile that reads `span`."""
    return slice((first - span.start) * scale, (last - span.start) * scale)


def _fade_in(old: Array, new: NDArray[Any], weight: Array) -> None:
    """Change `old` towards `new`; where a skipped tile left NaN, the other is taken as it is."""
    blended = old + weight * (new - old)
    old[...] = np.where(np.isnan(old), new, np.where(np.isnan(new), old, blended))
