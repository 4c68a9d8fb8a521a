"""What sensors add: noise as settings that draw how strong, and then row after row.

Numbers are drawn in the order of rows, so that an image done strip by strip gets the same noise.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from geoloupe.degradations.ranges import check_range
from geoloupe.settings import STRICT

Values = NDArray[np.float64]
Drawn = Callable[[Values], Values]
"""Adds noise to the next rows (B,h,W) of one image."""


@dataclass(frozen=True, kw_only=True)
class GaussianNoise:
    """Normal noise; its strength is drawn evenly from `std`, in units of 1/255 of the range."""

    __pydantic_config__ = STRICT
    kind: Literal["gaussian"] = "gaussian"
    std: tuple[float, float]
    chance: float = 1.0  # how often there is any

    def __post_init__(self) -> None:
        check_range("std", self.std, 0)
        check_range("chance", (self.chance, None), 0, 1)

    def drawn(self, band_count: int, width: int, rng: np.random.Generator) -> Drawn:
        """Draw the strength for one image."""
        std = rng.uniform(*self.std) / 255
        if rng.random() >= self.chance:
            return _nothing
        return NormalNoise(std, rng)


@dataclass(frozen=True)
class NormalNoise:
    """Adds normal noise of a known deviation, in unit values."""

    std: float
    rng: np.random.Generator

    def __call__(self, values: Values) -> Values:
        return values + self.std * _by_rows(values.shape, self.rng.standard_normal)


@dataclass(frozen=True, kw_only=True)
class PoissonNoise:
    """Photon noise: the range's top counts `photons`, drawn evenly."""

    __pydantic_config__ = STRICT
    kind: Literal["poisson"] = "poisson"
    photons: tuple[float, float]

    def __post_init__(self) -> None:
        check_range("photons", self.photons, 1, 1e12)

    def drawn(self, band_count: int, width: int, rng: np.random.Generator) -> Drawn:
        """Draw the photon count for one image."""
        photons = rng.uniform(*self.photons)

        def add(values: Values) -> Values:
            counts = rng.poisson(values.clip(0).transpose(1, 0, 2) * photons)
            return counts.transpose(1, 0, 2) / photons

        return add


@dataclass(frozen=True, kw_only=True)
class Stripes:
    """Push-broom stripes: `share` of the columns are offset by normal noise, in units of 1/255."""

    __pydantic_config__ = STRICT
    kind: Literal["stripes"] = "stripes"
    std: tuple[float, float]
    share: tuple[float, float] = (0.1, 0.3)

    def __post_init__(self) -> None:
        check_range("std", self.std, 0)
        check_range("share", self.share, 0, 1)

    def drawn(self, band_count: int, width: int, rng: np.random.Generator) -> Drawn:
        """Draw the stripes of one image, in each band others."""
        std = rng.uniform(*self.std) / 255
        struck = rng.random((band_count, 1, width)) < rng.uniform(*self.share)
        offset = struck * std * rng.standard_normal(struck.shape)
        return lambda values: values + offset


Noise = GaussianNoise | PoissonNoise | Stripes


def _by_rows(shape: tuple[int, ...], draw: Callable[[tuple[int, ...]], Values]) -> Values:
    bands, rows, columns = shape
    return draw((rows, bands, columns)).transpose(1, 0, 2)


def _nothing(values: Values) -> Values:
    return values
