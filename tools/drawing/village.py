"""Houses, farms and trees on a canvas, with the shadows that they throw."""

from dataclasses import dataclass

import numpy as np

from tools.drawing import palette
from tools.drawing.canvas import SUN, Array, Canvas, Patch, clouds, soft, turned


@dataclass(frozen=True, kw_only=True)
class House:
    """A building with a ridged roof: where, how big, which way, how high, which roof."""

    x: float
    y: float
    length: float
    width: float
    angle: float
    height: float
    roof: tuple[float, ...]


def paint_house(canvas: Canvas, house: House) -> None:
    """Draw a building: its shadow first, then the two sides of its roof, one in the sun."""
    patch = canvas.around(house.x, house.y, house.length + house.height + 3)
    if patch is None:
        return
    shadow: Array = np.zeros(np.broadcast_shapes(patch.x.shape, patch.y.shape), np.float32)
    for part in np.linspace(0.15, 1, 6):
        shift = (SUN[0] * house.height * part, SUN[1] * house.height * part)
        shadow = np.maximum(shadow, patch.box(house.length, house.width, house.angle, shift))
    patch.shade(shadow)
    along, across = turned(patch.x, patch.y, house.angle)
    facing = -np.sin(house.angle) * -SUN[0] + np.cos(house.angle) * -SUN[1]
    light = 1 + 0.24 * facing * np.clip(across / patch.pixel, -1, 1)
    light *= 1 + 0.03 * np.sin(2 * np.pi * along / 1.7)
    ridge = np.abs(across) < 0.3
    light = np.where(ridge, light * 1.12, light)
    roof = patch.box(house.length, house.width, house.angle, (0, 0))
    patch.cover(roof, np.asarray(house.roof)[:, None, None] * light)


def paint_tree(canvas: Canvas, rng: np.random.Generator, x: float, y: float, r: float) -> None:
    """Draw a crown of radius r with a lit and a dark side, and its shadow."""
    patch = canvas.around(x, y, 3.2 * r + 1)
    if patch is None:
        return
    _shadow(patch, r)
    distance = np.hypot(patch.x, patch.y)
    turn = np.arctan2(patch.y, patch.x)
    lobes, phase = int(rng.integers(4, 8)), rng.uniform(0, 6.3)
    rim = r * (1 + 0.13 * np.sin(lobes * turn + phase))
    lit = (-SUN[0] * patch.x - SUN[1] * patch.y) / r
    clump = 0.10 * np.sin(5.1 * patch.x / r + phase) * np.sin(4.3 * patch.y / r - phase)
    light = np.clip(1.02 + 0.48 * lit + clump, 0.42, 1.65) * rng.uniform(0.85, 1.2)
    tint = palette.TREE * rng.uniform(0.92, 1.12, 4)
    patch.cover(soft(distance - rim, 1.2), tint[:, None, None] * light)


def _shadow(patch: Patch, r: float) -> None:
    shift_x, shift_y = SUN[0] * 1.25 * r, SUN[1] * 1.25 * r
    distance = np.hypot(patch.x - shift_x, patch.y - shift_y)
    patch.shade(soft(distance - r, 1.5), 0.5)


def paint_village(canvas: Canvas, rng: np.random.Generator) -> None:
    """Draw streets with houses on both sides, gardens between them and a sports ground."""
    extent = canvas.values.shape[1] * canvas.pixel
    x0, y0, angle = 0.77 * extent, 0.27 * extent, 0.16
    x, y = canvas.place
    along, across = turned(x - x0, y - y0, angle)
    ragged = 6 * clouds(rng, x.size, 64)
    grounds = soft(np.maximum(np.abs(along) - 165, np.abs(across) - 128) + ragged, 10)
    patches = 1 + 0.14 * clouds(rng, x.size, 40)
    canvas.cover(0.93 * grounds, palette.LAWN[:, None, None] * patches)
    offsets = (-84.0, -20.0, 44.0)
    for offset in offsets:
        street = np.maximum(np.abs(across - offset) - 2.8, np.abs(along) - 160)
        canvas.cover(soft(street - 1.3, canvas.pixel), palette.CONCRETE * 0.85)
        canvas.cover(soft(street, canvas.pixel), palette.ASPHALT)
    for turn in (-150.0, 8.0, 155.0):
        street = np.maximum(np.abs(along - turn) - 2.6, np.abs(across + 20) - 66.8)
        canvas.cover(soft(street, canvas.pixel), palette.ASPHALT)
    _paint_ground(canvas, along, across)
    for offset in offsets:
        for side in (-1, 1):
            _paint_row(canvas, rng, (x0, y0, angle), offset, side)


def _paint_ground(canvas: Canvas, along: Array, across: Array) -> None:
    """Draw a football ground with its lines at the village's lower edge."""
    u, v = along + 60, across - 98
    stripes = 1 + 0.07 * np.sign(np.sin(2 * np.pi * u / 11))
    inside = np.maximum(np.abs(u) - 54, np.abs(v) - 34)
    canvas.cover(soft(inside - 4, canvas.pixel), palette.LAWN[:, None, None] * stripes * 1.05)
    lines = np.minimum.reduce(
        [
            np.abs(inside),
            np.maximum(np.abs(u), inside),
            np.abs(np.hypot(u, v) - 9.2),
            np.maximum(np.abs(np.maximum(np.abs(np.abs(u) - 46) - 8, np.abs(v) - 18)), inside),
        ]
    )
    canvas.cover(0.9 * soft(lines - 0.18, canvas.pixel), palette.PAINT)


def _paint_row(
    canvas: Canvas,
    rng: np.random.Generator,
    frame: tuple[float, float, float],
    offset: float,
    side: int,
) -> None:
    """Draw the houses, drives and garden trees along one side of a street."""
    x0, y0, angle = frame
    cos, sin = np.cos(angle), np.sin(angle)
    for regular in np.arange(-140, 150, 23.0):
        if abs(regular - 8) < 11 or (offset > 40 and side > 0 and regular < 0):
            continue
        along = regular + rng.normal(0, 1.6)
        across = offset + side * (15 + rng.normal(0, 1.2))
        x, y = x0 + along * cos - across * sin, y0 + along * sin + across * cos
        for _ in range(rng.integers(1, 4)):
            behind, aside = across + side * rng.uniform(10, 15), along + rng.uniform(-10, 10)
            tree = x0 + aside * cos - behind * sin, y0 + aside * sin + behind * cos
            paint_tree(canvas, rng, *tree, rng.uniform(1.6, 3.6))
        drive = canvas.around(x, y, 24)
        if drive is not None:
            path = drive.box(3.2, 12.5, angle, turned(8, -side * 7.5, -angle))
            drive.cover(path, palette.CONCRETE * rng.uniform(0.7, 1))
        crosswise = rng.random() < 0.25
        kind = rng.choice(len(palette.ROOFS), p=palette.ROOF_SHARES)
        house = House(
            x=float(x),
            y=float(y),
            length=rng.uniform(11, 14.5),
            width=rng.uniform(8, 9.5),
            angle=angle + np.pi / 2 * crosswise,
            height=rng.uniform(4.5, 6.5),
            roof=tuple(palette.ROOFS[kind] * rng.uniform(0.9, 1.1)),
        )
        paint_house(canvas, house)


def paint_farm(canvas: Canvas, rng: np.random.Generator, x: float, y: float, angle: float) -> None:
    """Draw a yard with barns under metal and tiles, and a farmhouse."""
    patch = canvas.around(x, y, 75)
    if patch is None:
        return
    along, across = turned(patch.x, patch.y, angle)
    yard = np.maximum(np.abs(along) - 42, np.abs(across) - 30)
    patch.cover(0.95 * soft(yard, 4), palette.CONCRETE * 0.72)
    cos, sin = np.cos(angle), np.sin(angle)
    for u, v, length, width, roof in (
        (-16, -17, 44, 15, palette.METAL),
        (24, -2, 30, 14, palette.METAL * 0.82),
        (-22, 14, 26, 12, palette.ROOFS[1]),
        (14, 22, 15, 10, palette.ROOFS[0]),
    ):
        house = House(
            x=x + u * cos - v * sin,
            y=y + u * sin + v * cos,
            length=length,
            width=width,
            angle=angle + (np.pi / 2 if u == 24 else 0),
            height=rng.uniform(5, 8),
            roof=tuple(roof),
        )
        paint_house(canvas, house)
