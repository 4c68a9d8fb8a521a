"""A block of a scene: source -> tiles -> predictor -> blend -> piece.

`SceneRun` is what is done to any scene, tile by tile; `Enlargement` enlarges one by a network.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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
        for row in range(len(block.rows)):
            blender.begin(row)
            for tile in block.strip(row):
                answer = self.stacked(tile.window)
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
        both = self._enlarged(window)
        return None if both is None else both[1]

    def stacked(self, window: Window) -> Array | None:
        """Enlarge one tile, and make its layers from the same answer."""
        both = self._enlarged(window)
        if both is None:
            return None
        lr, sr = both
        return np.concatenate([sr.values, *(layer.of(sr, lr, self.scale) for layer in self.layers)])

    def _enlarged(self, window: Window) -> tuple[Image, Image] | None:
        with self._reading:
            image = self.source.read(window)
            if not image.valid.any():
                return None
            guide = None if self.guide is None else self.guide.read(window.finer(self.scale))
        try:
            return image, self.predictor.predict(image, guide)
        except RunError as error:
            corner = f"the tile at row {window.top}, column {window.left}"
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
