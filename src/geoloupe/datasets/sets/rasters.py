"""Raster files as parts of scenes."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoloupe.datasets.scenes import SceneArray
from geoloupe.errors import InputError
from geoloupe.imagery.grid import Window
from geoloupe.rasters.opening import open_source
from geoloupe.storage.sizes import size_text
from geoloupe.storage.tree import Tree
from geoloupe.system.memory import available

SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".jp2", ".webp", ".bmp", ".img", ".dat")
_BLOCK = 2**27  # bytes read at once, roughly


def raster_part(
    tree: Tree,
    name: str,
    *,
    band_count: int | None = None,
    dtype: str | None = None,
    sides: tuple[int, int] | None = None,
) -> Callable[[], SceneArray]:
    """Promise a raster with these bands, type and sides; checked when opened."""

    def open_part() -> SceneArray:
        with open_source(tree.raster(name)) as source:
            part = SceneArray(
                height=source.grid.height,
                width=source.grid.width,
                bands=source.bands,
                radiometry=source.radiometry,
                # Once examined, transparency is not judged or reported again.
                blocks=lambda: _blocks(tree.raster(name), alpha=source.facts.mask == "alpha"),
                grid=source.grid,
            )
        found = f"{len(part.bands)} bands of {part.radiometry.dtype}"
        if band_count not in (None, len(part.bands)) or dtype not in (None, part.radiometry.dtype):
            raise InputError(
                f"holds {found} where {band_count} of {dtype or 'any type'} are expected"
            )
        if sides and not all(sides[0] <= side <= sides[1] for side in (part.height, part.width)):
            size = f"{part.width} x {part.height}"
            raise InputError(f"has {size} pixels where {sides[1]} x {sides[1]} are expected")
        return part

    return open_part


def coarser_part(
    lr: Callable[[], SceneArray], hr: Callable[[], SceneArray], place: str
) -> Callable[[], SceneArray]:
    """Promise an LR part that fits its HR part by an integer factor; `place` is its file."""

    def open_part() -> SceneArray:
        coarse, fine = lr(), hr()
        factor = fine.height // coarse.height
        if (coarse.height * factor, coarse.width * factor) != (fine.height, fine.width):
            raise InputError(
                f"{place}: has {coarse.width} x {coarse.height} pixels, and the HR image "
                f"has {fine.width} x {fine.height}: not an integer factor"
            )
        if len(coarse.bands) != len(fine.bands):
            raise InputError(
                f"{place}: has {len(coarse.bands)} bands, and the HR image has {len(fine.bands)}"
            )
        return coarse

    return open_part


def _blocks(path: str, *, alpha: bool) -> Iterator[NDArray[Any]]:
    with open_source(path, alpha=alpha) as source:
        grid = source.grid
        row = grid.width * len(source.bands) * 8
        free = available()
        if row > free:
            raise InputError(
                f"a row of {grid.width} pixels needs about {size_text(row)} of memory, and "
                f"{size_text(free)} are free"
            )
        rows = max(_BLOCK // row, 1)
        for top in range(0, grid.height, rows):
            height = min(rows, grid.height - top)
            image = source.read(Window(top=top, left=0, height=height, width=grid.width))
            # Stored arrays have no mask: a value must mark what is missing.
            if not (image.valid | np.any(image.radiometry.missing(image.values), axis=0)).all():
                raise InputError(
                    "has transparent or masked pixels; mark them with a nodata value instead, as "
                    "gdalwarp -dstnodata does"
                )
            yield image.values
