"""How much contrast the bands of an image hold at its own Nyquist frequency."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi

from geoloupe.imagery.sensors.table import Sensor, SensorBand
from geoloupe.imagery.spectra import Band

_ALIKE = 1.1  # pixels of sizes this near, as ratios, are the band's own
_AVERAGE = 2 / pi  # what the mean over a pixel passes at the Nyquist frequency of such pixels


@dataclass(frozen=True, kw_only=True)
class BandMTF:
    """The MTF at Nyquist of each band, and what a person should know of these figures."""

    gains: tuple[float, ...]
    notes: tuple[str, ...] = ()


def mtf_of(sensor: Sensor, bands: Sequence[Band], *, pixel: float | None = None) -> BandMTF:
    """Look up the bands of an image whose pixels measure `pixel` metres, None for the native ones.

    None is also right for an image made coarser with the sensor's own MTF, as Wald's protocol
    does: that keeps the figure. Elsewhere a band's MTF is taken for a Gaussian, g at the Nyquist
    frequency of its own pixels p. On finer pixels q, to which it was resampled, it is
    g^((p/q)^2) at theirs; on coarser ones, taken for averages, that times 2/pi. A band that is
    none of the sensor's gets the sensor's mean.
    """
    found = [sensor.find(band) for band in bands]
    gains = [
        sensor.typical_mtf if ours is None else _at(ours, pixel or ours.pixel) for ours in found
    ]
    notes = [*_strangers(sensor, bands, found), *_assumptions(sensor, found)]
    notes += _resampled(found, pixel)
    return BandMTF(gains=tuple(gains), notes=tuple(dict.fromkeys(notes)))


def _at(band: SensorBand, pixel: float) -> float:
    ratio = band.pixel / pixel
    if 1 / _ALIKE <= ratio <= _ALIKE:
        return band.mtf
    resampled: float = band.mtf ** (ratio * ratio)
    return resampled if ratio > 1 else _AVERAGE * resampled


def _strangers(
    sensor: Sensor, bands: Sequence[Band], found: Sequence[SensorBand | None]
) -> list[str]:
    if not sensor.bands:
        return []
    return [
        f"band {number}{f' ({band.name})' if band.name else ''} is not known as one of "
        f"{sensor.name}: the sensor's mean MTF, {sensor.typical_mtf:.2f}, is taken"
        for number, (band, ours) in enumerate(zip(bands, found, strict=True), start=1)
        if ours is None
    ]


def _assumptions(sensor: Sensor, found: Sequence[SensorBand | None]) -> list[str]:
    owners = found if sensor.bands else [None]
    sources = [
        (ours, *sensor.source_of("mtf", ours)) for ours in owners if ours or not sensor.bands
    ]
    return [
        f"the MTF of {sensor.name}{f' {ours.name}' if ours and 'mtf' in ours.assumed else ''} "
        f"is assumed: {reason}"
        for ours, reason, assumed in sources
        if assumed
    ]


def _resampled(found: Sequence[SensorBand | None], pixel: float | None) -> list[str]:
    if pixel is None:
        return []
    return [
        f"{ours.name} has pixels of {ours.pixel:g} m: on those of {pixel:g} m it holds no more"
        for ours in found
        if ours is not None and ours.pixel > _ALIKE * pixel
    ]
