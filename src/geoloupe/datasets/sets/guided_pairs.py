"""Coarse bands with finer ones of the same place: data to measure sharpening with a guide.

By Wald's protocol the coarse bands are the truth. The guide is stored as its own sensor would see
it on their pixels, wherever the two grids lie, so that any factor can be tried.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from math import ceil, floor
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from geoloupe.datasets.scenes import DataCard, Scene, SceneArray
from geoloupe.datasets.sets.rasters import SUFFIXES
from geoloupe.datasets.splits import WholeLabels
from geoloupe.errors import InputError, errors_named
from geoloupe.imagery.alignment import Axis, observation
from geoloupe.imagery.grid import Grid, Window
from geoloupe.imagery.image import Image
from geoloupe.imagery.meeting import Meeting, Side
from geoloupe.imagery.optics import sensor_weights
from geoloupe.imagery.radiometry import UNIT, Radiometry
from geoloupe.imagery.sensors.mtf import mtf_of
from geoloupe.rasters.landsat import landsat_product, open_landsat
from geoloupe.rasters.meeting import met
from geoloupe.rasters.opening import open_source
from geoloupe.rasters.product import write_image
from geoloupe.rasters.scene_sensor import ground_pixel, sensor_of
from geoloupe.rasters.sentinel2 import open_product, product_name
from geoloupe.rasters.source import Source
from geoloupe.storage.tree import Tree

_AREA_PX = 512  # most coarse pixels along a side of an area
_MAX_MISSING_SHARE = 1e-3  # share of missing pixels in a pixel's view from which it is missing
_FINE_MTF, _PAN_MTF = 0.25, 0.15  # of guides of several bands and of one whose sensor is unknown

Open = Callable[[ExitStack], tuple[Source, Source]]
"""Opens the coarse bands and the finer ones."""


@dataclass(frozen=True, kw_only=True)
class GuidedPairs:
    """Pairs of rasters by the endings of their names, and whole products."""

    card: DataCard
    coarse_end: str  # of the names of coarse rasters
    fine_end: str
    product: Callable[[Path], Open | None]  # opens a folder that is a product
    ratio: int  # of the tests' rasters
    side: int = _AREA_PX

    def tiny(self) -> Self:
        """Expect areas of 24 x 24 coarse pixels."""
        return replace(self, side=24)

    def scenes(self, tree: Tree) -> Sequence[Scene]:
        """List all areas of all pairs; a raster without a partner is an InputError."""
        products = self._products(tree)
        pairs = {**products, **self._rasters(tree, apart=tuple(products))}
        if not pairs:
            raise InputError(
                f"{tree.root}: holds no pairs of coarse and finer bands; expected "
                f"{self.card.layout}"
            )
        return [scene for name in sorted(pairs) for scene in self._areas(tree, name, pairs[name])]

    def fake(self, root: Path) -> None:
        """Write ten pairs of noise, coarse pixels being means of fine ones."""
        root.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(0)
        side, ratio = 2 * self.side - 8, self.ratio
        for number in range(10):
            fine = rng.integers(100, 9000, (2, side * ratio, side * ratio))
            coarse = fine.reshape(2, side, ratio, side, ratio).mean(axis=(2, 4))
            files = ((self.fine_end, fine, 10.0), (self.coarse_end, coarse, 10.0 * ratio))
            for end, values, pixel in files:
                height, width = values.shape[1:]
                grid = Grid(
                    crs=None,
                    transform=(pixel, 0, 5e5, 0, -pixel, 4e6),
                    height=height,
                    width=width,
                )
                radiometry = Radiometry(dtype="uint16", high=(10000.0,))
                image = Image.of(values.astype(np.uint16), radiometry=radiometry, grid=grid)
                write_image(root / f"p{number}{end}.tif", image)

    def _products(self, tree: Tree) -> dict[str, Open]:
        """Find the folders that are products; none are opened inside archives."""
        found = {}
        for folder in [] if tree.zipped or tree.single else sorted({"", *_folders(tree)}):
            opens = self.product(tree.root / folder)
            if opens is not None:
                found[folder or tree.root.name] = opens
        return found

    def _rasters(self, tree: Tree, *, apart: tuple[str, ...]) -> dict[str, Open]:
        """Find the pairs of rasters by the endings of their names, except in products."""
        sides: dict[str, dict[str, str]] = {}
        inside = tuple(f"{folder}/" for folder in apart)
        for name in tree.names:
            if name.startswith(inside) or tree.root.name in apart:
                continue
            stem, dot, suffix = name.rpartition(".")
            for end in (self.coarse_end, self.fine_end):
                if f"{dot}{suffix}".lower() in SUFFIXES and stem.lower().endswith(end):
                    sides.setdefault(stem[: -len(end)], {})[end] = name
        for files in sides.values():
            if len(files) == 1:
                ((end, name),) = files.items()
                other = self.fine_end if end == self.coarse_end else self.coarse_end
                raise InputError(f"{tree.place(name)}: has no partner whose name ends in {other}")
        return {
            stem: _opens(*(tree.raster(files[end]) for end in (self.coarse_end, self.fine_end)))
            for stem, files in sides.items()
        }

    def _areas(self, tree: Tree, name: str, opens: Open) -> Iterator[Scene]:
        """List the areas of one pair."""
        with _met(opens) as (coarse, fine, meeting):
            rows = _cut(*_covered(meeting.down, fine.grid.height), self.side)
            columns = _cut(*_covered(meeting.across, fine.grid.width), self.side)
            if not rows or not columns:
                raise InputError(f"{coarse.name}: none of its pixels lies wholly on {fine.name}")
            file = coarse.name
        for row, (top, height) in enumerate(rows):
            for column, (left, width) in enumerate(columns):
                area = Window(top=top, left=left, height=height, width=width)
                whole = len(rows) == len(columns) == 1
                yield Scene(
                    id=name if whole else f"{name}-{row}-{column}",
                    label=name,
                    file=tree.place(name) if file.startswith("/vsi") else file,
                    parts={
                        "hr": partial(_part, opens, area, guide=False),
                        "guide": partial(_part, opens, area, guide=True),
                    },
                )


def _folders(tree: Tree) -> set[str]:
    """List all folders of a tree, including those that hold only folders."""
    parents = (Path(name).parents for name in tree.names)
    return {place.as_posix() for places in parents for place in places if place.name}


def _opens(coarse: str, fine: str) -> Open:
    return lambda stack: (
        stack.enter_context(open_source(coarse, alpha=False)),
        stack.enter_context(open_source(fine, alpha=False)),
    )


@contextmanager
def _met(opens: Open) -> Iterator[tuple[Source, Source, Meeting]]:
    with ExitStack() as stack:
        coarse, fine = opens(stack)
        coarse, meeting = met(coarse, fine)
        yield coarse, fine, meeting


def _covered(side: Side, length: int) -> tuple[int, int]:
    """Return the first coarse pixel that lies wholly on `length` fine ones, and how many do."""
    ratio, offset = side.axis.ratio, side.axis.offset
    first = max(ceil(-offset / ratio - 1e-6), 0)
    last = min(floor((length - offset) / ratio + 1e-6), side.count)
    return first, last - first


def _cut(start: int, length: int, side: int) -> list[tuple[int, int]]:
    """Cut a stretch into the fewest equal parts no longer than `side`: (start, length) each."""
    if length < 1:
        return []
    count = ceil(length / side)
    ends = [start + length * n // count for n in range(count + 1)]
    return [(first, last - first) for first, last in pairwise(ends)]


def _part(opens: Open, area: Window, *, guide: bool) -> SceneArray:
    """Return an area of the coarse bands, or the guide as seen on their pixels."""
    with _met(opens) as (coarse, fine, _):
        source, grid = (fine if guide else coarse), coarse.grid.window(area)
        return SceneArray(
            height=area.height,
            width=area.width,
            bands=source.bands,
            radiometry=source.radiometry,
            blocks=lambda: _blocks(opens, area, guide=guide),
            grid=grid,
        )


def _blocks(opens: Open, area: Window, *, guide: bool) -> Iterator[NDArray[Any]]:
    with _met(opens) as (coarse, fine, meeting):
        image = _seen(fine, meeting, area) if guide else coarse.read(area)
        stored = image.radiometry.missing(image.values)
        if not (image.valid | np.any(stored, axis=0)).all():
            raise InputError(
                f"{(fine if guide else coarse).name}: has masked pixels; mark them with a nodata "
                "value instead, as gdalwarp -dstnodata does"
            )
        yield image.values


def _seen(fine: Source, meeting: Meeting, area: Window) -> Image:
    """Return the finer bands as their own sensor would see them on coarse pixels."""
    gains = _gains(fine)
    rows, down = _under(meeting.down, area.top, area.height, fine.grid.height, min(gains))
    columns, across = _under(meeting.across, area.left, area.width, fine.grid.width, min(gains))
    window = Window(top=rows[0], left=columns[0], height=rows[1], width=columns[1])
    unit = fine.read(window).in_unit().values.astype(np.float64)
    values = np.empty((len(unit), area.height, area.width), np.float32)
    for band, gain in enumerate(gains):
        lines = observation(down, gain, coarse=area.height, fine=rows[1])
        posts = observation(across, gain, coarse=area.width, fine=columns[1])
        holes = np.isnan(unit[band])
        values[band] = posts.columns(lines.rows(np.nan_to_num(unit[band])))
        if holes.any():
            values[band][posts.columns(lines.rows(holes.astype(float))) > _MAX_MISSING_SHARE] = (
                np.nan
            )
    grid = Grid(crs=None, height=area.height, width=area.width)
    seen = Image.of(values, radiometry=UNIT, bands=fine.bands, grid=grid)
    return seen.in_radiometry(fine.radiometry)


def _under(
    side: Side, first: int, count: int, length: int, gain: float
) -> tuple[tuple[int, int], Axis]:
    """Return the fine pixels (start, length) that coarse ones see, and the axis from there."""
    ratio, offset = side.axis.ratio, side.axis.offset + first * side.axis.ratio
    reach = sensor_weights(np.zeros(1), gain, ratio)[0].shape[1] // 2 + 1
    start = max(floor(offset) - reach, 0)
    stop = min(ceil(offset + count * ratio) + reach, length)
    return (start, stop - start), Axis(ratio=ratio, offset=offset - start)


def _gains(fine: Source) -> tuple[float, ...]:
    """Return the MTF of each band at Nyquist of its own pixels."""
    known = sensor_of(fine)
    if known is not None:
        return tuple(mtf_of(known.sensor, fine.bands, pixel=ground_pixel(fine.grid)).gains)
    usual = _PAN_MTF if len(fine.bands) == 1 else _FINE_MTF
    return (usual,) * len(fine.bands)


def _sentinel2(folder: Path) -> Open | None:
    """Return a function that opens a product's 20 m and 10 m bands; None for other folders."""
    found = product_name(str(folder))
    if found is None or not folder.is_dir():
        return None

    def opens(stack: ExitStack) -> tuple[Source, Source]:
        with errors_named(str(folder)):
            coarse, fine = (
                stack.enter_context(open_product(folder, size)) for size in ("20m", "10m")
            )
        return coarse, fine

    return opens


def _landsat(folder: Path) -> Open | None:
    """Return a function that opens a Landsat product's bands and its panchromatic one."""
    if landsat_product(str(folder)) is None:
        return None

    def opens(stack: ExitStack) -> tuple[Source, Source]:
        coarse, fine = (stack.enter_context(each) for each in open_landsat(folder))
        return coarse, fine

    return opens


_RULES = {"scenes": WholeLabels(train=0.7, val=0.1, test=0.2)}

S2 = GuidedPairs(
    card=DataCard(
        name="s2",
        about="Sentinel-2: bands at 20 m as the truth, those at 10 m as their guide",
        source="https://dataspace.copernicus.eu",
        terms="Copernicus Sentinel data, free and open",
        cite="Contains modified Copernicus Sentinel data",
        layout="products (S2A_....SAFE), or pairs of rasters such as a_20m.tif and a_10m.tif",
        rules=_RULES,
    ),
    coarse_end="_20m",
    fine_end="_10m",
    product=_sentinel2,
    ratio=2,
)
PAN = GuidedPairs(
    card=DataCard(
        name="pan",
        about="multispectral bands as the truth, a panchromatic one as their guide",
        source="https://earthexplorer.usgs.gov, for Landsat Level 1",
        terms="those of your files; Landsat is in the public domain",
        cite="USGS, for Landsat",
        layout="Landsat Level-1 folders, or pairs of rasters such as a_ms.tif and a_pan.tif",
        rules=_RULES,
    ),
    coarse_end="_ms",
    fine_end="_pan",
    product=_landsat,
    ratio=4,
)
