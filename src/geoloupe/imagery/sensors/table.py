"""Sensors by name: their bands and figures, each with its source, read from figures/*.toml.

To add a sensor is to add its file; every figure names a source, or says what it is assumed on.
"""

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from statistics import fmean

from geoloupe.errors import InputError
from geoloupe.imagery.spectra import Band
from geoloupe.settings import STRICT, build

_FOLDER = files("geoloupe.imagery.sensors") / "figures"
# B2, B02, B8A or SR_B2 as a word; surface temperatures (ST_B10) are none of our bands.
_NUMBERED = re.compile(r"(?<![A-Za-z0-9])(?<!ST_)(?:SR_|TOA_)?B0?(\d{1,2}A?)(?![A-Za-z0-9])")
_MAX_NM_APART = 20.0  # nm by which a band may lie off; satellites of one family differ by up to 17


@dataclass(frozen=True, kw_only=True)
class SensorBand:
    """One band; `mtf` is the contrast that it passes at the Nyquist frequency of its own pixels."""

    __pydantic_config__ = STRICT
    name: str
    common: str
    nm: float
    width: float  # nm
    pixel: float  # m on the ground
    mtf: float
    aliases: tuple[str, ...] = ()
    snr: float | None = None  # at `radiance`, W/m2/sr/um
    radiance: float | None = None
    irradiance: float | None = None  # the sun's above the air, W/m2/um
    assumed: Mapping[str, str] = field(default_factory=dict)  # figure: the reason

    def __post_init__(self) -> None:
        if not 0 < self.mtf < 1:
            raise ValueError(f"{self.name}: mtf must lie between 0 and 1")
        if min(self.nm, self.width, self.pixel) <= 0:
            raise ValueError(f"{self.name}: nm, width and pixel must be above 0")

    @property
    def noise(self) -> float | None:
        """The noise's standard deviation in reflectance at `radiance` with the sun overhead."""
        if self.snr is None or self.radiance is None or self.irradiance is None:
            return None
        return math.pi * self.radiance / (self.irradiance * self.snr)

    @property
    def words(self) -> set[str]:
        """What it is called, plainly written, and its number if it has one."""
        number = band_number(self.name)
        plain = {plainly(word) for word in (self.name, self.common, *self.aliases)}
        return plain | ({number} if number else set())

    def near(self, nm: float) -> bool:
        """Return whether a band of this wavelength may be this one."""
        return abs(nm - self.nm) <= max(_MAX_NM_APART, self.width / 2)


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """What stored numbers of a product mean: reflectance = scale * number + offset."""

    __pydantic_config__ = STRICT
    product: str
    scale: float
    offset: float
    baseline: float | None = None  # the first processing baseline of which it is true


@dataclass(frozen=True, kw_only=True)
class Sensor:
    """A sensor, or a family of them that are alike; `mtf` is for one whose bands are not known."""

    __pydantic_config__ = STRICT
    name: str
    about: str
    mtf: float | None = None
    bands: tuple[SensorBand, ...] = ()
    numbers: tuple[Numbers, ...] = ()
    platforms: tuple[str, ...] = ()  # what metadata call the satellite
    instruments: tuple[str, ...] = ()
    file_names: tuple[str, ...] = ()  # regular expressions
    marks: tuple[str, ...] = ()  # names of bands, one of which a scene must have
    pixel_tells: bool = False  # or the size of a pixel
    sources: Mapping[str, str] = field(default_factory=dict)  # figure: the citation
    assumed: Mapping[str, str] = field(default_factory=dict)  # figure: the reason

    def __post_init__(self) -> None:
        if not self.bands and self.mtf is None:
            raise ValueError("bands or mtf must be given")

    @property
    def multispectral(self) -> tuple[SensorBand, ...]:
        """Its bands without the panchromatic one."""
        return tuple(band for band in self.bands if band.common != "panchromatic")

    @property
    def typical_mtf(self) -> float:
        """The MTF of a band that is none of its own: the mean of the multispectral ones."""
        return self.mtf or fmean(band.mtf for band in self.multispectral)

    def find(self, band: Band) -> SensorBand | None:
        """Find the band that an image's band is: by its name, by its colour, by its wavelength."""
        number = band_number(band.name)
        words = [number] if number else [plainly(band.name), plainly(band.common or "")]
        for word in words:
            for ours in self.bands:
                if word in ours.words and (band.nm is None or ours.near(band.nm)):
                    return ours
        if number or band.nm is None or not self.bands:
            return None
        length = band.nm
        nearest = min(self.bands, key=lambda ours: abs(ours.nm - length))
        return nearest if nearest.near(length) else None

    def source_of(self, figure: str, band: SensorBand | None = None) -> tuple[str, bool]:
        """Return where a figure comes from, and whether it is assumed."""
        for owner in (band, self):
            if owner is not None and figure in owner.assumed:
                return owner.assumed[figure], True
        return self.sources[figure], False


def plainly(text: str) -> str:
    """Write a word with nothing but small letters and digits."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


def band_number(text: str) -> str | None:
    """Read B2 from a band's name such as "B02 blue" or "SR_B2"; None for no number or several."""
    found = set(_NUMBERED.findall(text))
    return f"B{found.pop()}" if len(found) == 1 else None


@cache
def sensors() -> tuple[str, ...]:
    """List the names of all sensors in order."""
    return tuple(sorted(item.name.removesuffix(".toml") for item in _FOLDER.iterdir()))


@cache
def load_sensor(name: str) -> Sensor:
    """Read a sensor by its name or by that of one of its satellites, such as "Sentinel-2B"."""
    if name in sensors():
        path = _FOLDER / f"{name}.toml"
        return build(Sensor, tomllib.loads(path.read_text(encoding="utf-8")), f"sensor {name}")
    for sensor in map(load_sensor, sensors()):
        if plainly(name) in {plainly(word) for word in (sensor.name, *sensor.platforms)}:
            return sensor
    raise InputError.unknown("sensor", name, sensors())
