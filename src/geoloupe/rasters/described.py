"""A scene made of a reader and of what its product says; what no product says is measured here."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoloupe.errors import InputError
from geoloupe.imagery.grid import Grid, Window
from geoloupe.imagery.nodata import settle, spread_windows
from geoloupe.imagery.radiometry import infer
from geoloupe.rasters.facts import Facts, refuse_many_bands
from geoloupe.rasters.source import Opening, Reader, Source

Values = NDArray[np.generic]

_WINDOWS = 7  # along each side, on which a range is measured


@dataclass(frozen=True, kw_only=True)
class Description:
    """What a product says of a scene."""

    name: str  # as the user named it
    grid: Grid
    dtype: str
    facts: Facts
    nodata: float | None
    files: tuple[str, ...]


def described(
    reader: Reader,
    said: Description,
    opening: Opening,
    *,
    sample: Callable[[], Values] | None = None,
) -> Source:
    """Return an open scene; `sample` reads values (B,h,w) of all of it, else windows are read."""
    name, grid, dtype, facts = said.name, said.grid, said.dtype, said.facts
    refuse_many_bands(name, len(facts.bands))
    refuse_no_place(name, grid.transform)
    opening.admit(grid, dtype)
    every = range(len(facts.bands))

    def read(window: Window) -> Values:
        return reader.read(every, window)[0]

    size = (len(facts.bands), grid.height, grid.width)
    said_nodata = held_nodata(said.nodata, dtype)
    missing = settle(name, opening.nodata, said_nodata, dtype=dtype, size=size, read=read)
    if sample is None:
        parts = [read(part).reshape(size[0], -1) for part in spread_windows(size, count=_WINDOWS)]
        seen = np.concatenate(parts, axis=1)[..., None]
    else:
        seen = sample()
    value = None if missing is None else missing.value
    tags = [(band.scale, band.offset) for band in facts.bands]
    return Source(
        name=name,
        grid=grid,
        radiometry=infer(dtype, value, sample=without_bad(seen, facts), tags=tags),
        facts=facts,
        indexes=tuple(every),
        reader=reader,
        files=said.files,
    )


def held_nodata(nodata: float | None, dtype: str) -> float | None:
    """Drop a nodata value that no pixel of this type can hold."""
    if nodata is None or "float" in dtype or "complex" in dtype:
        return nodata
    limits = np.iinfo(dtype)
    return nodata if math.isfinite(nodata) and limits.min <= nodata <= limits.max else None


def refuse_no_place(name: str, transform: Sequence[float]) -> None:
    """Refuse a transform that places all pixels on a line or nowhere."""
    a, b, _, d, e, _ = transform
    if not all(map(math.isfinite, transform)) or a * e == b * d:
        raise InputError(
            f"{name}: its georeference is invalid ({', '.join(f'{x:g}' for x in transform)}); fix "
            "it, as with gdal_edit, or remove it"
        )


def without_bad(sample: Values, facts: Facts) -> Values:
    """Return values (B,h,w) in which a good band stands for each that its product calls bad."""
    good = [index for index, band in enumerate(facts.bands) if not band.bad]
    if not good or len(good) == len(facts.bands):
        return sample
    stands = [index if index in set(good) else good[0] for index in range(len(facts.bands))]
    return sample[stands]
