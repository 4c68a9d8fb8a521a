"""A made-up aerial scene to try things on: fields, a river, roads, a village, woods, all drawn.

It is drawn on pixels a quarter the size and averaged, as a sensor averages what it sees. Nothing
in it is a photograph, so no licence but ours comes with it.
"""

import numpy as np

from geoloupe.imagery.grid import Grid
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import Radiometry
from geoloupe.imagery.spectra import Band
from tools.drawing.canvas import Array, Canvas, clouds, turned
from tools.drawing.countryside import (
    Border,
    lane_line,
    paint_borders,
    paint_bridge,
    paint_fields,
    paint_lake,
    paint_river,
    paint_roads,
    road_line,
)
from tools.drawing.palette import GRASS, TREE
from tools.drawing.village import paint_farm, paint_tree, paint_village

Planted = tuple[float, float, float]  # x, y and radius of a tree, in metres

PIXEL = 2.5  # metres
FINE = 4  # drawn pixels along a side of a pixel
BANDS = (Band("red", 665), Band("green", 560), Band("blue", 490), Band("nir", 842))
CORNER = (481_250.0, 5_402_500.0)  # of the upper left, in UTM zone 33 north
UTM_33N = (
    'PROJCS["WGS 84 / UTM zone 33N",GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,'
    '298.257223563,AUTHORITY["EPSG","7030"]],AUTHORITY["EPSG","6326"]],PRIMEM["Greenwich",0,'
    'AUTHORITY["EPSG","8901"]],UNIT["degree",0.0174532925199433,AUTHORITY["EPSG","9122"]],'
    'AUTHORITY["EPSG","4326"]],PROJECTION["Transverse_Mercator"],PARAMETER["latitude_of_origin",0],'
    'PARAMETER["central_meridian",15],PARAMETER["scale_factor",0.9996],'
    'PARAMETER["false_easting",500000],PARAMETER["false_northing",0],UNIT["metre",1,'
    'AUTHORITY["EPSG","9001"]],AXIS["Easting",EAST],AXIS["Northing",NORTH],'
    'AUTHORITY["EPSG","32633"]]'
)


def sample_scene(size: int = 384, *, seed: int = 20) -> Image:
    """Draw a scene of size x size pixels: uint16 reflectance x 10000, nodata beyond a slant."""
    return sample_pair(size, seed=seed)[0]


def sample_pair(size: int = 384, *, seed: int = 20) -> tuple[Image, Image]:
    """Draw a scene, and what a sensor of a quarter of its pixel's side would have seen."""
    rng = np.random.default_rng(seed)
    canvas = Canvas.blank(len(BANDS), size * FINE, pixel=PIXEL / FINE)
    _draw(canvas, rng)
    seen = canvas.values.reshape(len(BANDS), size, FINE, size, FINE).mean(axis=(2, 4))
    haze = np.array([0.012, 0.016, 0.024, 0.004], np.float32)[:, None, None]
    seen, truth = (values * 0.97 + haze for values in (seen, canvas.values))
    seen *= 1 + rng.normal(0, 0.006, seen.shape).astype(np.float32)  # the sensor's own noise
    beyond = _beyond(size)
    seen[:, beyond] = np.nan
    truth[:, beyond.repeat(FINE, 0).repeat(FINE, 1)] = np.nan
    left, top = CORNER
    grid = Grid(crs=UTM_33N, transform=(PIXEL, 0, left, 0, -PIXEL, top), height=size, width=size)
    return _stored(seen, grid), _stored(truth, grid.finer(FINE))


def _stored(unit: Array, grid: Grid) -> Image:
    radiometry = Radiometry(dtype="uint16", high=(10_000.0,), nodata=0)
    values = radiometry.from_unit(unit.astype(np.float32, copy=False))
    return Image.of(values, radiometry=radiometry, grid=grid, bands=BANDS)


def _draw(canvas: Canvas, rng: np.random.Generator) -> None:
    """Draw from the ground up: what is painted later lies on top."""
    extent = canvas.values.shape[1] * canvas.pixel
    borders = paint_fields(canvas, rng)
    paint_borders(canvas, borders, rng)
    for tree in _hedges(canvas, rng, borders):
        paint_tree(canvas, rng, *tree)
    offset = paint_river(canvas, rng)
    paint_lake(canvas, rng)
    paint_roads(canvas, rng)
    paint_bridge(canvas)
    paint_village(canvas, rng)
    paint_farm(canvas, rng, 0.50 * extent, 0.70 * extent, 0.35)
    paint_farm(canvas, rng, 0.12 * extent, 0.16 * extent, -0.2)
    _plant(canvas, rng, offset)
    light = 1 + 0.02 * clouds(rng, canvas.values.shape[1], canvas.values.shape[1] // 3)
    canvas.values[...] *= light


def _plant(canvas: Canvas, rng: np.random.Generator, offset: Array) -> None:
    """Plant woods, an orchard, trees by the water and an avenue."""
    extent = canvas.values.shape[1] * canvas.pixel
    trees = [*_woods(canvas, rng), *_orchard(canvas, rng)]
    banks = np.argwhere((np.abs(offset) > 23) & (np.abs(offset) < 33))
    for row, column in banks[rng.integers(0, len(banks), int(0.17 * extent))] if len(banks) else ():
        trees.append((column * canvas.pixel, row * canvas.pixel, rng.uniform(2.2, 5)))
    for x in np.arange(0.36 * extent, 0.96 * extent, 17.0):
        if abs(x - 0.615 * extent) > 25:
            y = float(road_line(np.array([x]), extent)[0])
            trees.append((x, y + 14 + rng.normal(0, 0.6), rng.uniform(2.4, 3.4)))
    trees.sort(key=lambda tree: -tree[1])  # shadows fall upwards: draw from below
    for x, y, r in trees:
        if not _paved(x, y, extent):
            paint_tree(canvas, rng, x, y, r)


def _woods(canvas: Canvas, rng: np.random.Generator) -> list[Planted]:
    """Fill uneven patches with crowns that almost touch."""
    size = canvas.values.shape[1]
    extent = size * canvas.pixel
    x, y = canvas.place
    ragged = clouds(rng, size, size // 6)
    cover = np.zeros((size, size), bool)
    for at_x, at_y, radius in ((0.10, 0.86, 0.14), (0.47, 0.06, 0.075), (0.56, 0.95, 0.07)):
        distance = np.hypot(x - at_x * extent, y - at_y * extent) / extent
        cover |= distance + 0.028 * ragged < radius
    canvas.cover(cover.astype(np.float32), TREE * 0.62)  # the shaded ground between crowns
    step = 6.2
    trees = []
    for row in np.arange(0, extent, step):
        for column in np.arange(0, extent, step):
            at = row + rng.normal(0, 1.7), column + rng.normal(0, 1.7)
            inside = (int(np.clip(side / canvas.pixel, 0, size - 1)) for side in at)
            if cover[*inside]:
                trees.append((at[1], at[0], rng.uniform(2.8, 5.2)))
    return trees


def _hedges(canvas: Canvas, rng: np.random.Generator, borders: list[Border]) -> list[Planted]:
    """Plant bushes and trees along one in three of the younger field lines."""
    width = canvas.values.shape[2]
    trees = []
    for border in borders:
        on_line = border.pixels[np.abs(border.distance) < 0.8]
        if border.depth < 3 or rng.random() > 0.36 or not len(on_line):
            continue
        for pixel in rng.choice(on_line, len(on_line) // 9):
            place = (pixel % width * canvas.pixel, pixel // width * canvas.pixel)
            trees.append((*place, rng.uniform(1.3, 2.9)))
    return trees


def _orchard(canvas: Canvas, rng: np.random.Generator) -> list[Planted]:
    """Mow a meadow and plant small trees on it in straight rows."""
    extent = canvas.values.shape[1] * canvas.pixel
    middle, angle = (0.475 * extent, 0.33 * extent), 0.24
    patch = canvas.around(*middle, 90)
    if patch is not None:
        patch.cover(patch.box(118, 92, angle, (0, 0)), GRASS)
    trees = []
    for u in np.arange(-52, 53, 8.0):
        for v in np.arange(-40, 41, 7.0):
            x, y = turned(u, v, -angle)
            if rng.random() < 0.96:
                trees.append((middle[0] + x, middle[1] + y, rng.uniform(1.9, 2.5)))
    return trees


def _paved(x: float, y: float, extent: float) -> bool:
    on_road = abs(y - float(road_line(np.array([x]), extent)[0])) < 8.5
    return bool(on_road or abs(x - float(lane_line(np.array([y]), extent)[0])) < 5)


def _beyond(size: int) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Mark the corner (H,W) that the sensor did not see, cut at an angle."""
    row, column = np.mgrid[0:size, 0:size] / size
    beyond: np.ndarray[tuple[int, ...], np.dtype[np.bool_]] = column - 0.93 > 0.32 * row
    return beyond
