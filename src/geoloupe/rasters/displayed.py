"""What only people can look at: palettes as colours, complex numbers as decibels."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp

from geoloupe.imagery.grid import Grid, Window
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT, Radiometry
from geoloupe.imagery.spectra import Band
from geoloupe.rasters.facts import BandFacts, Facts
from geoloupe.rasters.raster import RasterSource, gdal_errors_as_input_errors

_BYTES = Radiometry(dtype="uint8", high=(255.0,))
_COLOURS = ("red", "green", "blue")


@dataclass(frozen=True, kw_only=True, eq=False)
class DisplayedSource:
    """An open raster whose numbers are shown as others; see `Source` for what each part means."""

    source: RasterSource
    shown: Callable[[Image], tuple[NDArray[Any], NDArray[np.bool_]]]  # values (B,H,W), valid (H,W)
    facts: Facts
    radiometry: Radiometry
    positions: tuple[int, ...]  # of the bands that are kept, among those that are shown

    @property
    def name(self) -> str:
        """The file as the person named it, for messages."""
        return self.source.name

    @property
    def grid(self) -> Grid:
        """The place and the size of all of it."""
        return self.source.grid

    @property
    def files(self) -> tuple[str, ...]:
        """The files that it is read from."""
        return self.source.files

    @property
    def bands(self) -> tuple[Band, ...]:
        """The bands that `read` gives."""
        return tuple(facts.band for facts in self.facts.bands)

    def read(self, window: Window | None = None) -> Image:
        """Read a window that lies inside, or all."""
        image = self.source.read(window)
        values, valid = self.shown(image)
        return Image(
            values=values[list(self.positions)],
            valid=valid,
            bands=self.bands,
            grid=image.grid,
            radiometry=self.radiometry,
        )

    def select(self, indexes: Sequence[int]) -> Self:
        """Return the same scene with these bands (from 0) in this order; both close together."""
        return replace(
            self,
            facts=self.facts.select(indexes),
            positions=tuple(self.positions[index] for index in indexes),
        )

    def with_range(self, low: float, high: float) -> Self:
        """Return the same scene with the shown values low and high as a network's 0 and 1."""
        return replace(self, radiometry=replace(self.radiometry, low=(low,), high=(high,)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.source.__exit__(kind, error, trace)


def displayed(source: RasterSource) -> RasterSource | DisplayedSource:
    """Return a raster as people look at it: most as they are."""
    colours = [source.dataset.colorinterp[index - 1] for index in source.indexes]
    if ColorInterp.palette in colours:
        return _in_colours(source, colours.index(ColorInterp.palette))
    if "complex" in source.radiometry.dtype:
        return _in_decibels(source)
    return source


def fixed_limits(source: object) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Return black and white of what has them already, as a palette's colours have, or None."""
    fixed = isinstance(source, DisplayedSource) and source.radiometry == _BYTES
    return ((0.0,), (1.0,)) if fixed else None


def _in_colours(source: RasterSource, position: int) -> DisplayedSource:
    with gdal_errors_as_input_errors(source.name):
        entries: dict[int, tuple[int, int, int, int]] = source.dataset.colormap(
            source.indexes[position]
        )
    table = np.zeros((max(entries, default=0) + 1, 4), np.uint8)  # entries that it lacks: nothing
    for entry, colour in entries.items():
        table[entry] = colour

    def shown(image: Image) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        entry = image.values[position].astype(np.int64)
        known = (entry >= 0) & (entry < len(table))
        colour = table[np.where(known, entry, 0)]
        return colour[..., :3].transpose(2, 0, 1), image.valid & known & (colour[..., 3] > 0)

    bands = tuple(BandFacts(colour=colour) for colour in _COLOURS)
    return DisplayedSource(
        source=source,
        shown=shown,
        facts=replace(source.facts, bands=bands),
        radiometry=_BYTES,
        positions=(0, 1, 2),
    )


def _in_decibels(source: RasterSource) -> DisplayedSource:
    def shown(image: Image) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        amplitude = np.abs(image.values).astype(np.float32)
        positive = np.isfinite(amplitude) & (amplitude > 0)
        decibels = 20 * np.log10(amplitude, where=positive, out=np.full_like(amplitude, np.nan))
        return decibels, image.valid & positive.any(axis=0)

    return DisplayedSource(
        source=source,
        shown=shown,
        facts=source.facts,
        radiometry=UNIT,
        positions=tuple(range(len(source.indexes))),
    )
