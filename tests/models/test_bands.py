"""Bands are chosen by number, name or wavelength."""

import pytest

from geoloupe.errors import InputError
from geoloupe.imagery.spectra import Band
from geoloupe.models.bands import choose_bands

BANDS = (Band("B2", 492), Band("B3 green", 560), Band("B4", 665), Band("B8", 833))


@pytest.mark.parametrize(
    ("words", "places"),
    [
        (["1", "4"], [0, 3]),
        (["red", "green", "blue"], [2, 1, 0]),
        (["665nm"], [2]),
        (["0.83um", "500 nm"], [3, 0]),
        (["B8", "560NM"], [3, 1]),
    ],
)
def test_words_find_bands(words: list[str], places: list[int]) -> None:
    assert choose_bands(BANDS, words, wanted=None, count=None) == places


def test_a_wavelength_that_no_band_sees_is_refused() -> None:
    with pytest.raises(InputError, match=r"no band sees 1600nm; the nearest is at 833 nm"):
        choose_bands(BANDS, ["1600nm"], wanted=None, count=None)
    with pytest.raises(InputError, match="does not give the wavelengths"):
        choose_bands((Band("a"),), ["500nm"], wanted=None, count=None)


@pytest.mark.parametrize(("asked", "nearest"), [("700nm", 665), ("686nm", 665), ("470 nm", 492)])
def test_so_is_one_between_two_bands(asked: str, nearest: int) -> None:
    with pytest.raises(InputError, match=f"no band sees {asked}; the nearest is at {nearest} nm"):
        choose_bands(BANDS, [asked], wanted=None, count=None)
    assert choose_bands(BANDS, ["685nm", "0.472um"], wanted=None, count=None) == [2, 0]


def test_a_word_that_is_no_band_is_answered_with_their_names() -> None:
    with pytest.raises(InputError, match=r"B8a.*B2.*B3 green.*B4.*B8"):
        choose_bands(BANDS, ["B8a"], wanted=None, count=None)
    with pytest.raises(InputError, match=r"swir.*1.*2"):
        choose_bands((Band(), Band()), ["swir"], wanted=None, count=None)
