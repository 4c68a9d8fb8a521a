"""Draw the picture of docs/scenes.md: coarse bands, their guide, and what `sharpen` makes of them.

    python -m tools.sharpening_picture

The drawn scene's truth is made four times coarser; its panchromatic guide is the mean of its
visible bands. Three panels side by side show the same place.
"""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import geoloupe
from geoloupe.imagery.grid import Grid, Window
from geoloupe.imagery.image import Image
from geoloupe.imagery.spectra import Band
from geoloupe.rasters.opening import open_source
from geoloupe.rasters.picture import limits_of, write_picture
from geoloupe.rasters.product import write_image
from tools.drawing.scene import sample_pair

DOCS = Path(__file__).parent.parent / "docs" / "pictures" / "sharpen.jpg"
_PLACE = Window(top=560, left=900, height=272, width=272)  # in fine pixels
_COARSER = 4


def main() -> None:
    """Make the files, sharpen, and draw."""
    _, truth = sample_pair()
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_image(folder / "truth.tif", truth)
        pan = truth.in_unit().values[:3].mean(0, keepdims=True)
        unit = replace(truth.in_unit(), values=pan, bands=(Band("panchromatic"),))
        write_image(folder / "pan.tif", unit.in_radiometry(truth.radiometry))
        geoloupe.degrade(folder / "truth.tif", folder / "ms.tif", degradation="mtf", scale=_COARSER)
        geoloupe.sharpen(
            folder / "ms.tif", folder / "sharp.tif", guide=folder / "pan.tif", mtf=0.3, shift=(0, 0)
        )
        panels = [_read(folder / f"{part}.tif") for part in ("ms", "pan", "sharp")]
    coarse = panels[0].crop(_coarser(_PLACE)).repeated(_COARSER)
    looks = [coarse, panels[1].crop(_PLACE), panels[2].crop(_PLACE)]
    values = np.concatenate([_colours(look) for look in looks], axis=2)
    height, width = values.shape[1:]
    whole = Image.of(
        values,
        radiometry=truth.radiometry,
        bands=(Band("red"), Band("green"), Band("blue")),
        grid=Grid(crs=None, height=height, width=width),
    )
    write_picture(DOCS, whole, limits_of(whole), overwrite=True)
    print(DOCS)


def _read(path: Path) -> Image:
    with open_source(path, alpha=False) as source:
        whole = Window(top=0, left=0, height=source.grid.height, width=source.grid.width)
        return source.read(whole)


def _coarser(window: Window) -> Window:
    sides = (window.top, window.left, window.height, window.width)
    top, left, height, width = (side // _COARSER for side in sides)
    return Window(top=top, left=left, height=height, width=width)


def _colours(image: Image) -> np.ndarray:
    """Return red, green and blue (3,H,W), or one band three times."""
    return image.values[:3] if len(image.bands) > 1 else image.values.repeat(3, axis=0)


if __name__ == "__main__":
    main()
