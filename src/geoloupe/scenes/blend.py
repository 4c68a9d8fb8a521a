"""Tiles into blocks, without visible seams.

Where two tiles overlap the later one is faded in: old + weight * (new - old), first across, then
down. When both agree the result is exactly that number, bit for bit, which dividing weighted sums
would not guarantee.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoloupe.scenes.plan import Block, Span

Array = NDArray[np.float32]


def fade(length: int) -> Array:
    """Weights (length,) that rise smoothly from 0 to 1, symmetric, flat at both ends."""
    position = (np.arange(length) + 0.5) / max(length, 1)
    return (position * position * (3 - 2 * position)).astype(np.float32)


def faded_across(left: NDArray[Any], right: NDArray[Any]) -> Array:
    """Fade between two images (B,h,w) of the same place, from left to right."""
    return _faded(left, right, fade(left.shape[2]))


def faded_down(upper: NDArray[Any], lower: NDArray[Any]) -> Array:
    """Fade between two images (B,h,w) of the same place, from the top down."""
    return _faded(upper, lower, fade(upper.shape[1])[:, None])


@dataclass(kw_only=True)
class Blender:
    """Takes the unit values of a block's tiles in order and returns those of the block.

    A block reaches from where its first tile begins to fade in to where its last has faded out.
    """

    block: Block
    band_count: int
    _values: Array = field(init=False, repr=False)
    _strip: Array = field(init=False, repr=False)

    def begin(self, row: int) -> None:
        """Start a row of tiles."""
        down, across = self.block.down, self.block.across
        width = (across.end - across.enter) * self.block.scale
        if row == 0:
            height = (down.end - down.enter) * self.block.scale
            self._values = np.empty((self.band_count, height, width), np.float32)
        first = self._top(row)
        last = first + (self.block.rows[row].end - self.block.rows[row].enter) * self.block.scale
        # The rows where it fades in hold the tiles above; `finish` merges them.
        apart = self._ramp(row) > 0
        self._strip = (
            np.empty((self.band_count, last - first, width), np.float32)
            if apart
            else self._values[:, first:last]
        )

    def paint(self, row: int, column: int, values: NDArray[Any] | None) -> None:
        """Fade one tile's values (B, h*scale, w*scale) in over its left neighbour; None: empty."""
        down, across, scale = self.block.rows[row], self.block.columns[column], self.block.scale
        if values is None:
            shape = (across.stop - across.start) * scale, (down.stop - down.start) * scale
            values = np.broadcast_to(np.float32(np.nan), (self.band_count, *shape[::-1]))
        kept = values[:, _part(down, down.enter, down.end, scale)]
        origin = self.block.across.enter
        enter, full, end = ((x - origin) * scale for x in (across.enter, across.full, across.end))
        if column == 0:
            full = enter
        self._strip[:, :, full:end] = kept[
            :, :, _part(across, full // scale + origin, across.end, scale)
        ]
        if full > enter:
            new = kept[:, :, _part(across, across.enter, across.full, scale)]
            self._strip[:, :, enter:full] = faded_across(self._strip[:, :, enter:full], new)

    def finish(self, row: int) -> Array:
        """End a row of tiles; return the block's values (B,h,w) so far."""
        first, ramp = self._top(row), self._ramp(row)
        if ramp:
            over = self._values[:, first : first + ramp]
            over[...] = faded_down(over, self._strip[:, :ramp])
            self._values[:, first + ramp : first + self._strip.shape[1]] = self._strip[:, ramp:]
        return self._values

    def _top(self, row: int) -> int:
        return (self.block.rows[row].enter - self.block.down.enter) * self.block.scale

    def _ramp(self, row: int) -> int:
        span = self.block.rows[row]
        return (span.full - span.enter) * self.block.scale if row else 0


def _part(span: Span, first: int, last: int, scale: int) -> slice:
    """Index the HR pixels [first, last) of the axis within the tile that reads `span`."""
    return slice((first - span.start) * scale, (last - span.start) * scale)


def _faded(old: NDArray[Any], new: NDArray[Any], weight: Array) -> Array:
    """Go from `old` to `new`; where one is missing (NaN), the other is taken as it is."""
    blended = old + weight * (new - old)
    return np.where(np.isnan(old), new, np.where(np.isnan(new), old, blended))
