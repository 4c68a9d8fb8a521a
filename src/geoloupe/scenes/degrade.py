"""A coarser copy of a raster, made strip by strip: what `geoloupe degrade` does."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Unpack

import numpy as np

from geoloupe import settings
from geoloupe.degradations.degradation import Degradation, DrawnDegradation
from geoloupe.degradations.loading import load_degradation
from geoloupe.errors import InputError, OutOfMemoryError, errors_named
from geoloupe.imagery.grid import Grid, Window
from geoloupe.imagery.image import Image
from geoloupe.imagery.response import SpectralResponse
from geoloupe.rasters.area import with_area
from geoloupe.rasters.facts import BandFacts
from geoloupe.rasters.opening import open_source
from geoloupe.rasters.planes import Layout
from geoloupe.rasters.product import Product, admit_product, check_output, create
from geoloupe.rasters.source import Source
from geoloupe.scenes.options import DegradeOptions
from geoloupe.storage.publish import refuse_inputs
from geoloupe.storage.sizes import size_text
from geoloupe.system.memory import available
from geoloupe.system.progress import Progress

_STRIP = 2**22  # values of the scene in memory at once, roughly
_ROWS = 16  # of the result made at once, at least
_BYTES = 24  # per value of the scene meanwhile: as stored, and in both precisions


@dataclass(frozen=True, kw_only=True)
class DegradeSettings:
    """What can be chosen besides the scene and the result."""

    OLD_NAMES: ClassVar[Mapping[str, str]] = {"recipe": "degradation"}

    degradation: str = "bi"  # a name, or a .json file
    scale: int = 4
    seed: int = 0
    response: str | None = None  # a sensor that sees the scene first
    area: str | None = None  # a box or a GeoJSON file: only the pixels it touches

    def __post_init__(self) -> None:
        if self.scale < 1:
            raise ValueError(f"scale must be 1 or more, not {self.scale}")
        if self.seed < 0:
            raise ValueError(f"seed must be 0 or more, not {self.seed}")


def degrade(
    path: str | Path,
    output: str | Path,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
    **options: Unpack[DegradeOptions],
) -> Layout:
    """Write a scene as a coarser sensor would have seen it.

    Args:
        path: Anything that `upscale` takes.
        output: The new file.
        overwrite: Replace an old output.
        progress: Called with the number of finished rows and of all.
        **options: degradation, scale, seed, response, area; see DegradeSettings.

    Returns:
        The grid, the bands and the meaning of the numbers of what was written.

    Example:
        >>> layout = geoloupe.degrade("scene.tif", "coarse.tif", degradation="mtf", scale=2)
        >>> layout.grid.width
        32
    """
    chosen = settings.build(DegradeSettings, options, "degrade")
    degradation, scale, target = load_degradation(chosen.degradation), chosen.scale, Path(output)
    response = None if chosen.response is None else SpectralResponse.named(chosen.response)

    def admit(grid: Grid, dtype: str) -> None:
        admit_product(target, grid.coarser(scale), dtype)

    with open_source(path, area=chosen.area, admit=admit) as source:
        if min(source.grid.height, source.grid.width) < scale:
            size = f"{source.grid.width} x {source.grid.height}"
            raise InputError(f"{path}: {size} pixels are too few to be made {scale} times coarser")
        _refuse_wide(source, scale)
        look = _Look(source, response)
        with errors_named(path):
            sample = look.read(Window(top=0, left=0, height=1, width=source.grid.width))
        layout = _layout(source, sample, degradation, chosen)
        refuse_inputs(target, path, *source.files)
        check_output(target, layout, overwrite=overwrite)
        with errors_named(path):
            drawn = degradation.drawn(sample, scale, np.random.default_rng(chosen.seed))
        with create(target, layout, overwrite=overwrite) as product, errors_named(path):
            _write_strips(look, drawn, product, progress)
    return layout


def _refuse_wide(source: Source, scale: int) -> None:
    """Refuse a scene whose narrowest strip does not fit in memory, before reading a row of it."""
    values = _ROWS * scale * source.grid.width * len(source.bands)
    size, free = values * _BYTES, available()
    if size > free:
        raise OutOfMemoryError(
            f"{source.name}: a strip of its {source.grid.width} columns needs about "
            f"{size_text(size)} of memory, and {size_text(free)} are free; cut it into narrower "
            "scenes"
        )


@dataclass(frozen=True)
class _Look:
    """A source, seen through a spectral response if there is one."""

    source: Source
    response: SpectralResponse | None

    def read(self, window: Window) -> Image:
        image = self.source.read(window)
        return image if self.response is None else self.response.seen(image)


def _layout(
    source: Source, sample: Image, degradation: Degradation, chosen: DegradeSettings
) -> Layout:
    facts = source.facts
    if chosen.response is not None:
        bands = tuple(BandFacts(description=band.name) for band in sample.bands)
        facts = replace(facts, bands=bands)
    tags = {
        "GEOLOUPE_DEGRADATION": json.dumps(settings.dump(degradation)),
        "GEOLOUPE_SCALE": f"1/{chosen.scale}",
        "GEOLOUPE_SEED": str(chosen.seed),
        "GEOLOUPE_RESPONSE": chosen.response or "none",
    }
    return Layout(
        grid=source.grid.coarser(chosen.scale),
        radiometry=sample.radiometry,
        facts=with_area(facts.finer(1 / chosen.scale).tagged(tags), source.area),
    )


def _write_strips(
    look: _Look, drawn: DrawnDegradation, product: Product, progress: Progress | None
) -> None:
    """Read each strip with its surroundings, so that strips join seamlessly."""
    scale, grid = drawn.scale, product.layout.grid
    width = grid.width * scale
    height = _strip_height(len(look.source.bands) * width * scale, drawn.rows)
    for top in range(0, grid.height, height):
        rows = min(height, grid.height - top)
        above, below = min(drawn.halo, top), min(drawn.halo, grid.height - top - rows)
        wide = Window(top=top - above, left=0, height=above + rows + below, width=grid.width)
        image = look.read(wide.finer(scale))
        inside = Window(top=above, left=0, height=rows, width=grid.width)
        product.write(drawn.degrade_inside(image, inside), top=top)
        if progress is not None:
            progress(top + rows, grid.height)


def _strip_height(values_a_row: int, multiple: int) -> int:
    rows = max(_STRIP // values_a_row, _ROWS)
    return rows // multiple * multiple
