"""Options of `sharpen`."""

import math
from dataclasses import dataclass
from pathlib import Path

from geoloupe.imagery.nodata import Nodata
from geoloupe.models.precision import PrecisionChoice
from geoloupe.rasters.clouds import Mask
from geoloupe.scenes.order import Resources
from geoloupe.scenes.output_options import OutputOptions


@dataclass(frozen=True, kw_only=True)
class SharpenSettings(OutputOptions, Resources):
    """What can be chosen besides the scene, the method and the result."""

    guide: str | Path | None = None  # the finer image; a product of several pixel sizes brings it
    bands: str | tuple[str | int, ...] | None = None  # of the result, by number, name, wavelength
    area: str | None = None  # a box or a GeoJSON file: only the guide's pixels it touches
    mask: Mask | None = None  # "clouds": missing in the product, by the layer the scene brings
    offset: float | None = None  # added to reflectance, where a STAC item leaves it open
    guide_bands: str | tuple[str | int, ...] | None = None  # of the guide; None: all
    sensor: str | None = None  # of the coarse bands; None: from the scene
    mtf: float | tuple[float, ...] | None = None  # of all coarse bands, or each
    shift: tuple[float, float] | None = None  # rows, columns of the guide; None: measured
    anyway: bool = False  # trust the georeference whatever is measured
    learn: bool = False  # first train the network further on the scene itself: a minute or two
    consistent: bool | None = None  # whether the bands' sensor would see them in the result
    bound: bool | float = True  # how far answers may exceed the pixels around, in parts of a range
    tile: int | None = None
    nodata: Nodata = None  # what missing pixels of the coarse bands hold, or "none"
    alpha: bool | None = None
    trust: bool = False
    precision: PrecisionChoice = "auto"  # of the network; methods without one compute in fp32

    def __post_init__(self) -> None:
        OutputOptions.__post_init__(self)
        Resources.__post_init__(self)
        if self.tile is not None and self.tile < 1:
            raise ValueError(f"tile must be 1 or more, not {self.tile}")
        if self.shift is not None and not all(math.isfinite(part) for part in self.shift):
            raise ValueError("shift is two numbers, rows and columns of the guide")
        if not 0 <= self.bound < math.inf:
            raise ValueError(f"bound must be true, false, or 0 or more, not {self.bound:g}")
        if self.learn and not self.alone:
            raise ValueError("learning cannot be shared yet: learn without shards and workers")
