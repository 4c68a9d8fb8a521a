"""Clouds are bright and white; everything else is not."""

import numpy as np
import pytest

from geoloupe.imagery.clouds import cloud_fraction
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import Radiometry
from geoloupe.imagery.spectra import Band

RGB = (Band("red"), Band("green"), Band("blue"))
BYTES = Radiometry(dtype="uint8", high=(255.0,), nodata=0)


def image(*pixels: tuple[int, ...], bands: tuple[Band, ...] = RGB) -> Image:
    """Make an image of one row of these pixels."""
    values = np.array(pixels, np.uint8).T[:, None]
    return Image.of(values, radiometry=BYTES, bands=bands)


@pytest.mark.parametrize(
    ("pixel", "cloudy"),
    [
        ((250, 250, 250), True),
        ((200, 210, 230), True),
        ((120, 120, 120), True),
        ((90, 90, 90), False),
        ((10, 10, 10), False),
        ((250, 60, 60), False),
        ((250, 110, 110), False),
        ((250, 250, 60), False),
    ],
)
def test_only_bright_and_white_pixels_are_clouds(pixel: tuple[int, ...], cloudy: bool) -> None:
    assert cloud_fraction(image(pixel)) == cloudy


def test_the_share_is_that_of_the_valid_pixels() -> None:
    white, dark, hole = (250,) * 3, (30,) * 3, (0,) * 3
    assert cloud_fraction(image(white, dark, dark, dark)) == 0.25
    assert cloud_fraction(image(white, dark, hole, hole)) == 0.5
    assert cloud_fraction(image(hole, hole)) == 0.0


def test_bands_of_other_light_do_not_count() -> None:
    bands = (Band("nir"), *RGB)
    assert cloud_fraction(image((20, 250, 250, 250), (250, 20, 20, 20), bands=bands)) == 0.5


def test_bands_without_names_all_count() -> None:
    assert cloud_fraction(image((250, 250), (250, 20), bands=(Band(), Band()))) == 0.5


def test_a_pixel_that_misses_a_band_is_no_cloud() -> None:
    assert cloud_fraction(image((250, 250, 0))) == 0.0
