"""A block of a scene: source -> tiles -> predictor -> blend -> piece.

`SceneRun` is what is done to any scene, tile by tile; `Enlargement` enlarges one by a network.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from threading import Lock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from geoloupe.errors import RunError
from geoloupe.imagery.grid import Grid, Window
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT
from geoloupe.models.doubt import shortened
from geoloupe.models.predictor import Predictor
from geoloupe.rasters.planes import Layout
from geoloupe.rasters.source import Source
from geoloupe.scenes.blend import Array, Blender
from geoloupe.scenes.layers import Layer
from geoloupe.scenes.plan import Block, Plan
from geoloupe.storage.beside import SIGMA


@dataclass(frozen=True, kw_only=True, eq=False)
class Piece:
    """A finished block: stored values that it alone decides, and edges to be blended.

    Edges are unit values, those of layers below those of bands. `top` and `bottom` are as wide as
    the block with its edges, `left` and `right` as high as the finished part.
    """

    values: NDArray[Any]  # (count,h,w)
    valid: NDArray[np.bool_]  # (h,w)
    top: Array
    bottom: Array
    left: Array
    right: Array
    empty: int  # tiles without data
    beside: Mapping[str, NDArray[Any]] = field(default_factory=dict)  # layers (count,h,w), stored


@dataclass(frozen=True, kw_only=True, eq=False)
class SceneRun(ABC):
    """What is computed tile by tile: a plan, the result's layout, and how a tile is made."""

    plan: Plan
    layout: Layout

    @property
    @abstractmethod
    def name(self) -> str:
        """What is worked on, as the user named it."""

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Where tiles are computed."""

    @property
    @abstractmethod
    def minimum(self) -> int:
        """The smallest side of a tile in the plan's pixels."""

    @abstractmethod
    def predict(self, window: Window) -> Image | None:
        """Make one tile of the plan in unit values; None where it holds no data."""

    def stacked(self, window: Window) -> Array | None:
        """Make one tile: unit values (B,h,w), those of each layer below; None without data."""
        answer = self.predict(window)
        return None if answer is None else answer.values

    def each(self, windows: Iterable[Window]) -> Iterator[Array | None]:
        """Make tiles as `stacked` does, in their order."""
        return map(self.stacked, windows)

    @property
    def scale(self) -> int:
        """Pixels of the result along a side of one of the plan's."""
        return self.plan.scale

    @property
    def band_count(self) -> int:
        """The number of bands of the result."""
        return len(self.layout.facts.bands)

    def compute(self, block: Block, done: Callable[[], None]) -> Piece:
        """Make a block; `done` is called after each tile."""
        count = self.band_count * (1 + len(self.layout.beside))
        blender = Blender(block=block, band_count=count)
        empty = 0
        strips = [list(block.strip(row)) for row in range(len(block.rows))]
        answers = self.each(tile.window for strip in strips for tile in strip)
        for row, strip in enumerate(strips):
            blender.begin(row)
            for tile in strip:
                answer = next(answers)
                empty += answer is None
                blender.paint(row, tile.column, answer)
                done()
            values = blender.finish(row)
        return self._piece(block, values, empty)

    def stored(self, values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return unit values (B,h,w) as the layout stores them (count,h,w), and what is valid."""
        return stored(values[: self.band_count], self.layout)

    def _piece(self, block: Block, values: Array, empty: int) -> Piece:
        scale, down, across = block.scale, block.down, block.across
        top, bottom = ((x - down.enter) * scale for x in (down.full, down.leave))
        left, right = ((x - across.enter) * scale for x in (across.full, across.leave))
        inside = values[:, top:bottom, left:right]
        whole, valid = self.stored(inside)
        return Piece(
            values=whole,
            valid=valid,
            top=values[:, :top].copy(),  # a view would keep all of them in memory
            bottom=values[:, bottom:].copy(),
            left=values[:, top:bottom, :left].copy(),
            right=values[:, top:bottom, right:].copy(),
            empty=empty,
            beside=stored_beside(inside, self.layout),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Enlargement(SceneRun):
    """A source, its guide on the grid of the result, and the network that enlarges it."""

    source: Source
    guide: Source | None
    predictor: Predictor
    layers: tuple[Layer, ...] = ()  # those of layout.beside, in its order
    _reading: Any = field(default_factory=Lock, repr=False)  # sources are not thread-safe

    @property
    def name(self) -> str:
        """The scene as the user named it."""
        return self.source.name

    @property
    def device(self) -> torch.device:
        """Where the network runs."""
        return self.predictor.device

    @property
    def minimum(self) -> int:
        """The smallest side that the network takes."""
        return self.predictor.signature.minimum

    def predict(self, window: Window) -> Image | None:
        """Enlarge one tile; None where it holds no data."""
        seen = self._read(window)
        return None if seen is None else self._enlarged(window, [seen])[0]

    def stacked(self, window: Window) -> Array | None:
        """Enlarge one tile, and make its layers from the same answer."""
        return next(self.each([window]))

    def each(self, windows: Iterable[Window]) -> Iterator[Array | None]:
        """Enlarge tiles, as many at once as the device takes."""
        left = iter(windows)
        while part := list(islice(left, self.predictor.transfer.batch)):
            read = [self._read(window) for window in part]
            answers = self._enlarged(part[0], [seen for seen in read if seen is not None])
            for seen in read:  # popped, so that none is kept while the next are made
                yield None if seen is None else self._with_layers(seen[0], answers.pop(0))

    def _with_layers(self, lr: Image, sr: Image) -> Array:
        return np.concatenate([sr.values, *(layer.of(sr, lr, self.scale) for layer in self.layers)])

    def _read(self, window: Window) -> tuple[Image, Image | None] | None:
        """Read a tile and its guide; None where it holds no data."""
        with self._reading:
            image = self.source.read(window)
            if not image.valid.any():
                return None
            guide = None if self.guide is None else self.guide.read(window.finer(self.scale))
        return image, guide

    def _enlarged(self, first: Window, seen: Sequence[tuple[Image, Image | None]]) -> list[Image]:
        """Enlarge what was read of tiles, of which the first is named should it fail."""
        try:
            return self.predictor.predict_all(seen)
        except RunError as error:
            corner = f"the tile at row {first.top}, column {first.left}"
            raise type(error)(f"{self.source.name}: in {corner}: {error}") from None


def stored_beside(values: NDArray[Any], layout: Layout) -> dict[str, NDArray[Any]]:
    """Return the layers of stacked unit values as the layouts beside one store them, by name."""
    count = len(layout.facts.bands)
    found = {
        name: stored(values[count * number : count * (number + 1)], beside)[0]
        for number, (name, beside) in enumerate(layout.beside.items(), start=1)
    }
    return found | {SIGMA: shortened(found[SIGMA])} if SIGMA in found else found


def stored(values: NDArray[Any], layout: Layout) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return unit values (B,h,w) as a layout stores them (count,h,w), and what is valid (h,w)."""
    unit = Image(
        values=values,
        valid=any_data(values),
        bands=tuple(facts.band for facts in layout.facts.bands),
        grid=Grid(crs=None, height=values.shape[1], width=values.shape[2]),
        radiometry=UNIT,
    )
    return layout.stored(unit.in_radiometry(layout.radiometry)), unit.valid


def any_data(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Return where any band is not NaN."""
    valid = ~np.isnan(values[0])
    for band in values[1:]:
        if valid.all():
            break
        valid |= ~np.isnan(band)
    return valid
