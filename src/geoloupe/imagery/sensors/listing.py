"""The figures of a sensor as people read them: rows of bands, and where each figure comes from."""

from geoloupe.imagery.sensors.table import Sensor, SensorBand

COLUMNS = ("band", "colour", "nm", "width, nm", "pixel, m", "MTF", "noise")
KEY = (
    "MTF: share of contrast that passes at the Nyquist frequency of the band's own pixels; * is\n"
    "assumed. Noise: standard deviation in reflectance at the reference radiance with the sun\n"
    "overhead, as the requirements allow it; blank where no figure was found."
)


def rows(sensor: Sensor) -> list[list[str]]:
    """Write its bands as cells under COLUMNS; one row for a sensor without known bands."""
    if not sensor.bands:
        return [["any", "", "", "", "", _mtf(sensor, sensor.typical_mtf, None), ""]]
    return [
        [
            *(band.name, band.common, f"{band.nm:g}", f"{band.width:g}", f"{band.pixel:g}"),
            _mtf(sensor, band.mtf, band),
            "" if band.noise is None else f"{band.noise:.4f}",
        ]
        for band in sensor.bands
    ]


def citations(sensor: Sensor) -> list[tuple[str, str]]:
    """List each figure with its source, or with what it is assumed on."""
    rows_of_sensor = [*sensor.sources.items()]
    rows_of_sensor += [(f"{figure} (assumed)", reason) for figure, reason in sensor.assumed.items()]
    rows_of_sensor += [
        (f"{figure} of {band.name} (assumed)", reason)
        for band in sensor.bands
        for figure, reason in band.assumed.items()
    ]
    return rows_of_sensor


def _mtf(sensor: Sensor, mtf: float, band: SensorBand | None) -> str:
    _, assumed = sensor.source_of("mtf", band)
    return f"{mtf:.3g}{'*' if assumed else ''}"
