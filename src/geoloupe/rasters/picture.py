"""Scenes as pictures: three bands, stretched to eight bits, transparent where there is no data."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.io import MemoryFile

from geoloupe.errors import InputError
from geoloupe.imagery.grid import Grid, Window
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT, Radiometry
from geoloupe.imagery.spectra import Band
from geoloupe.rasters.facts import BandFacts, Facts
from geoloupe.rasters.product import write_image
from geoloupe.rasters.raster import quiet
from geoloupe.rasters.source import Source

Limits = tuple[tuple[float, ...], tuple[float, ...]]
"""The unit values a picture shows as black and white: one for all bands, or one each."""

_COLOURS = ("red", "green", "blue")
_TAILS = (0.005, 0.995)  # of the values may be pure black and pure white
_STRIP = 2**24  # values read at once
_MAX_PIXELS = 10**12  # pixels to average: hours of reading, and more than any scene has


def visible(seen: Image | Source) -> list[int]:
    """Choose the bands (from 0) to show: red, green and blue, else three spread over all.

    Four bands of which nothing is known are taken for red, green, blue and infrared in 8 bits, as
    of aerial cameras, and for blue, green, red and infrared in others, as of satellites.
    """
    bands = seen.bands
    names = [band.common for band in bands]
    if all(colour in names for colour in _COLOURS):
        return [names.index(colour) for colour in _COLOURS]
    if len(bands) == 3:
        return [0, 1, 2]
    if len(bands) < 3:
        return [0]
    lengths = [band.nm for band in bands]
    if None not in lengths:
        near = np.array(lengths, float)
        return [int(np.abs(near - nm).argmin()) for nm in (660, 560, 480)]
    if len(bands) == 4:
        return [0, 1, 2] if seen.radiometry.dtype == "uint8" else [2, 1, 0]
    return [int(share * (len(bands) - 1) + 0.5) for share in (0.75, 0.5, 0.25)]


def overview(source: Source, side: int) -> Image:
    """Read a scene as unit values no longer than `side` on its longer side, averaging pixels."""
    grid = source.grid
    factor = -(-max(grid.height, grid.width) // side)
    small = (grid.height // factor, grid.width // factor)
    if 0 in small:
        raise InputError(
            f"{source.name}: {grid.width} x {grid.height} pixels are too thin for a picture of "
            f"{side} pixels; allow more"
        )
    if factor == 1:
        return source.read().in_unit()
    cell = factor**2 * len(source.bands)
    columns = min(max(_STRIP // cell, 1), small[1])
    rows = max(_STRIP // (cell * columns), 1)
    values = np.empty((len(source.bands), *small), np.float32)
    for top in range(0, small[0], rows):
        for left in range(0, small[1], columns):
            height, width = min(rows, small[0] - top), min(columns, small[1] - left)
            part = Window(top=top, left=left, height=height, width=width)
            values[:, *part.slices] = _averages(source, part, factor)
    return Image.of(values, radiometry=UNIT, bands=source.bands, grid=grid.coarser(factor))


def admit_pictured(grid: Grid, dtype: str) -> None:
    """Refuse a scene whose picture would never be finished."""
    if grid.height * grid.width > _MAX_PIXELS:
        raise InputError(
            f"{grid.width} x {grid.height} pixels are too many to average for a picture; cut "
            "out a part, as with gdal_translate -srcwin"
        )


def _averages(source: Source, part: Window, factor: int) -> NDArray[np.float32]:
    """Average the factor x factor pixels with data under each pixel (B,h,w) of a window."""
    values = source.read(part.finer(factor)).in_unit().values
    cells = values.reshape(len(values), part.height, factor, part.width, factor)
    present = ~np.isnan(cells)
    sums = np.where(present, cells, 0).sum(axis=(2, 4), dtype=np.float32)
    count = present.sum(axis=(2, 4))
    return np.where(count > 0, sums / np.maximum(count, 1), np.float32(np.nan))


def alike(bands: Sequence[Band]) -> bool:
    """Return whether the visible bands among these are colours, to be stretched alike."""
    return len(bands) <= len(_COLOURS) or {band.common for band in bands} >= set(_COLOURS)


def limits_of(
    image: Image, *, together: bool | None = None, tails: tuple[float, float] = _TAILS
) -> Limits:
    """Choose black and white from the darkest and brightest of an image's visible bands.

    Colours are stretched together, or they would change; other bands one by one, since one is
    often many times darker than the next. None decides by the bands.
    """
    unit = image.select(visible(image)).in_unit().values
    together = alike(image.bands) if together is None else together
    found = [_tails(part, tails) for part in ([unit] if together else unit)]
    return tuple(low for low, _ in found), tuple(high for _, high in found)


def _tails(values: NDArray[np.float32], tails: tuple[float, float]) -> tuple[float, float]:
    shown = values[~np.isnan(values)]
    if not shown.size:
        return 0.0, 1.0
    low, high = np.quantile(shown, tails)
    return float(low), float(max(high, low + 1e-6))


def write_picture(
    path: Path, image: Image, limits: Limits | None = None, *, overwrite: bool = False
) -> None:
    """Write one or three bands as a picture; missing data is transparent in a .png."""
    if len(image.bands) not in (1, 3):
        raise InputError(f"{path}: a picture has 1 or 3 bands, not {len(image.bands)}")
    alpha = path.suffix.lower() == ".png"
    colours = _COLOURS if len(image.bands) == 3 else ("gray",)
    facts = Facts(
        bands=tuple(BandFacts(colour=colour) for colour in colours),
        mask="alpha" if alpha else "none",
    )
    write_image(path, _eight_bits(image, limits), facts=facts, overwrite=overwrite)


def picture_bytes(image: Image, limits: Limits | None = None) -> bytes:
    """Return one or three bands as the bytes of a .png, transparent where data is missing."""
    shown = _eight_bits(image, limits)
    values = np.concatenate([shown.values, shown.valid[None] * np.uint8(255)])
    count, height, width = values.shape
    with quiet(), MemoryFile() as memory:
        options = {"driver": "PNG", "count": count, "height": height, "width": width}
        with memory.open(**options, dtype="uint8") as out:
            out.write(values)
        content: bytes = memory.read()
    return content


def _eight_bits(image: Image, limits: Limits | None) -> Image:
    low, high = limits or limits_of(image)
    stretched = replace(
        image.in_unit(),
        radiometry=replace(UNIT, low=low, high=high),
        grid=Grid(crs=None, height=image.grid.height, width=image.grid.width),
    )
    return stretched.in_radiometry(Radiometry(dtype="uint8", high=(255.0,)))
