"""How a scene is cut into tiles: plain integers, decided before any pixel is read.

All numbers are LR pixels. Neighbouring tiles overlap; each throws away `margin` pixels on its side
of the overlap, and across a ramp in the middle of it one fades into the other.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import pairwise

from geoloupe.errors import InputError
from geoloupe.imagery.grid import Window

_BLOCK = 2**26  # bytes of a block's result in single precision


@dataclass(frozen=True)
class Span:
    """A stretch of an axis: read [start, stop), fade in over [enter, full), out over [leave, end).

    The first has enter == full == 0 and the last leave == end == length.
    """

    start: int
    stop: int
    enter: int
    full: int
    leave: int
    end: int


@dataclass(frozen=True)
class Tile:
    """One call of the network: where it is in the plan and which pixels it reads."""

    row: int
    column: int
    window: Window


@dataclass(frozen=True, kw_only=True)
class Block:
    """Neighbouring tiles that are computed at once: the piece of work that is kept or sent away.

    `down` and `across` are the stretches of all its tiles together.
    """

    row: int
    column: int
    rows: tuple[Span, ...]
    columns: tuple[Span, ...]

    @property
    def name(self) -> str:
        """What its file is called."""
        return f"{self.row:05}-{self.column:05}"

    @property
    def count(self) -> int:
        """The number of tiles."""
        return len(self.rows) * len(self.columns)

    @property
    def down(self) -> Span:
        """Its rows as one stretch."""
        return _joined(self.rows)

    @property
    def across(self) -> Span:
        """Its columns as one stretch."""
        return _joined(self.columns)

    def strip(self, row: int) -> Iterator[Tile]:
        """List the tiles of one of its rows from left to right."""
        down = self.rows[row]
        for column, across in enumerate(self.columns):
            window = Window(
                top=down.start,
                left=across.start,
                height=down.stop - down.start,
                width=across.stop - across.start,
            )
            yield Tile(row, column, window)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The tiles of a scene: every row of tiles times every column of tiles, in square blocks.

    What is computed does not depend on who computes which block, nor on how many there are.
    """

    height: int
    width: int
    tile: int
    margin: int
    group: int  # tiles along a side of a block
    rows: tuple[Span, ...]
    columns: tuple[Span, ...]

    @property
    def count(self) -> int:
        """The number of tiles."""
        return len(self.rows) * len(self.columns)

    @cached_property
    def digest(self) -> str:
        """A name for exactly these tiles, equal for equal plans on every machine."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @cached_property
    def blocks(self) -> tuple[tuple[Block, ...], ...]:
        """The blocks, row by row from the upper left."""
        return tuple(
            tuple(
                Block(row=row, column=column, rows=rows, columns=columns)
                for column, columns in enumerate(_grouped(self.columns, self.group))
            )
            for row, rows in enumerate(_grouped(self.rows, self.group))
        )


def make_plan(
    height: int, width: int, *, tile: int, margin: int, group: int = 1, fit: bool = False
) -> Plan:
    """Cut a scene into tiles of `tile` x `tile`; a side no longer than that is not cut.

    With `fit`, tiles are only as large as as many of them need: for networks that see no farther
    than the margin, so that the tile is no part of their answer.
    """
    if tile <= 2 * margin and (height > tile or width > tile):
        raise InputError(
            f"a tile of {tile} pixels leaves nothing when {margin} are thrown away on each side; "
            f"choose --set tile={4 * margin} or so"
        )
    return Plan(
        height=height,
        width=width,
        tile=tile,
        margin=margin,
        group=group,
        rows=spans(height, tile=tile, margin=margin, fit=fit),
        columns=spans(width, tile=tile, margin=margin, fit=fit),
    )


def spans(length: int, *, tile: int, margin: int, fit: bool = False) -> tuple[Span, ...]:
    """Cut an axis into stretches of `tile` pixels that are spread evenly, or into a single one."""
    if length <= tile:
        return (Span(0, length, 0, 0, length, length),)
    # Half of the margin hides a seam and costs little; two ramps of a tile must not touch.
    ramp = min((margin + 1) // 2, (tile - 2 * margin + 1) // 3)
    steps = -(-(length - tile) // (tile - 2 * margin - ramp))
    if fit:
        tile = -(-(length + steps * (2 * margin + ramp)) // (steps + 1))
    starts = [index * (length - tile) // steps for index in range(steps + 1)]
    # Every ramp lies in the middle of its overlap, at least `margin` from both tiles' ends.
    seams = [after + (before + tile - after - ramp) // 2 for before, after in pairwise(starts)]
    entries = [(0, 0), *((seam, seam + ramp) for seam in seams)]
    exits = [*((seam, seam + ramp) for seam in seams), (length, length)]
    return tuple(
        Span(start, start + tile, *entry, *exit_)
        for start, entry, exit_ in zip(starts, entries, exits, strict=True)
    )


def block_side(*, tile: int, margin: int, pixel: int) -> int:
    """Choose how many tiles a side make a block of some 64 MB; an LR pixel makes `pixel` bytes."""
    step = tile - 2 * margin - min((margin + 1) // 2, (tile - 2 * margin + 1) // 3)
    return max(int((_BLOCK / pixel) ** 0.5) // max(step, 1), 1)


def _joined(spans: tuple[Span, ...]) -> Span:
    first, last = spans[0], spans[-1]
    return Span(first.start, last.stop, first.enter, first.full, last.leave, last.end)


def _grouped(spans: tuple[Span, ...], size: int) -> Iterator[tuple[Span, ...]]:
    for first in range(0, len(spans), size):
        yield spans[first : first + size]
