"""Which sensor took a scene, by what its file says, or None: nothing is guessed.

What names the satellite counts first, then the names of products and files, then the bands with
the size of a pixel. Where these leave several sensors that are not alike, none is taken.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from geoloupe.imagery.sensors.table import Sensor, band_number, load_sensor, plainly, sensors
from geoloupe.imagery.spectra import Band

# Keys of metadata, plainly written: GDAL's, those of the Landsat and Sentinel-2 products, STAC's.
_PLATFORM_KEYS = {
    *("spacecraftid", "spacecraftname", "datatake1spacecraftname", "satellite", "satelliteid"),
    *("satid", "platform", "platformid", "platformname", "eoplatform"),
}
_INSTRUMENT_KEYS = {"sensorid", "sensor", "instrument", "instruments", "eoinstrument", "mission"}
_PRODUCT_KEYS = {
    *("landsatproductid", "landsatsceneid", "productid", "producturi", "s2producturi", "id"),
    *("productname", "sceneid", "systemindex", "datastripid", "datatakeidentifier"),
}
_ALIKE = 1.1  # ratio up to which sizes of pixels are the same


@dataclass(frozen=True, kw_only=True)
class SceneFacts:
    """What a file says that may tell its sensor; `pixel` is its side on the ground in metres."""

    tags: Mapping[str, str] = field(default_factory=dict)
    bands: tuple[Band, ...] = ()
    pixel: float | None = None
    name: str = ""  # of the file, with its folders


@dataclass(frozen=True, kw_only=True)
class Recognised:
    """A sensor, and how it was recognised, for people."""

    sensor: Sensor
    how: str


def recognise(facts: SceneFacts) -> Recognised | None:
    """Return the sensor of a scene; a product of super-resolution is no sensor's image."""
    tags = {plainly(key): text for key, text in facts.tags.items() if text.strip()}
    if "geoloupemodel" in tags:
        return None
    platforms = [text for key, text in tags.items() if key in _PLATFORM_KEYS]
    if platforms:  # whatever else a file says, another satellite's bands may bear the same names
        return _by_platforms(platforms)
    instruments = [text for key, text in tags.items() if key in _INSTRUMENT_KEYS]
    products = [text for key, text in tags.items() if key in _PRODUCT_KEYS]
    named = _by_names([*products, *_parts(facts.name)])
    built = _by_instruments(instruments)
    if named and built and _figures(named.sensor) != _figures(built.sensor):
        return None
    return named or built or _by_bands(facts)


def _by_platforms(texts: Sequence[str]) -> Recognised | None:
    known = [
        [sensor for sensor in _all() if plainly(text) in map(plainly, sensor.platforms)]
        for text in texts
    ]
    if not all(known):
        return None
    return _only([sensor for found in known for sensor in found], f"its metadata say {texts[0]}")


def _by_instruments(texts: Sequence[str]) -> Recognised | None:
    said = {plainly(text) for text in texts}
    found = [
        sensor
        for sensor in _all()
        if said & {plainly(word) for word in (*sensor.platforms, *sensor.instruments)}
    ]
    return _only(found, f"its metadata say {', '.join(texts)}")


def _by_names(names: Sequence[str]) -> Recognised | None:
    found = {
        sensor.name: (sensor, name)
        for sensor in _all()
        for pattern in sensor.file_names
        for name in names
        if re.search(rf"(?<![A-Za-z0-9])(?:{pattern})", name)
    }
    how = ", ".join(dict.fromkeys(name for _, name in found.values()))
    return _only([sensor for sensor, _ in found.values()], f"it is called {how}")


def _by_bands(facts: SceneFacts) -> Recognised | None:
    bands = [band for band in facts.bands if band_number(band.name)]
    found = [sensor for sensor in _all() if bands and _fits(sensor, bands, facts.pixel)]
    names = ", ".join(band.name for band in bands)
    size = f", with pixels of {facts.pixel:.3g} m" if facts.pixel else ""
    return _only(found, f"its bands are {names}{size}")


def _fits(sensor: Sensor, bands: Sequence[Band], pixel: float | None) -> bool:
    """Return whether all bands are the sensor's, on pixels that it has, and tell it from others."""
    if any(sensor.find(band) is None for band in bands):
        return False
    sizes = {ours.pixel for ours in sensor.bands}
    if pixel is not None and not any(1 / _ALIKE <= pixel / size <= _ALIKE for size in sizes):
        return False
    marked = any(band.name.split()[0] in sensor.marks for band in bands)
    return marked or (sensor.pixel_tells and pixel is not None)


def _only(found: Sequence[Sensor], how: str) -> Recognised | None:
    """Take the one sensor that was found, or the first of several whose figures are the same."""
    sensors_found = list({sensor.name: sensor for sensor in found}.values())
    if len({_figures(sensor) for sensor in sensors_found}) != 1:
        return None
    names = " or ".join(sensor.name for sensor in sensors_found)
    return Recognised(
        sensor=sensors_found[0], how=f"{how} ({names})" if len(sensors_found) > 1 else how
    )


def _figures(sensor: Sensor) -> tuple[tuple[str, float, float], ...]:
    return tuple((band.name, band.pixel, band.mtf) for band in sensor.bands)


def _all() -> Iterable[Sensor]:
    return map(load_sensor, sensors())


def _parts(path: str) -> list[str]:
    """Split off the file's name, its folder's, and that of a product around them."""
    parts = [part for part in re.split(r"[/\\]", path) if part]
    return [
        part
        for index, part in enumerate(parts)
        if index >= len(parts) - 2 or ".SAFE" in part.upper()
    ]
