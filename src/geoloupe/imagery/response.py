"""Spectral responses: what a sensor with few wide bands sees of many narrow ones."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Self

import numpy as np
from numpy.typing import NDArray

from geoloupe.errors import InputError
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT
from geoloupe.imagery.spectra import Band

_FOLDER = files("geoloupe.imagery") / "responses"
_MIN_RESPONSE = 1e-3  # a band that catches less than this of what it should lies outside the cube


@dataclass(frozen=True, kw_only=True)
class SpectralResponse:
    """Per band a curve over `nm`, or, where `nm` is empty, a Gaussian's centre and full width."""

    name: str
    about: str
    bands: Mapping[str, tuple[float, ...]]
    nm: tuple[float, ...] = ()

    @classmethod
    @cache
    def named(cls, name: str) -> Self:
        """Load a response that comes with the package."""
        known = response_names()
        if name not in known:
            raise InputError.unknown("spectral response", name, known)
        values = json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))
        bands = {band: tuple(curve) for band, curve in values["bands"].items()}
        nm = tuple(values.get("nm", ()))
        return cls(name=values["name"], about=values["about"], bands=bands, nm=nm)

    def weights(self, bands: tuple[Band, ...]) -> NDArray[np.float64]:
        """Return how much (ours,B) of each of B bands counts; every row sums to 1.

        Bands without wavelengths are taken for the curve's own if there are as many of them.
        """
        centres = [band.nm for band in bands]
        if None in centres:
            if len(bands) != len(self.nm):
                raise InputError(
                    f"the response {self.name} needs the wavelengths of the {len(bands)} bands, "
                    "and the image does not give them"
                )
            curves = np.array(list(self.bands.values()))
        else:
            curves = np.array([self._at(np.array(centres, float), c) for c in self.bands.values()])
        caught = curves.sum(axis=1, keepdims=True)
        for name, total in zip(self.bands, caught[:, 0], strict=True):
            if total < _MIN_RESPONSE:
                raise InputError(f"the image has no band where {self.name} sees {name}")
        return curves / caught

    def seen(self, cube: Image) -> Image:
        """Return what the sensor sees of a cube (B,H,W), stored as the cube is, one range for all.

        A pixel that misses any band that counts is missing.
        """
        weights = self.weights(cube.bands)
        unit = cube.in_unit().values
        counting = weights.any(axis=0)
        values = np.einsum("ob,bhw->ohw", weights[:, counting], unit[counting], dtype=np.float64)
        image = Image(
            values=values.astype(np.float32),
            valid=np.any(~np.isnan(values), axis=0),
            bands=tuple(Band(name) for name in self.bands),
            grid=cube.grid,
            radiometry=UNIT,
        )
        low, high = min(cube.radiometry.low), max(cube.radiometry.high)
        zero = (min(cube.radiometry.zero),)
        return image.in_radiometry(replace(cube.radiometry, low=(low,), high=(high,), zero=zero))

    def _at(self, centres: NDArray[np.float64], curve: tuple[float, ...]) -> NDArray[np.float64]:
        """Read a curve at the centres of bands; beyond its ends it is zero."""
        if self.nm:
            return np.interp(centres, self.nm, curve, left=0.0, right=0.0)
        centre, width = curve
        return np.exp(-4 * math.log(2) * ((centres - centre) / width) ** 2)


def response_names() -> list[str]:
    """List the responses that come with the package."""
    return sorted(item.name.removesuffix(".json") for item in _FOLDER.iterdir())
