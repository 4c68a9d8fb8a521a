"""Where a coarse grid lies on a finer one, in pixels of the finer one; plain numbers, no files."""

import math
from dataclasses import dataclass
from typing import Self

from geoloupe.errors import InputError
from geoloupe.imagery.alignment import Axis
from geoloupe.imagery.grid import Grid, Window

_ROUNDING_PX = 1e-6  # pixels by which rounding may move a border
_MAX_TURN_PX = 1e-3  # pixels by which a row may leave its line over the whole of an image
_MAX_ASPECT_ERROR = 1e-3  # by which factors of grids that lie nowhere may differ along the two axes


@dataclass(frozen=True, kw_only=True)
class Side:
    """One axis of a coarse image of `count` pixels on a fine one."""

    axis: Axis
    count: int

    @property
    def ends(self) -> tuple[float, float]:
        """Where its first pixel begins and its last ends, in fine pixels."""
        return self.axis.offset, self.axis.offset + self.count * self.axis.ratio

    def moved(self, by: float) -> Self:
        """Lie `by` fine pixels farther."""
        return type(self)(
            axis=Axis(ratio=self.axis.ratio, offset=self.axis.offset + by), count=self.count
        )

    def part(self, start: int, length: int) -> tuple[int, "Side"]:
        """Return the first coarse pixel under fine pixels [start, start + length), and them all.

        The axis of the part counts from `start`.
        """
        ratio, offset = self.axis.ratio, self.axis.offset
        first = math.floor((start - offset) / ratio + _ROUNDING_PX)
        last = math.ceil((start + length - offset) / ratio - _ROUNDING_PX)
        first = min(max(first, 0), self.count - 1)
        last = max(min(last, self.count), first + 1)
        begins = round(offset + first * ratio - start, 9)  # or no two tiles would share a map
        return first, Side(axis=Axis(ratio=ratio, offset=begins), count=last - first)

    def over(self, first: int, count: int, length: int) -> tuple[int, int]:
        """Return the first and the last but one of `length` fine pixels over coarse ones."""
        ratio, offset = self.axis.ratio, self.axis.offset
        start = math.floor(offset + first * ratio + _ROUNDING_PX)
        stop = math.ceil(offset + (first + count) * ratio - _ROUNDING_PX)
        return max(start, 0), min(stop, length)

    def under(self, length: int) -> list[int]:
        """Return for each of `length` fine pixels the coarse one that holds its middle."""
        ratio, offset = self.axis.ratio, self.axis.offset
        return [
            min(max(math.floor((pixel + 0.5 - offset) / ratio + _ROUNDING_PX), 0), self.count - 1)
            for pixel in range(length)
        ]


@dataclass(frozen=True, kw_only=True)
class Meeting:
    """A coarse image on a finer one."""

    down: Side
    across: Side

    @classmethod
    def of(cls, coarse: Grid, fine: Grid) -> Self | None:
        """Find it for grids in one coordinate system; None where one is turned against the other.

        Grids that lie nowhere are taken to show the same outline.
        """
        if not coarse.georeferenced and not fine.georeferenced:
            return cls._by_size(coarse, fine)
        if coarse.georeferenced != fine.georeferenced:
            raise InputError("one of the images lies somewhere and the other does not")
        down, across, apart = _on(coarse, fine)
        if apart > _MAX_TURN_PX:
            return None
        return cls(down=down, across=across)

    @classmethod
    def _by_size(cls, coarse: Grid, fine: Grid) -> Self:
        ratios = fine.height / coarse.height, fine.width / coarse.width
        whole = float(round(sum(ratios) / 2))
        short = fine.height - whole * coarse.height, fine.width - whole * coarse.width
        if max(map(abs, short)) < whole:  # one of them was cut by a part of a coarse pixel
            ratios = whole, whole
        elif abs(ratios[0] / ratios[1] - 1) > _MAX_ASPECT_ERROR:
            raise InputError(
                f"{fine.width} x {fine.height} pixels are not one multiple of {coarse.width} x "
                f"{coarse.height}, and neither image says where it lies"
            )
        down, across = (
            Side(axis=Axis(ratio=ratio), count=count)
            for ratio, count in zip(ratios, (coarse.height, coarse.width), strict=True)
        )
        return cls(down=down, across=across)

    @property
    def ratio(self) -> float:
        """Fine pixels along a side of a coarse one, the lesser of the two."""
        return min(self.down.axis.ratio, self.across.axis.ratio)

    @property
    def greatest(self) -> float:
        """Fine pixels along a side of a coarse one, the greater of the two."""
        return max(self.down.axis.ratio, self.across.axis.ratio)

    def moved(self, down: float, across: float) -> Self:
        """Return the meeting moved down and across by fine pixels."""
        return type(self)(down=self.down.moved(down), across=self.across.moved(across))

    def overlap(self, fine: Grid) -> Window:
        """Return the fine pixels whose middle lies in a coarse one; none is an InputError."""
        (top, bottom), (left, right) = (
            _inside(side, length)
            for side, length in ((self.down, fine.height), (self.across, fine.width))
        )
        if bottom <= top or right <= left:
            raise InputError("shows another place: the images do not overlap")
        return Window(top=top, left=left, height=bottom - top, width=right - left)

    def within(self, window: Window) -> Self:
        """Count fine pixels from a window's corner."""
        return self.moved(-window.top, -window.left)

    def part(self, window: Window) -> tuple[Window, Self]:
        """Return the coarse pixels under a window of fine ones, and how the two parts meet."""
        top, down = self.down.part(window.top, window.height)
        left, across = self.across.part(window.left, window.width)
        coarse = Window(top=top, left=left, height=down.count, width=across.count)
        return coarse, type(self)(down=down, across=across)

    def over(self, window: Window, size: tuple[int, int], *, around: int = 0) -> Window:
        """Return the fine pixels of an image of `size` over coarse ones, and `around` more."""
        sides = (
            (self.down, window.top, window.height, size[0]),
            (self.across, window.left, window.width, size[1]),
        )
        (top, bottom), (left, right) = (
            side.over(first - around, count + 2 * around, length)
            for side, first, count, length in sides
        )
        return Window(top=top, left=left, height=bottom - top, width=right - left)


def _on(coarse: Grid, fine: Grid) -> tuple[Side, Side, float]:
    """Place a grid on another, and say by how many fine pixels it leaves its rows and columns."""
    corners = [(0.0, 0.0), (float(coarse.height), 0.0), (0.0, float(coarse.width))]
    (row, column), below, right = (fine.position(*coarse.place(*corner)) for corner in corners)
    apart = max(abs(below[1] - column), abs(right[0] - row))
    down = Axis(ratio=(below[0] - row) / coarse.height, offset=_neat(row))
    across = Axis(ratio=(right[1] - column) / coarse.width, offset=_neat(column))
    if min(down.ratio, across.ratio) <= 0:
        return Side(axis=down, count=1), Side(axis=across, count=1), math.inf
    sides = (
        Side(axis=Axis(ratio=_neat(axis.ratio), offset=axis.offset), count=count)
        for axis, count in ((down, coarse.height), (across, coarse.width))
    )
    return (*sides, apart)  # type: ignore[return-value]


def _neat(number: float) -> float:
    """Drop what rounding left, so that 1.9999999998 is 2."""
    return round(number, 7)


def _inside(side: Side, length: int) -> tuple[int, int]:
    """Return the first and the last but one of `length` pixels whose middles lie on the side."""
    begin, end = side.ends
    first, last = math.ceil(begin - 0.5 - _ROUNDING_PX), math.floor(end - 0.5 + _ROUNDING_PX) + 1
    return max(first, 0), min(last, length)
