"""Painting reflectance: the brushes that a drawn scene is made with. All lengths are metres."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.floating[Any]]

SUN = (-0.55, -0.83)  # where shadows fall: to the upper left, x right and y down
DARK = 0.42  # what is left of the light in a shadow


@dataclass(frozen=True, eq=False)
class Canvas:
    """Reflectance (bands,H,W) to paint on, `pixel` metres a pixel, from the origin down right."""

    values: Array
    pixel: float

    @classmethod
    def blank(cls, bands: int, size: int, *, pixel: float) -> Self:
        """Make a black square of `size` pixels a side."""
        return cls(np.zeros((bands, size, size), np.float32), pixel)

    @property
    def place(self) -> tuple[Array, Array]:
        """The x (1,W) and y (H,1) of pixel centres."""
        height, width = self.values.shape[1:]
        x = (np.arange(width, dtype=np.float32) + 0.5) * self.pixel
        y = (np.arange(height, dtype=np.float32) + 0.5) * self.pixel
        return x[None, :], y[:, None]

    def cover(self, opacity: Array, colour: ArrayLike) -> None:
        """Lay a colour (bands,) or (bands,H,W) over everything by opacity (H,W) in [0, 1]."""
        rows, columns = (np.flatnonzero(opacity.any(axis=axis)) for axis in (1, 0))
        if not len(rows):
            return
        part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        colour = np.broadcast_to(_bandwise(colour), self.values.shape)[:, *part]
        self.values[:, *part] += opacity[part] * (colour - self.values[:, *part])

    def around(self, x: float, y: float, reach: float) -> "Patch | None":
        """Cut out the square within `reach` of a point, to paint a small thing on."""
        height, width = self.values.shape[1:]
        left, right = (int(np.clip((x + side) / self.pixel, 0, width)) for side in (-reach, reach))
        top, bottom = (int(np.clip((y + side) / self.pixel, 0, height)) for side in (-reach, reach))
        if right <= left or bottom <= top:
            return None
        across = (np.arange(left, right, dtype=np.float32) + 0.5) * self.pixel - x
        down = (np.arange(top, bottom, dtype=np.float32) + 0.5) * self.pixel - y
        view = self.values[:, top:bottom, left:right]
        return Patch(view, across[None, :], down[:, None], self.pixel)


@dataclass(frozen=True, eq=False)
class Patch:
    """A view of a canvas with x and y counted from its middle."""

    values: Array
    x: Array
    y: Array
    pixel: float

    def shade(self, opacity: Array, light: float = DARK) -> None:
        """Take light away by opacity (h,w)."""
        self.values[...] *= 1 - opacity * (1 - light)

    def cover(self, opacity: Array, colour: ArrayLike) -> None:
        """Lay a colour (bands,) or (bands,h,w) over the patch by opacity (h,w)."""
        self.values[...] += opacity * (_bandwise(colour) - self.values)

    def box(self, length: float, width: float, angle: float, shift: tuple[float, float]) -> Array:
        """Opacity (h,w) of a rectangle whose middle is shifted from the patch's."""
        along, across = turned(self.x - shift[0], self.y - shift[1], angle)
        edge = np.maximum(np.abs(along) - length / 2, np.abs(across) - width / 2)
        return soft(edge, self.pixel)


def turned(x: Any, y: Any, angle: float) -> tuple[Any, Any]:
    """Return coordinates, numbers or arrays, along and across a direction of `angle` radians."""
    cos, sin = float(np.cos(angle)), float(np.sin(angle))
    return x * cos + y * sin, y * cos - x * sin


def soft(distance: Array, width: float) -> Array:
    """Opacity of what lies at negative distance, with an edge `width` wide."""
    return np.asarray(np.clip(0.5 - distance / np.float32(width), 0, 1), np.float32)


def clouds(rng: np.random.Generator, size: int, grain: int, octaves: int = 3) -> Array:
    """Smooth noise (size,size) of mean 0 and deviation 1; `grain` pixels are its largest lumps."""
    total = np.zeros((size, size), np.float32)
    for octave in range(octaves):
        step = max(2, grain >> octave)
        total += _lumps(rng, size, step) / 2**octave
    return np.asarray((total - total.mean()) / total.std())


def _lumps(rng: np.random.Generator, size: int, step: int) -> Array:
    """Random values every `step` pixels, joined smoothly."""
    count = size // step + 2
    nodes = rng.standard_normal((count, count)).astype(np.float32)
    position = np.arange(size) / step + rng.random()
    first = np.minimum(position.astype(int), count - 2)
    t = np.clip(position - first, 0, 1).astype(np.float32)
    t = t * t * (3 - 2 * t)
    rows = nodes[first] + t[:, None] * (nodes[first + 1] - nodes[first])
    lumps: Array = rows[:, first] + t[None, :] * (rows[:, first + 1] - rows[:, first])
    return lumps


def _bandwise(colour: ArrayLike) -> Array:
    values = np.asarray(colour, np.float32)
    return values[:, None, None] if values.ndim == 1 else values
