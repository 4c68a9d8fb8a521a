"""Index errors find bands by name, and zero sums, dark pixels and holes do no harm."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from geoloupe.errors import InputError
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT, Radiometry
from geoloupe.imagery.spectra import Band
from geoloupe.metrics.indices import NDBI, NDSI, NDVI, NDWI, index_error, index_map

NAMES = ("red", "green", "nir", "swir1")
INDICES = (NDBI, NDSI, NDVI, NDWI)
CUBES = arrays(np.float32, (4, 3, 5), elements=st.floats(0, 1, width=32, allow_subnormal=False))


def image(values: NDArray[np.float32], names: tuple[str, ...] = NAMES) -> Image:
    return Image.of(values, radiometry=UNIT, bands=[Band(name) for name in names])


@given(one=CUBES, two=CUBES)
@settings(deadline=None)
def test_errors_are_bounded_symmetric_and_zero_at_equality(
    one: NDArray[np.float32], two: NDArray[np.float32]
) -> None:
    for index in INDICES:
        assert np.abs(index_map(image(one), index)).max() <= 1
        error = index_error(image(one), image(two), index)
        assert 0 <= error <= 2
        assert error == index_error(image(two), image(one), index)
        assert index_error(image(one), image(one), index) == 0


def test_ndvi_is_what_its_name_says() -> None:
    values = np.zeros((4, 1, 3), np.float32)
    values[0], values[2] = [[0.1, 0.0, 0.2]], [[0.3, 0.0, -0.1]]
    assert np.allclose(index_map(image(values), NDVI), [[0.5, 0.0, -1.0]])
    by_wavelength = Image.of(
        values, radiometry=UNIT, bands=[Band(nm=n) for n in (660, 560, 850, 1650)]
    )
    assert np.allclose(index_map(by_wavelength, NDVI), [[0.5, 0.0, -1.0]])
    assert np.allclose(index_map(image(values[::-1], NAMES[::-1]), NDVI), [[0.5, 0.0, -1.0]])


def test_stored_values_are_read_by_their_radiometry() -> None:
    radiometry = Radiometry(dtype="uint16", low=(1000.0,), high=(11000.0,), nodata=0)
    values = np.array([[[2000, 0]], [[4000, 5000]]], np.uint16)
    stored = Image.of(values, radiometry=radiometry, bands=[Band("red"), Band("nir")])
    found = index_map(stored, NDVI)
    assert found[0, 0] == pytest.approx(0.5)
    assert np.isnan(found[0, 1])


def test_what_is_missing_does_not_count() -> None:
    one, two = np.random.default_rng(0).random((2, 4, 6, 6)).astype(np.float32)
    spoilt = one.copy()
    spoilt[0, :2] = np.nan
    plain = index_error(image(one[:, 2:]), image(two[:, 2:]), NDVI)
    assert index_error(image(spoilt), image(two), NDVI) == pytest.approx(plain)
    assert index_error(image(spoilt * np.nan), image(two), NDVI) == 0


def test_an_image_without_the_bands_is_told_what_is_missing() -> None:
    values = np.zeros((2, 2, 2), np.float32)
    with pytest.raises(InputError, match=r"NDVI needs .* has no nir; its bands are red, green"):
        index_map(image(values, ("red", "green")), NDVI)
    with pytest.raises(InputError, match="has no swir1 and no nir; its bands are none"):
        index_map(image(values, ("", "")), NDBI)


def test_images_of_different_sizes_are_refused() -> None:
    values = np.zeros((4, 2, 2), np.float32)
    with pytest.raises(InputError, match="pixel by pixel"):
        index_error(image(values), image(values[..., :1]), NDVI)
