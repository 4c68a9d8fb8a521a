"""Draw the scene that comes with the program, and a part of its truth, into the package.

    python -m tools.draw_sample

The scene is what `geoloupe demo` enlarges; the truth, four times finer, is what its page compares
the result with. Numbers are rounded to steps below the sensor's own noise, so that files are small.
"""

from dataclasses import replace
from pathlib import Path

import rasterio

from geoloupe.cli.demo import HOME, MARK, SCENE, SHOWN, TRUTH
from geoloupe.imagery.grid import Window
from geoloupe.imagery.image import Image
from geoloupe.rasters.facts import BandFacts, Facts, write_facts
from tools.drawing.scene import sample_pair

_STEPS = {SCENE: 8, TRUTH: 16}  # of reflectance x 10000


def files() -> dict[str, Image]:
    """Return the images that ship, by the names of their files."""
    scene, truth = sample_pair()
    top, left, width, height = SHOWN
    part = truth.crop(Window(top=top, left=left, height=height, width=width))
    return {SCENE: _rounded(scene, _STEPS[SCENE]), TRUTH: _rounded(part, _STEPS[TRUTH])}


def _rounded(image: Image, step: int) -> Image:
    """Round values down to multiples of a step; none becomes nodata."""
    values = image.values // step * step
    values[:, image.valid] = values[:, image.valid].clip(step)
    return replace(image, values=values)


def write(path: Path, image: Image) -> None:
    """Write an image as a small GeoTIFF with its bands' names and wavelengths."""
    bands = tuple(
        BandFacts(
            description=band.name,
            colour=band.name,
            imagery={"CENTRAL_WAVELENGTH_UM": f"{band.nm / 1000:g}"} if band.nm else {},
        )
        for band in image.bands
    )
    count, height, width = image.values.shape
    grid = image.grid
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=count,
        height=height,
        width=width,
        dtype="uint16",
        crs=grid.crs,
        transform=rasterio.Affine(*grid.transform),
        nodata=image.radiometry.nodata,
        compress="deflate",
        predictor=2,
        zlevel=9,
        interleave="pixel",  # one strip, in which bands help to tell each other: a sixth smaller
        blockysize=height,
        photometric="minisblack",
    ) as out:
        write_facts(out, Facts(bands=bands, tags={MARK: "drawn by tools/draw_sample.py"}))
        out.write(image.values)


def main() -> None:
    """Write both files."""
    HOME.mkdir(exist_ok=True)
    for name, image in files().items():
        write(HOME / name, image)
        print(f"{HOME / name}: {(HOME / name).stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
