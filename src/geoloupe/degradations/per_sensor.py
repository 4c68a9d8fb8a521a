"""What each sensor of the table would have seen, by the sensor's name (Wald's protocol)."""

from geoloupe.degradations.degradation import Degradation
from geoloupe.imagery.sensors.table import load_sensor


def _seen_by(name: str) -> Degradation:
    return Degradation(
        name=name,
        about=f"each band by its own MTF: {load_sensor(name).about}",
        sensor=name,
        samplings=("strided",),
    )


AERIAL = _seen_by("aerial")
LANDSAT_7 = _seen_by("landsat-7")
LANDSAT_8 = _seen_by("landsat-8")
LANDSAT_9 = _seen_by("landsat-9")
QUICKBIRD = _seen_by("quickbird")
SATELLITE = _seen_by("satellite")
SENTINEL_2 = _seen_by("sentinel-2")
WORLDVIEW_2 = _seen_by("worldview-2")
WORLDVIEW_3 = _seen_by("worldview-3")
