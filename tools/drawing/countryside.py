"""Fields, tracks, a river, a lake and roads on a canvas."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.drawing import palette
from tools.drawing.canvas import Array, Canvas, clouds, soft, turned


@dataclass(frozen=True, eq=False)
class Border:
    """A line between fields: the pixels near it (flat indices), how far off, how old a cut."""

    pixels: NDArray[np.intp]
    distance: Array
    depth: int


def paint_fields(canvas: Canvas, rng: np.random.Generator) -> list[Border]:
    """Cover the whole canvas with fields of varied crops; give the lines between them."""
    size = canvas.values.shape[1]
    x, y = (np.broadcast_to(axis, (size, size)).ravel() for axis in canvas.place)
    lumps, grit = clouds(rng, size, size // 4).ravel(), clouds(rng, size, 8, octaves=2).ravel()
    flat = canvas.values.reshape(len(canvas.values), -1)
    borders: list[Border] = []
    last = -1

    def cut(pixels: NDArray[np.intp], angle: float, depth: int) -> None:
        nonlocal last
        along, across = turned(x[pixels], y[pixels], angle)
        length, width = float(np.ptp(along)), float(np.ptp(across))
        if len(pixels) * canvas.pixel**2 < rng.uniform(9e3, 3.2e4) or min(length, width) < 45:
            shares = palette.CROP_SHARES.copy()
            shares[last] *= last < 0  # neighbours differ
            last = int(rng.choice(len(shares), p=shares / shares.sum()))
            rows = across if length > width else along
            flat[:, pixels] = _crop(rng, last, rows, lumps[pixels], grit[pixels])
            return
        side, extent = (along, length) if length > width * 0.8 else (across, width)
        distance = side - (side.min() + extent * rng.uniform(0.36, 0.64))
        near = np.abs(distance) < 6
        borders.append(Border(pixels[near], distance[near], depth))
        for half in (distance < 0, distance >= 0):
            cut(pixels[half], angle + rng.normal(0, 0.07), depth + 1)

    cut(np.arange(size * size), 0.22, 0)
    return borders


def _crop(rng: np.random.Generator, kind: int, across: Array, lumps: Array, grit: Array) -> Array:
    """Make the reflectance (bands,n) of one field: rows, wheel tracks, and where it grows badly."""
    colour = palette.CROPS[kind] * rng.uniform(0.9, 1.1) * rng.uniform(0.97, 1.03, 4)
    period = rng.uniform(5.0, 9.0)
    depth = rng.uniform(0.05, 0.16)
    rows = np.sin(2 * np.pi * (across + 0.35 * grit) / period)
    growth = 1 + depth * rows + 0.055 * lumps + 0.045 * grit
    wheels = np.abs(np.abs(np.mod(across, 24) - 12) - 1.1) < 0.45
    growth = np.where(wheels, growth * 0.80, growth)
    # Where little grows, soil shows: red rises while near infrared falls.
    bare = np.clip(0.16 * (lumps + 0.6 * grit - 0.9), 0, 0.5)
    soil = palette.CROPS[4][:, None]
    plants = colour[:, None] * growth
    return np.asarray(plants + bare * (soil - plants), np.float32)


def paint_borders(canvas: Canvas, borders: list[Border], rng: np.random.Generator) -> None:
    """Draw a farm track along the oldest lines and a grass strip along the others."""
    flat = canvas.values.reshape(len(canvas.values), -1)
    for border in borders:
        strip = soft(np.abs(border.distance) - (3.4 if border.depth < 3 else 1.3), canvas.pixel)
        flat[:, border.pixels] += strip * (palette.GRASS[:, None] - flat[:, border.pixels])
        if border.depth < 3:
            ruts = soft(np.abs(np.abs(border.distance) - 1.1) - 0.55, canvas.pixel)
            ruts *= rng.uniform(0.75, 1)
            flat[:, border.pixels] += ruts * (palette.TRACK[:, None] - flat[:, border.pixels])


def river_line(y: Array, extent: float) -> Array:
    """Return the x of the river's middle at y."""
    t = 2 * np.pi * y / extent
    return np.asarray(extent * (0.27 + 0.065 * np.sin(1.05 * t + 0.5) + 0.022 * np.sin(2.6 * t)))


def road_line(x: Array, extent: float) -> Array:
    """Return the y of the main road's middle at x."""
    t = 2 * np.pi * x / extent
    return np.asarray(extent * (0.60 + 0.045 * np.sin(0.75 * t + 1.0)))


def lane_line(y: Array, extent: float) -> Array:
    """Return the x of the lane's middle at y."""
    t = 2 * np.pi * y / extent
    return np.asarray(extent * (0.615 + 0.02 * np.sin(1.2 * t + 2.0)))


def paint_river(canvas: Canvas, rng: np.random.Generator) -> Array:
    """Draw the river with banks and bars; give the distance (H,W) from its middle."""
    x, y = canvas.place
    size = x.size
    extent = size * canvas.pixel
    middle = river_line(y, extent)
    slope = np.gradient(middle[:, 0], canvas.pixel)[:, None]
    offset = ((x - middle) / np.sqrt(1 + slope**2)).astype(np.float32)
    wobble = clouds(rng, size, size // 14)
    half = 15 + 3 * np.sin(2 * np.pi * y / (0.31 * extent)) + 1.2 * wobble
    bend = np.gradient(slope[:, 0], canvas.pixel)[:, None] * extent
    _paint_water(
        canvas, np.abs(offset) - half, bar=1.2 + 6.5 * np.clip(bend * np.sign(offset), 0, 1)
    )
    return offset


def paint_lake(canvas: Canvas, rng: np.random.Generator) -> None:
    """Draw a lake with an uneven shore."""
    x, y = canvas.place
    extent = x.size * canvas.pixel
    along, across = turned(x - 0.84 * extent, y - 0.80 * extent, 0.5)
    wobble = clouds(rng, x.size, x.size // 7)
    radius = np.hypot(along / 1.55, across).astype(np.float32)
    distance = radius - (0.068 * extent + 0.008 * extent * wobble)
    _paint_water(canvas, distance, bar=np.full_like(distance, 1.8))


def _paint_water(canvas: Canvas, distance: Array, *, bar: Array) -> None:
    """Cover negative distance by water, with a sandy rim `bar` wide and wet meadow around."""
    canvas.cover(0.8 * soft(distance - bar - 9, 14), palette.GRASS * (0.78, 0.86, 0.80, 0.95))
    canvas.cover(soft(distance - bar, 2.0), palette.SAND)
    shallow = np.clip(1 + distance / 7, 0, 1)
    bed = palette.SAND * (0.35, 0.42, 0.46, 0.12)
    depth = palette.WATER[:, None, None] + shallow * (bed - palette.WATER)[:, None, None]
    canvas.cover(soft(distance, 2 * canvas.pixel), depth)


def paint_roads(canvas: Canvas, rng: np.random.Generator) -> None:
    """Draw a lane and, over it and the river, the main road with its lane markings."""
    x, y = canvas.place
    extent = x.size * canvas.pixel
    worn = 1 + 0.05 * clouds(rng, x.size, 24)
    middle = lane_line(y, extent)
    lane = np.abs(x - middle)
    canvas.cover(0.9 * soft(lane - 4.6, 1.5), palette.GRASS)
    canvas.cover(soft(lane - 2.6, canvas.pixel), palette.LANE[:, None, None] * worn)

    middle = road_line(x, extent)
    slope = np.gradient(middle[0], canvas.pixel)
    offset = ((y - middle) / np.sqrt(1 + slope**2)).astype(np.float32)
    length = (np.cumsum(np.sqrt(1 + slope**2)) * canvas.pixel)[None, :]
    aside = np.abs(offset)
    canvas.cover(soft(aside - 10.5, 3), palette.GRASS)
    canvas.cover(soft(aside - 6.6, 1.0), palette.TRACK)
    wheels = 1 - 0.10 * np.exp(-(((np.abs(aside - 2.8) - 0.9) / 0.5) ** 2))
    canvas.cover(soft(aside - 5.7, canvas.pixel), palette.ASPHALT[:, None, None] * worn * wheels)
    dashes = soft(aside - 0.30, canvas.pixel) * (np.mod(length, 12) < 6)
    edges = soft(np.abs(aside - 5.1) - 0.22, canvas.pixel)
    canvas.cover(0.85 * np.maximum(dashes, edges).astype(np.float32), palette.PAINT)


def paint_bridge(canvas: Canvas) -> None:
    """Draw rails and the shadow of the main road's bridge where it crosses the river."""
    x, y = canvas.place
    extent = x.size * canvas.pixel
    offset = y - road_line(x, extent)
    over = soft(np.abs(x - river_line(y, extent)) - 24, canvas.pixel)
    canvas.values[...] *= 1 - 0.55 * over * soft(np.abs(offset + 9.0) - 2.4, 1.0)
    rails = soft(np.abs(np.abs(offset) - 6.3) - 0.5, canvas.pixel)
    canvas.cover((over * rails).astype(np.float32), palette.CONCRETE)
