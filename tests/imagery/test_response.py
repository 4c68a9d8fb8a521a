"""What a sensor with few bands sees of a cube."""

import numpy as np
import pytest

from geoloupe.errors import InputError
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT, Radiometry
from geoloupe.imagery.response import SpectralResponse, response_names
from geoloupe.imagery.spectra import Band

CAMERA = SpectralResponse.named("nikon-d700")


def cube(nm: list[float] | None, count: int = 31) -> Image:
    values = np.random.default_rng(0).random((count, 5, 4), np.float32)
    bands = [Band(nm=length) for length in nm] if nm else []
    return Image.of(values, radiometry=UNIT, bands=bands)


def test_the_camera_is_a_weighted_mean_of_31_bands() -> None:
    image = cube(None)
    seen = CAMERA.seen(image)
    weights = np.array([CAMERA.bands[name] for name in ("red", "green", "blue")])
    assert [band.common for band in seen.bands] == ["red", "green", "blue"]
    expected = np.tensordot(weights, image.values, 1)
    assert np.abs(seen.values - expected).max() <= 1e-6
    named = cube([400 + 10 * index for index in range(31)])
    assert np.allclose(CAMERA.seen(named).values, seen.values)


@pytest.mark.parametrize("name", response_names())
def test_every_response_sees_white_as_white_and_its_own_colour_best(name: str) -> None:
    response = SpectralResponse.named(name)
    nm = [float(length) for length in range(400, 2400, 5)]
    weights = response.weights(cube(nm, len(nm)).bands)
    assert np.allclose(weights.sum(axis=1), 1)
    for band, row in zip(response.bands, weights, strict=True):
        peak = nm[int(row.argmax())]
        assert Band(nm=peak).common == band or Band(nm=float(row @ nm)).common == band


def test_a_missing_band_that_counts_makes_the_pixel_missing() -> None:
    image = cube(None)
    values = image.values.copy()
    values[21, 0, 0] = np.nan  # where the camera sees red best
    seen = CAMERA.seen(Image.of(values, radiometry=UNIT))
    assert np.isnan(seen.values[0, 0, 0])
    assert not np.isnan(seen.values[:, 1:]).any()


def test_the_result_is_stored_as_the_cube_is() -> None:
    values = np.full((31, 2, 2), 3000, np.uint16)
    image = Image.of(values, radiometry=Radiometry(dtype="uint16", high=(10000.0,)))
    assert (CAMERA.seen(image).values == 3000).all()


def test_cubes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="needs the wavelengths of the 30 bands"):
        CAMERA.seen(cube(None, 30))
    with pytest.raises(InputError, match="no band where landsat-8 sees swir1"):
        SpectralResponse.named("landsat-8").seen(
            cube([400 + 10.0 * index for index in range(60)], 60)
        )
    with pytest.raises(InputError, match="did you mean 'sentinel-2'"):
        SpectralResponse.named("sentinel2")
