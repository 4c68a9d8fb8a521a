"""Keyword options of the calls on scenes, for editors and type checkers.

The settings document and check each; a test keeps both to the same names and types.
"""

from pathlib import Path
from typing import TypedDict

from geoloupe.imagery.nodata import Nodata
from geoloupe.models.precision import PrecisionChoice
from geoloupe.networks.acceleration.accelerate import Engine
from geoloupe.rasters.clouds import Mask
from geoloupe.rasters.storing import Compression, FileFormat, StoredType


class ResourceOptions(TypedDict, total=False):
    """What a job may use without changing its result: see `Resources`."""

    memory: str | None
    shard: str | None
    cluster: str | None
    workers: int | None
    device: str


class FileOptions(TypedDict, total=False):
    """How a result is stored: see `OutputOptions`."""

    format: FileFormat | None
    dtype: StoredType | None
    dtype_scale: float | None
    dtype_offset: float | None
    compress: Compression | None
    blocksize: int | None
    stac: bool


class ArrayOptions(TypedDict, total=False):
    """Options of `upscale_array`: see `PredictOptions`."""

    scale: int | None
    bands: str | tuple[str | int, ...] | None
    tile: int | None
    range: tuple[float, float] | None
    sensor: str | None
    mtf: float | tuple[float, ...] | None
    consistent: bool | None
    alpha: bool | None
    trust: bool
    nodata: Nodata
    bound: bool | float
    anyway: bool
    ensemble: bool
    uncertainty: bool
    detail: bool
    precision: PrecisionChoice
    engine: Engine
    device: str


class UpscaleOptions(ArrayOptions, FileOptions, ResourceOptions, total=False):
    """Options of `upscale`: see `UpscaleSettings`."""

    guide: str | Path | None
    area: str | None
    mask: Mask | None
    offset: float | None


class SharpenOptions(FileOptions, ResourceOptions, total=False):
    """Options of `sharpen`: see `SharpenSettings`."""

    guide: str | Path | None
    bands: str | tuple[str | int, ...] | None
    area: str | None
    mask: Mask | None
    offset: float | None
    guide_bands: str | tuple[str | int, ...] | None
    sensor: str | None
    mtf: float | tuple[float, ...] | None
    shift: tuple[float, float] | None
    anyway: bool
    learn: bool
    consistent: bool | None
    bound: bool | float
    tile: int | None
    nodata: Nodata
    alpha: bool | None
    trust: bool
    precision: PrecisionChoice


class DegradeOptions(TypedDict, total=False):
    """Options of `degrade`: see `DegradeSettings`."""

    degradation: str
    scale: int
    seed: int
    response: str | None
    area: str | None
