"""Pictures: what is stretched alone and what together."""

from dataclasses import replace

import numpy as np

from geoloupe.files.picture import limits_of, visible
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT
from geoloupe.imagery.spectra import Band


def test_cubes_are_stretched_band_by_band_and_colours_together() -> None:
    values = np.random.default_rng(0).random((9, 20, 20), np.float32)
    values *= np.linspace(0.1, 1, 9, dtype=np.float32)[:, None, None]
    cube = Image.of(values, radiometry=UNIT)
    lows, highs = limits_of(cube)
    assert len(lows) == len(highs) == 3
    assert highs[2] < 0.5 < highs[0]
    assert limits_of(cube, together=True) == limits_of(cube.select(visible(cube.bands)))
    coloured = replace(cube, bands=(Band("red"), Band("green"), Band("blue"), *(Band(),) * 6))
    assert len(limits_of(coloured)[0]) == 1
