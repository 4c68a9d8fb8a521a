"""An open scene, however it is stored: facts at once, pixels window by window.

A format is a small Reader and a function that opens it: everything else is here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from geoloupe.imagery.grid import Grid, Window
from geoloupe.imagery.image import Image
from geoloupe.imagery.nodata import Nodata
from geoloupe.imagery.radiometry import Radiometry
from geoloupe.imagery.spectra import Band
from geoloupe.rasters.facts import Facts
from geoloupe.storage.sizes import Admit, any_size


@dataclass(frozen=True, kw_only=True)
class Opening:
    """What the user or a command asks for when a scene is opened."""

    alpha: bool | None = None  # whether a band marked as transparency is; None: by its content
    trust: bool = False  # whether it may refer to files outside its folder, and to servers
    look: bool = False  # for viewing: palettes and complex numbers may be read too
    nodata: Nodata = None  # what missing pixels hold; None: as declared, or an obvious fill
    area: str | None = None  # only the pixels it touches: see `window_of`
    mask: Literal["clouds"] | None = None  # what is missing besides, by the product's own layer
    offset: float | None = None  # added to reflectance, where a STAC item does not say
    admit: Admit = any_size  # refuses its grid and type before a pixel is read


PLAIN = Opening()


class Reader(Protocol):
    """Where a scene's stored numbers come from. Not thread-safe."""

    def read(
        self, indexes: Sequence[int], window: Window
    ) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        """Read these bands (from 0) of a window that lies inside.

        Returns:
            Values (B,H,W), which the caller may change, and (H,W) where it is not marked as
            missing other than by its nodata value; None: no such marks.
        """
        ...

    def close(self) -> None:
        """Close what is open."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """An open scene, for a `with` statement. Not thread-safe."""

    name: str  # as the user named it, for messages
    grid: Grid  # the place and the size of all of it
    radiometry: Radiometry  # what its numbers mean, the same in every window
    facts: Facts  # what else it says about itself
    indexes: tuple[int, ...]  # the reader's bands, from 0, that `read` returns
    reader: Reader
    corner: tuple[int, int] = (0, 0)  # the reader's row and column where the scene begins
    area: Window | None = None  # of the whole scene, where only a part of it was asked for
    files: tuple[str, ...] = ()  # that it is read from, so that none is overwritten

    @property
    def bands(self) -> tuple[Band, ...]:
        """The bands that `read` returns."""
        return tuple(facts.band for facts in self.facts.bands)

    def read(self, window: Window | None = None) -> Image:
        """Read a window that lies inside, or all; masked pixels hold nodata where it is set."""
        part = window or Window(top=0, left=0, height=self.grid.height, width=self.grid.width)
        top, left = self.corner
        there = replace(part, top=part.top + top, left=part.left + left)
        values, valid = self.reader.read(self.indexes, there)
        stored = self.radiometry.nodata
        if valid is not None and stored is not None and not valid.all():
            values[:, ~valid] = stored
        known = np.any(~self.radiometry.missing(values), axis=0)
        return Image(
            values=values,
            valid=known if valid is None else valid & known,
            bands=self.bands,
            grid=self.grid.window(part),
            radiometry=self.radiometry,
        )

    def select(self, indexes: Sequence[int]) -> Self:
        """Return the same scene with these bands (from 0) in this order; both close together."""
        return replace(
            self,
            facts=self.facts.select(indexes),
            radiometry=self.radiometry.select(indexes),
            indexes=tuple(self.indexes[index] for index in indexes),
        )

    def within(self, window: Window) -> Self:
        """Return a part of the same scene; its numbers mean the same as in the whole."""
        top, left = self.corner
        return replace(
            self,
            grid=self.grid.window(window),
            facts=self.facts.moved(window.top, window.left),
            corner=(top + window.top, left + window.left),
        )

    def with_range(self, low: float, high: float) -> Self:
        """Return the same scene with the stored values low and high as a network's 0 and 1."""
        return replace(self, radiometry=replace(self.radiometry, low=(low,), high=(high,)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.reader.close()
