"""The blur of a sensor by name, for the bands that an image has."""

from collections.abc import Sequence

from geoloupe.degradations.blur import SensorMTF
from geoloupe.errors import InputError
from geoloupe.imagery.sensors.mtf import mtf_of
from geoloupe.imagery.sensors.table import load_sensor
from geoloupe.imagery.spectra import Band


def sensor_blur(name: str, bands: Sequence[Band]) -> SensorMTF:
    """Return the blur of each band by its own MTF; bands that say nothing get the sensor's mean.

    Bands that are named, and none of them the sensor's, are an InputError.
    """
    sensor = load_sensor(name)
    named = [band for band in bands if band.name or band.nm]
    if sensor.bands and named and not any(sensor.find(band) for band in named):
        seen = ", ".join(band.name or f"{band.nm:g} nm" for band in named)
        ours = ", ".join(f"{band.name} ({band.common})" for band in sensor.bands)
        raise InputError(f"no band of {name} is among {seen}; it has {ours}")
    return SensorMTF(gains=mtf_of(sensor, bands).gains)
