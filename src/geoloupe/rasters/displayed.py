"""Rasters for viewing only: palettes as colours, complex numbers as decibels."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp

from geoloupe.imagery.grid import Window
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT, Radiometry
from geoloupe.rasters.facts import BandFacts
from geoloupe.rasters.raster import gdal_errors_as_input_errors, reader_of
from geoloupe.rasters.source import Source

_BYTES = Radiometry(dtype="uint8", high=(255.0,))
_COLOURS = ("red", "green", "blue")


@dataclass(frozen=True)
class ShownReader:
    """Reads a raster and returns what to show for its numbers."""

    source: Source
    shown: Callable[[Image], tuple[NDArray[Any], NDArray[np.bool_]]]  # values (B,H,W), valid (H,W)

    def read(
        self, indexes: Sequence[int], window: Window
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Read these of the shown bands."""
        values, valid = self.shown(self.source.read(window))
        return values[list(indexes)], valid

    def close(self) -> None:
        """Close the raster."""
        self.source.reader.close()


def displayed(source: Source) -> Source:
    """Return a raster as it is shown: most are unchanged."""
    reader = reader_of(source)
    colours = [reader.dataset.colorinterp[number - 1] for number in reader.numbers]
    if ColorInterp.palette in colours:
        return _in_colours(source, colours.index(ColorInterp.palette))
    if "complex" in source.radiometry.dtype:
        return _in_decibels(source)
    return source


def fixed_limits(source: Source) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Return black and white if they are fixed, as for a palette's colours, or None."""
    fixed = isinstance(source.reader, ShownReader) and source.radiometry == _BYTES
    return ((0.0,), (1.0,)) if fixed else None


def _in_colours(source: Source, position: int) -> Source:
    with gdal_errors_as_input_errors(source.name):
        reader = reader_of(source)
        entries: dict[int, tuple[int, int, int, int]] = reader.dataset.colormap(
            reader.numbers[position]
        )
    table = np.zeros((max(entries, default=0) + 1, 4), np.uint8)  # missing entries: nothing
    for entry, colour in entries.items():
        table[entry] = colour

    def shown(image: Image) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        entry = image.values[position].astype(np.int64)
        known = (entry >= 0) & (entry < len(table))
        colour = table[np.where(known, entry, 0)]
        return colour[..., :3].transpose(2, 0, 1), image.valid & known & (colour[..., 3] > 0)

    bands = tuple(BandFacts(colour=colour) for colour in _COLOURS)
    return replace(
        source,
        reader=ShownReader(source, shown),
        facts=replace(source.facts, bands=bands),
        radiometry=_BYTES,
        indexes=(0, 1, 2),
    )


def _in_decibels(source: Source) -> Source:
    def shown(image: Image) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        amplitude = np.abs(image.values).astype(np.float32)
        positive = np.isfinite(amplitude) & (amplitude > 0)
        decibels = 20 * np.log10(amplitude, where=positive, out=np.full_like(amplitude, np.nan))
        return decibels, image.valid & positive.any(axis=0)

    return replace(source, reader=ShownReader(source, shown), radiometry=UNIT)
