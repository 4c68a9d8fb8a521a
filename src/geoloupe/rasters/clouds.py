"""Clouds, their shadows, cirrus and saturated pixels, by the layer that a product brings itself.

Sentinel-2 Level 2A has a scene classification (SCL), Landsat Collection 2 bits of quality
(QA_PIXEL and QA_RADSAT). A pixel of a scene is missing where any pixel of these under it says so.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.io import DatasetReader
from rasterio.windows import Window as RasterioWindow

from geoloupe.errors import InputError
from geoloupe.imagery.grid import Grid, Window
from geoloupe.rasters.raster import gdal_errors_as_input_errors
from geoloupe.rasters.source import Opening, Reader, Source

Mask = Literal["clouds"]
"""What is left out of a product."""

Bools = NDArray[np.bool_]

_STRIP = 512  # rows read at once to count
_EDGE_PX = 1e-6  # by which a pixel may pass the edge of another without touching it

# No data, saturated or defective, cloud shadows, clouds of medium and high probability, cirrus.
_SCL = (0, 1, 3, 8, 9, 10)
# Fill, dilated cloud, cirrus, cloud, cloud shadow.
_QA_PIXEL = 0b11111
RADSAT = {"landsat-7": 0b1001011111, "landsat-8": 0b1111111, "landsat-9": 0b1111111}
"""The bits of QA_RADSAT that tell saturation in bands of reflectance, or pixels that were lost."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A raster of one band that says which pixels are unclear, and which hold nothing at all."""

    file: str  # what GDAL opens
    name: str  # as its product calls it
    unclear: Callable[[NDArray[Any]], Bools]
    empty: Callable[[NDArray[Any]], Bools]
    drivers: tuple[str, ...] = ("GTiff",)


def scl(file: str, drivers: Sequence[str]) -> Layer:
    """Return a scene classification of Sentinel-2."""
    return Layer(
        file=file,
        name="SCL",
        unclear=lambda values: np.isin(values, _SCL),
        empty=lambda values: values == 0,
        drivers=tuple(drivers),
    )


def qa_pixel(file: str) -> Layer:
    """Return Landsat's bits of quality."""
    return Layer(
        file=file,
        name="QA_PIXEL",
        unclear=lambda values: (values & _QA_PIXEL) != 0,
        empty=lambda values: (values & 1) != 0,
    )


def qa_radsat(file: str, sensor: str) -> Layer:
    """Return Landsat's bits of saturation, of the bands that are reflectance."""
    bits = RADSAT[sensor]
    return Layer(
        file=file,
        name="QA_RADSAT",
        unclear=lambda values: (values & bits) != 0,
        empty=lambda values: np.zeros(values.shape, bool),
    )


@dataclass(frozen=True, kw_only=True)
class Placed:
    """An open layer, and where a scene's pixels lie on it: layer = start + side * scene."""

    layer: Layer
    dataset: Any
    starts: tuple[float, float]  # of rows and columns
    sides: tuple[float, float]

    def any_under(self, window: Window, test: Callable[[NDArray[Any]], Bools]) -> Bools:
        """Return in which pixels (h,w) of a scene's window any of the layer's pass a test."""
        rows = self._spans(0, window.top, window.height, self.dataset.height)
        columns = self._spans(1, window.left, window.width, self.dataset.width)
        (top, bottom), (left, right) = ((x[0].min(), x[1].max()) for x in (rows, columns))
        if bottom <= top or right <= left:  # the layer ends before
            return np.zeros((window.height, window.width), bool)
        place = RasterioWindow(int(left), int(top), int(right - left), int(bottom - top))
        with gdal_errors_as_input_errors(self.dataset.name):
            found = test(self.dataset.read(1, window=place))
        # Sums of everything above and to the left: four of them count the pixels of any rectangle.
        sums = np.zeros((found.shape[0] + 1, found.shape[1] + 1), np.int64)
        sums[1:, 1:] = found.cumsum(axis=0, dtype=np.int64).cumsum(axis=1)
        above, below = (sums[edge - top] for edge in rows)
        counted = below - above
        result: Bools = counted[:, columns[1] - left] > counted[:, columns[0] - left]
        return result

    def _spans(
        self, axis: int, first: int, count: int, length: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return which of the layer's rows or columns lie under the scene's: from, to."""
        edges = self.starts[axis] + self.sides[axis] * (first + np.arange(count + 1.0))
        starts = np.floor(edges[:-1] + _EDGE_PX).astype(np.int64)
        stops = np.ceil(edges[1:] - _EDGE_PX).astype(np.int64)
        return starts.clip(0, length), stops.clip(0, length)


@dataclass(frozen=True, kw_only=True)
class CloudlessReader:
    """Reads a scene, and marks what is unclear as missing."""

    inner: Reader
    layers: tuple[Placed, ...]
    stack: ExitStack

    def read(self, indexes: Sequence[int], window: Window) -> tuple[NDArray[Any], Bools | None]:
        """Read these bands of a window, and where it is clear."""
        values, valid = self.inner.read(indexes, window)
        clear = ~self.unclear(window)
        return values, clear if valid is None else valid & clear

    def unclear(self, window: Window) -> Bools:
        """Return where any layer says that the ground was not seen well (h,w)."""
        found = np.zeros((window.height, window.width), bool)
        for each in self.layers:
            found |= each.any_under(window, each.layer.unclear)
        return found

    def empty(self, window: Window) -> Bools:
        """Return where the scene holds nothing, clouds or not (h,w)."""
        found = np.zeros((window.height, window.width), bool)
        for each in self.layers:
            found |= each.any_under(window, each.layer.empty)
        return found

    def close(self) -> None:
        """Close the scene and its layers."""
        self.inner.close()
        self.stack.close()


def masked(source: Source, layers: Sequence[Layer], opening: Opening) -> Source:
    """Return a scene without what its layers call unclear, if that is asked for."""
    if opening.mask is None:
        return source
    try:
        return _masked(source, layers)
    except BaseException:
        source.reader.close()
        raise


def _masked(source: Source, layers: Sequence[Layer]) -> Source:
    if not layers:
        refuse_mask(source.name)
    with ExitStack() as stack:
        placed = tuple(_placed(stack, source, layer) for layer in layers)
        reader = CloudlessReader(inner=source.reader, layers=placed, stack=stack.pop_all())
    facts, holds = source.facts, source.radiometry
    if holds.nodata is None and not holds.dtype.startswith("float"):
        facts = replace(facts, mask="mask")
    files = (*source.files, *(layer.file for layer in layers))
    return replace(source, reader=reader, facts=facts, files=files)


def _placed(stack: ExitStack, source: Source, layer: Layer) -> Placed:
    with gdal_errors_as_input_errors(layer.file):
        dataset = stack.enter_context(DatasetReader(layer.file, driver=list(layer.drivers)))
    ours = source.grid
    theirs = Grid(
        crs=dataset.crs.to_wkt() if dataset.crs else None,
        transform=tuple(dataset.transform)[:6],
        height=dataset.height,
        width=dataset.width,
    )
    upright = not any((*ours.transform[1:4:2], *theirs.transform[1:4:2]))
    same = ours.crs and theirs.crs and CRS.from_wkt(ours.crs) == CRS.from_wkt(theirs.crs)
    if not (upright and same) or dataset.count != 1:
        raise InputError(
            f"{source.name}: its layer {layer.name} lies otherwise than its bands; was the "
            "product changed? Leave out mask"
        )
    top, left = theirs.position(ours.transform[2], ours.transform[5])
    sides = (ours.transform[4] / theirs.transform[4], ours.transform[0] / theirs.transform[0])
    return Placed(layer=layer, dataset=dataset, starts=(top, left), sides=sides)


def refuse_mask(name: object) -> None:
    """Refuse to mask a scene that brings no layer of clouds."""
    raise InputError(
        f"{name}: brings no layer of clouds to mask by, as Sentinel-2 Level 2A (SCL) and Landsat "
        "Collection 2 (QA_PIXEL) do; leave out mask, or mark the clouds as nodata first"
    )


def cloud_tags(source: Source, window: Window | None = None) -> dict[str, str]:
    """Return what was masked in a scene or in a part of it, as tags; none where nothing was."""
    reader = source.reader
    if not isinstance(reader, CloudlessReader):
        return {}
    top, left = source.corner
    part = window or Window(top=0, left=0, height=source.grid.height, width=source.grid.width)
    known = gone = 0
    for start in range(0, part.height, _STRIP):
        strip = Window(
            top=top + part.top + start,
            left=left + part.left,
            height=min(_STRIP, part.height - start),
            width=part.width,
        )
        held = ~reader.empty(strip)
        known += int(held.sum())
        gone += int((held & reader.unclear(strip)).sum())
    share = gone / known if known else 0.0
    names = ", ".join(each.layer.name for each in reader.layers)
    return {
        "GEOLOUPE_MASK": "clouds, their shadows, cirrus, saturated pixels",
        "GEOLOUPE_MASKED": f"{100 * share:.1f} % of the pixels with data, by {names}",
    }
