"""How much contrast a scene's bands hold at Nyquist: as the user says, or by their sensor."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from geoloupe.errors import InputError, errors_named
from geoloupe.imagery.grid import spread_windows
from geoloupe.imagery.noise import noise_level
from geoloupe.imagery.sensors.mtf import mtf_of
from geoloupe.imagery.sensors.table import load_sensor
from geoloupe.models.model import Model
from geoloupe.networks.observation import Observation
from geoloupe.networks.signature import UNKNOWN_MTF
from geoloupe.rasters.scene_sensor import ground_pixel, sensor_of
from geoloupe.rasters.source import Source

_log = logging.getLogger(__name__)

_NOISE_WINDOW, _NOISE_WINDOWS = (
    128,
    3,
)  # pixels of a window where noise is measured, and windows along an axis
# What JPEG leaves in 8 bits, of which little is where noise is measured: at quality 95, 85 and 75,
# 2.7, 4.0 and 4.8 on aerial photographs. Products lose nothing by 4 at 95.
JPEG_NOISE = 4.0

UNKNOWN = "unknown"  # what a user says whose scene is from no listed sensor
_LEARNED_MTF = (0.12, 0.7)  # what networks were trained with, and what can be undone


@dataclass(frozen=True, kw_only=True)
class Optics:
    """What a scene's bands were seen through; a guess without a sensor or the user's word."""

    mtf: tuple[float, ...]  # of each band
    noise: tuple[float, ...] = ()  # of each band in unit values; empty: not measured
    sensor: str | None = None
    how: str  # it is known, in words

    @property
    def known(self) -> bool:
        """Whether it is more than an assumption."""
        return self.how != _ASSUMED

    def __str__(self) -> str:
        """Return a one-line summary."""
        gains = sorted({f"{gain:.2f}" for gain in self.mtf})
        shown = gains[0] if len(gains) == 1 else f"{gains[0]} to {gains[-1]}"
        return f"{self.sensor or UNKNOWN} sensor, MTF {shown} ({self.how})"


_ASSUMED = "assumed"


def optics_of(
    source: Source, *, sensor: str | None = None, mtf: float | Sequence[float] | None = None
) -> Optics:
    """Return the optics of a scene's bands; `sensor` and `mtf` are the user's choice."""
    count = len(source.bands)
    if mtf is not None:
        gains = [float(mtf)] if isinstance(mtf, float | int) else [float(gain) for gain in mtf]
        if len(gains) not in (1, count):
            raise InputError(
                f"{source.name}: {len(gains)} MTFs are given, but there are {count} bands"
            )
        return _held(source, Optics(mtf=_each(gains, count), sensor=sensor, how="as given"))
    if sensor == UNKNOWN:
        return Optics(mtf=(UNKNOWN_MTF,) * count, how=_ASSUMED)
    if sensor is not None:
        with errors_named(source.name):
            known, how = load_sensor(sensor), "as named"
    elif (recognised := sensor_of(source)) is not None:
        known, how = recognised.sensor, recognised.how
    else:
        return Optics(mtf=(UNKNOWN_MTF,) * count, how=_ASSUMED)
    found = mtf_of(known, source.bands, pixel=ground_pixel(source.grid))
    for note in found.notes:
        _log.info("%s: %s", source.name, note)
    return _held(source, Optics(mtf=found.gains, sensor=known.name, how=how))


def tuned_to(model: Model, optics: Optics) -> Model:
    """Return a model with the optics in its weights, if it takes an MTF."""
    network: Any = model.network
    return (
        replace(model, network=network.for_sensor(optics.mtf))
        if network.signature.takes_mtf
        else model
    )


def observation_of(model: Model, optics: Optics, wanted: bool | None) -> Observation | None:
    """Return what answers are made to agree with; by default, only where optics are known.

    Interpolation stays what it is.
    """
    if wanted is None:
        wanted = optics.known and model.has_weights
    scale = model.network.signature.scale
    return Observation.aligned(*optics.mtf, scale=scale, noise=optics.noise) if wanted else None


def with_noise(optics: Optics, source: Source) -> Optics:
    """Measure the noise of a scene's bands, on windows spread over it."""
    found = []
    for window in spread_windows(source.grid, side=_NOISE_WINDOW, along=_NOISE_WINDOWS):
        image = source.read(window)
        if image.valid.any():
            found.append(noise_level(image))
    if not found:
        return optics
    levels = np.array(found)
    known = np.isfinite(levels).any(axis=0)
    levels[:, ~known] = 0  # too small to have any
    noise = np.nanmedian(levels, axis=0)
    if source.facts.jpeg:
        span = np.subtract(source.radiometry.high, source.radiometry.low)
        noise = np.maximum(noise, JPEG_NOISE / span)
    return replace(optics, noise=tuple(float(level) for level in noise))


def _each(gains: Sequence[float], count: int) -> tuple[float, ...]:
    return tuple(gains) if len(gains) > 1 else tuple(gains) * count


def _held(source: Source, optics: Optics) -> Optics:
    """Clamp the figures to where networks were tried, and warn where that changes them."""
    low, high = _LEARNED_MTF
    held = tuple(min(max(gain, low), high) for gain in optics.mtf)
    if held != optics.mtf:
        _log.warning(
            "%s: bands of MTF %s are treated as %.2f to %.2f, the range models were tried in",
            *(source.name, ", ".join(f"{gain:.2f}" for gain in optics.mtf), low, high),
        )
    return replace(optics, mtf=held)
