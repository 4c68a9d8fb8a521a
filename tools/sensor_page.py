"""Write docs/sensors.md from the tables of sensors.

python -m tools.sensor_page
"""

from collections.abc import Iterator
from pathlib import Path

from geoloupe.imagery.sensors.listing import COLUMNS, KEY, citations, rows
from geoloupe.imagery.sensors.table import Sensor, load_sensor, sensors
from geoloupe.storage.publish import publish_texts

DOCS = Path(__file__).parent.parent / "docs"
PAGE = "sensors.md"
_HEAD = f"""\
# The sensors that are known

Written by `python -m tools.sensor_page` from `src/geoloupe/imagery/sensors/figures/*.toml`; the
tests see that it is current. `geoloupe sensors` lists the same, `--json` for a script. A sensor is
added by adding its file: every figure names a source, or is marked as assumed and says why.

{KEY}

## What the figures are used for

- **Degradations.** Each sensor's name is one (`geoloupe degrade --degradation sentinel-2`): a
  Gaussian for each band that passes the band's MTF at the Nyquist frequency of the coarser pixels
  (Wald's protocol). Bands are found by name, colour or wavelength. A band that says nothing gets
  the sensor's mean; an image whose bands are named, and none of them the sensor's, is refused. A
  degradation of your own names a sensor by the key `sensor`.
- **The MTF of an image.** On a band's own pixels it is the figure. On finer pixels, to which a band
  was resampled (20 m bands on a grid of 10 m), it is g^((p/q)^2), with g the figure, p the band's
  pixels and q the image's: the curve is taken for a Gaussian. On coarser ones, taken for averages,
  it is that times 2/pi. An image made coarser by a degradation of this page keeps the figure. A
  band that is none of the sensor's gets the mean of the multispectral ones, and that is said.
- **Stored numbers.** Sentinel-2's are 1000 higher since processing baseline 04.00. The offset is
  taken from `earthsearch:boa_offset_applied`, `s2:processing_baseline` and their like, or from a
  product's name (N0400 and later). Where a file says none of it the offset cannot be known, and
  that is said instead of guessed.

## How a scene's sensor is told

1. By tags that name the satellite (`SPACECRAFT_ID`, `SPACECRAFT_NAME`, `SATELLITEID`, `platform`):
   they decide, and where that satellite is not on this page, no sensor is taken.
2. By the names of products, files and their folders, and by tags that name the instrument.
3. By the names of bands with the size of a pixel on the ground: B02, B03, B04 of 10 m are
   Sentinel-2's; B2, B3, B4 of 30 m are those of several satellites, so they tell nothing.

Where several sensors remain, none is taken, unless their figures are the same (Landsat 8 and 9). A
product of super-resolution is no sensor's image.
"""


def page() -> str:
    """Return the whole page."""
    lines = (line for name in sensors() for line in _section(load_sensor(name)))
    return "\n".join([_HEAD, *lines])


def _section(sensor: Sensor) -> Iterator[str]:
    yield from (f"## {sensor.name}", "", f"{sensor.about}.", "")
    yield f"| {' | '.join(COLUMNS)} |"
    yield "|---|---|---:|---:|---:|---:|---:|"
    for row in rows(sensor):
        yield f"| {' | '.join(cell.replace('*', chr(92) + '*') for cell in row)} |"
    yield ""
    for numbers in sensor.numbers:
        yield (
            f"- {numbers.product}: reflectance = {numbers.scale:g} x number"
            f"{f' {numbers.offset:+g}' if numbers.offset else ''}"
        )
    yield from (f"- {figure}: {text}" for figure, text in citations(sensor))
    yield ""


def main() -> None:
    """Write the page."""
    publish_texts(DOCS, {PAGE: page()}, overwrite=True)


if __name__ == "__main__":
    main()
