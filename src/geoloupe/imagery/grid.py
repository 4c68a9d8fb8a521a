"""Where pixels lie: a coordinate system, an affine transform and a size; and windows of it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


@dataclass(frozen=True, kw_only=True)
class Window:
    """A rectangle of whole pixels: rows top to top + height, columns left to left + width."""

    top: int
    left: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index a (..., H, W) array by this window: `array[..., *window.slices]`."""
        rows = slice(self.top, self.top + self.height)
        return rows, slice(self.left, self.left + self.width)

    def finer(self, scale: int) -> "Window":
        """Return the same rectangle in pixels that are `scale` times smaller."""
        return Window(
            top=self.top * scale,
            left=self.left * scale,
            height=self.height * scale,
            width=self.width * scale,
        )


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The lattice of an image; x = a*column + b*row + c and y = d*column + e*row + f.

    The transform (a, b, c, d, e, f) belongs to pixel corners: (0, 0) is the outer corner of the
    first pixel, whatever the file's own convention, so that a finer grid keeps c and f.
    """

    crs: str | None  # WKT
    transform: tuple[float, float, float, float, float, float] = IDENTITY
    height: int
    width: int

    @property
    def georeferenced(self) -> bool:
        """Whether the transform places the pixels anywhere."""
        return self.crs is not None or self.transform != IDENTITY

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """The least rectangle (left, bottom, right, top) that holds every corner."""
        corners = [(0, 0), (0, self.width), (self.height, 0), (self.height, self.width)]
        x, y = zip(*(self.place(row, column) for row, column in corners), strict=True)
        return min(x), min(y), max(x), max(y)

    @property
    def pixel_size(self) -> tuple[float, float]:
        """The lengths of a pixel's sides along columns and along rows, in units of the CRS."""
        a, b, _, d, e, _ = self.transform
        return float((a * a + d * d) ** 0.5), float((b * b + e * e) ** 0.5)

    def place(self, row: float, column: float) -> tuple[float, float]:
        """Return x and y of a position in pixels, where whole numbers are pixel corners."""
        a, b, c, d, e, f = self.transform
        return a * column + b * row + c, d * column + e * row + f

    def position(self, x: float, y: float) -> tuple[float, float]:
        """Return the row and the column of a place in pixels, where whole numbers are corners."""
        a, b, c, d, e, f = self.transform
        area = a * e - b * d
        return (a * (y - f) - d * (x - c)) / area, (e * (x - c) - b * (y - f)) / area

    def finer(self, scale: int) -> Self:
        """Cut every pixel into scale x scale: the same outline, `scale` times the size."""
        a, b, c, d, e, f = self.transform
        finer = (a / scale, b / scale, c, d / scale, e / scale, f)
        return self._resized(finer, self.height * scale, self.width * scale)

    def coarser(self, scale: int) -> Self:
        """Join every scale x scale pixels; rows and columns left over at the end are dropped."""
        a, b, c, d, e, f = self.transform
        coarser = (a * scale, b * scale, c, d * scale, e * scale, f)
        return self._resized(coarser, self.height // scale, self.width // scale)

    def window(self, window: Window) -> Self:
        """Return the grid of a part; it may reach outside, which is how an image is padded."""
        a, b, _, d, e, _ = self.transform
        c, f = self.place(window.top, window.left)
        return self._resized((a, b, c, d, e, f), window.height, window.width)

    def _resized(
        self, transform: tuple[float, float, float, float, float, float], height: int, width: int
    ) -> Self:
        """Change the pixels; where they are not placed anywhere, there is nothing to move."""
        placed = transform if self.georeferenced else self.transform
        return replace(self, transform=placed, height=height, width=width)


def spread_windows(grid: Grid, *, side: int, along: int) -> Iterator[Window]:
    """Spread square windows over a grid, at most `along` a direction; the middle one is first."""
    height, width = min(side, grid.height), min(side, grid.width)
    places = [
        (top, left)
        for top in _starts(grid.height, height, along)
        for left in _starts(grid.width, width, along)
    ]
    middle = len(places) // 2
    for top, left in (places[middle], *places[:middle], *places[middle + 1 :]):
        yield Window(top=top, left=left, height=height, width=width)


def _starts(length: int, side: int, along: int) -> list[int]:
    count = min(-(-length // side), along)
    room = length - side
    return [room * index // (count - 1) for index in range(count)] if count > 1 else [0]
