"""Pictures of a scene, tile by tile, in its own pixels: nothing is warped to a map's projection."""

import numpy as np

from geoloupe.errors import InputError
from geoloupe.imagery.grid import Grid, Window
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT
from geoloupe.rasters.decimated import decimated
from geoloupe.rasters.picture import Limits, picture_bytes
from geoloupe.rasters.source import Source

SIDE = 256
_SAMPLE_SIDE = 512


def levels_of(grid: Grid) -> int:
    """Return how often pixels are joined, 2 x 2 at a time, until the scene is one tile."""
    long, short = max(grid.height, grid.width), min(grid.height, grid.width)
    levels = 0
    while long > SIDE << levels and short >> (levels + 1):
        levels += 1
    return levels


def read_tile(source: Source, z: int, x: int, y: int) -> Image:
    """Read a tile as unit values (B,256,256), NaN outside the scene; level 0 is the coarsest."""
    levels = levels_of(source.grid)
    if not 0 <= z <= levels:
        raise InputError(f"{source.name}: has levels 0 to {levels}, not {z}")
    coarse = decimated(source, 2 ** (levels - z))
    grid = coarse.grid
    top, left = y * SIDE, x * SIDE
    if not (0 <= top < grid.height and 0 <= left < grid.width):
        raise InputError(f"{source.name}: has no tile {x}, {y} in level {z}")
    height, width = min(SIDE, grid.height - top), min(SIDE, grid.width - left)
    part = coarse.read(Window(top=top, left=left, height=height, width=width)).in_unit()
    values = np.full((len(source.bands), SIDE, SIDE), np.nan, np.float32)
    values[:, :height, :width] = part.values
    return Image.of(values, radiometry=UNIT, bands=source.bands)


def tile_png(source: Source, z: int, x: int, y: int, limits: Limits) -> bytes:
    """Draw a tile of one or three bands as a .png, transparent without data."""
    return picture_bytes(read_tile(source, z, x, y), limits)


def sample(source: Source) -> Image:
    """Read a scene in pixels coarse enough to be measured at once."""
    grid = source.grid
    long, short = max(grid.height, grid.width), min(grid.height, grid.width)
    factor = 1
    while long > _SAMPLE_SIDE * factor and short >= 2 * factor:
        factor *= 2
    coarse = decimated(source, factor)
    height = min(coarse.grid.height, _SAMPLE_SIDE)
    width = min(coarse.grid.width, _SAMPLE_SIDE)
    return coarse.read(Window(top=0, left=0, height=height, width=width)).in_unit()
