"""How a scene is cut into tiles: plain integers, decided before any pixel is read.

All numbers are LR pixels. Neighbouring tiles overlap; each discards `margin` pixels on its side
of the overlap, and one fades into the other across a ramp in its middle.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import chain

from geoloupe.errors import InputError
from geoloupe.imagery.grid import Window

_BLOCK_BYTES = 2**26  # bytes of a block's result in single precision
_TILE_BYTES = 2**26  # bytes of a tile's, where its size is free
_BLOCKS_IN_MEMORY = 32  # blocks that would fill the memory the user allows
_MIN_MARGINS = 8  # least margins per side of such a tile: half of it is then discarded
_MAX_TILES = 2**20  # tiles along a side, and blocks: more are a mistake


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
    """Neighbouring tiles computed together: the unit of work that is saved or sent away.

    `down` and `across` are the stretches of all its tiles.
    """

    row: int
    column: int
    scale: int  # HR pixels along a side of an LR pixel
    rows: tuple[Span, ...]
    columns: tuple[Span, ...]

    @property
    def name(self) -> str:
        """The name of its file."""
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

    @property
    def corner(self) -> tuple[int, int]:
        """The HR row and column where the pixels that it alone decides begin."""
        return self.down.full * self.scale, self.across.full * self.scale

    def strip(self, row: int) -> Iterator[Tile]:
        """List the tiles of one of its rows, left to right."""
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

    The result does not depend on who computes which block, nor on how many there are. Tiles
    and blocks are listed on demand; until then a plan of any size costs nothing.
    """

    height: int
    width: int
    tile: int
    margin: int
    group: int  # tiles along a side of a block
    scale: int = 1  # HR pixels along a side of an LR pixel
    fit: bool = False  # tiles are no larger than that many of them need

    @cached_property
    def rows(self) -> tuple[Span, ...]:
        """The rows of tiles."""
        return spans(self.height, tile=self.tile, margin=self.margin, fit=self.fit)

    @cached_property
    def columns(self) -> tuple[Span, ...]:
        """The columns of tiles."""
        return spans(self.width, tile=self.tile, margin=self.margin, fit=self.fit)

    @property
    def sides(self) -> tuple[int, int]:
        """The numbers of rows and of columns of tiles."""
        down, across = (
            span_count(length, tile=self.tile, margin=self.margin)
            for length in (self.height, self.width)
        )
        return down, across

    @property
    def count(self) -> int:
        """The number of tiles."""
        down, across = self.sides
        return down * across

    @property
    def block_count(self) -> int:
        """The number of blocks."""
        down, across = (-(-side // self.group) for side in self.sides)
        return down * across

    @cached_property
    def digest(self) -> str:
        """A name for exactly these tiles, the same for equal plans on every machine."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def blocks(self) -> Iterator[Block]:
        """The blocks, row by row from the upper left."""
        return chain.from_iterable(self.block_rows)

    @cached_property
    def block_rows(self) -> tuple[tuple[Block, ...], ...]:
        """The rows of blocks."""
        across = tuple(_grouped(self.columns, self.group))
        return tuple(
            tuple(
                Block(row=row, column=column, scale=self.scale, rows=rows, columns=columns)
                for column, columns in enumerate(across)
            )
            for row, rows in enumerate(_grouped(self.rows, self.group))
        )


def make_plan(
    size: tuple[int, int],
    *,
    tile: int,
    margin: int,
    group: int = 1,
    scale: int = 1,
    fit: bool = False,
) -> Plan:
    """Cut a scene of `size` (height, width) into square tiles; a side that fits one is not cut.

    With `fit`, tiles are only as large as that many of them need: for networks that see no farther
    than the margin, whose answer does not depend on the tile. Absurdly many tiles are an
    InputError.
    """
    height, width = size
    if tile <= 2 * margin and (height > tile or width > tile):
        raise InputError(
            f"a tile of {tile} pixels leaves nothing once {margin} are cut off on each side; "
            f"choose tile={4 * margin} or so"
        )
    plan = Plan(
        height=height, width=width, tile=tile, margin=margin, group=group, scale=scale, fit=fit
    )
    if max(*plan.sides, plan.block_count) > _MAX_TILES:
        raise InputError(
            f"{width} x {height} pixels would be {plan.count:,} tiles in {plan.block_count:,} "
            f"blocks, and at most {_MAX_TILES:,} can be tracked; cut it into several scenes"
        )
    return plan


def span_count(length: int, *, tile: int, margin: int) -> int:
    """Count the stretches `spans` cuts an axis into, without listing them."""
    return 1 if length <= tile else -(-(length - tile) // _step(tile, margin)) + 1


def spans(length: int, *, tile: int, margin: int, fit: bool = False) -> tuple[Span, ...]:
    """Cut an axis into evenly spread stretches of `tile` pixels, or a single one."""
    return tuple(
        span(index, length, tile=tile, margin=margin, fit=fit)
        for index in range(span_count(length, tile=tile, margin=margin))
    )


def span(index: int, length: int, *, tile: int, margin: int, fit: bool = False) -> Span:
    """Return one of the stretches that `spans` lists."""
    steps = span_count(length, tile=tile, margin=margin) - 1
    if not steps:
        return Span(0, length, 0, 0, length, length)
    ramp = _ramp(tile, margin)
    if fit:
        tile = -(-(length + steps * (2 * margin + ramp)) // (steps + 1))

    def start(index: int) -> int:
        return index * (length - tile) // steps

    def seam(after: int) -> int:
        """Put a ramp in the middle of an overlap, at least `margin` from both tiles' ends."""
        before = start(after - 1)
        return start(after) + (before + tile - start(after) - ramp) // 2

    entry = (seam(index), seam(index) + ramp) if index else (0, 0)
    leave = (seam(index + 1), seam(index + 1) + ramp) if index < steps else (length, length)
    return Span(start(index), start(index) + tile, *entry, *leave)


def block_side(*, tile: int, margin: int, pixel: int, memory: int | None = None) -> int:
    """Choose how many tiles a side make a block of some 64 MB, or less where memory is short.

    An LR pixel makes `pixel` bytes. How tiles are grouped does not change the result.
    """
    most = _BLOCK_BYTES if memory is None else min(_BLOCK_BYTES, memory // _BLOCKS_IN_MEMORY)
    return max(int((most / pixel) ** 0.5) // max(_step(tile, margin), 1), 1)


def tile_side(tile: int, *, margin: int, pixel: int) -> int:
    """Shrink a tile that does not affect the answer until its result takes some 64 MB.

    A block holds at least one tile, so with hundreds of bands the tile decides what memory it
    takes. It does not depend on how much there is: all who share the work must agree.
    """
    return min(tile, max(int((_TILE_BYTES / pixel) ** 0.5), _MIN_MARGINS * margin, 1))


def _step(tile: int, margin: int) -> int:
    """The greatest distance between neighbouring tiles."""
    return tile - 2 * margin - _ramp(tile, margin)


def _ramp(tile: int, margin: int) -> int:
    """The number of pixels over which neighbours fade into each other.

    Half of the margin hides a seam and costs little; two ramps of a tile must not touch.
    """
    return min((margin + 1) // 2, (tile - 2 * margin + 1) // 3)


def _joined(spans: tuple[Span, ...]) -> Span:
    first, last = spans[0], spans[-1]
    return Span(first.start, last.stop, first.enter, first.full, last.leave, last.end)


def _grouped(spans: tuple[Span, ...], size: int) -> Iterator[tuple[Span, ...]]:
    for first in range(0, len(spans), size):
        yield spans[first : first + size]
