"""A band's MTF on the pixels of an image, and what is said of it."""

import numpy as np
import pytest

from geoloupe.degradations.blur import SensorMTF
from geoloupe.imagery.sensors.mtf import mtf_of
from geoloupe.imagery.sensors.table import load_sensor
from geoloupe.imagery.spectra import Band

SENTINEL = load_sensor("sentinel-2")


def test_on_its_own_pixels_a_band_has_its_figure() -> None:
    bands = [Band("B02"), Band("B05"), Band("red")]
    assert mtf_of(SENTINEL, bands).gains == (0.26, 0.38, 0.24)
    assert mtf_of(SENTINEL, bands).notes == ()
    assert mtf_of(SENTINEL, [Band("B02")], pixel=10).gains == (0.26,)
    assert mtf_of(SENTINEL, [Band("B02")], pixel=9.75).gains == (0.26,)


@pytest.mark.parametrize("finer", [2, 4])
def test_on_finer_pixels_it_is_the_same_curve_read_further_out(finer: int) -> None:
    scale = 16
    (kernel,) = SensorMTF(gains=(0.38,)).drawn(scale, np.random.default_rng(0), offset=0)
    profile = kernel.sum(axis=0)
    place = np.arange(len(profile)) - (len(profile) - 1) / 2
    passed = float((profile * np.cos(np.pi / (scale / finer) * place)).sum())
    found = mtf_of(SENTINEL, [Band("B05")], pixel=20 / finer)
    assert found.gains[0] == pytest.approx(passed, abs=2e-3)
    assert found.notes == (
        f"B05 has pixels of 20 m: on those of {20 / finer:g} m it holds no more",
    )


def test_averages_over_coarser_pixels_alias_more() -> None:
    """The mean over 2 x 2 pixels passes 0.64 at its Nyquist frequency, times the sensor's curve."""
    (gain,) = mtf_of(SENTINEL, [Band("B02")], pixel=20).gains
    assert gain == pytest.approx(0.6366 * 0.26**0.25, rel=1e-3)
    assert gain > 0.26
    (far,) = mtf_of(SENTINEL, [Band("B02")], pixel=1000).gains
    assert far == pytest.approx(0.6366, rel=1e-3)


def test_a_band_of_somebody_else_gets_the_mean_and_that_is_said() -> None:
    found = mtf_of(SENTINEL, [Band("B02"), Band("haze"), Band()])
    assert found.gains[0] == 0.26
    assert (
        found.gains[1] == found.gains[2] == pytest.approx(np.mean([b.mtf for b in SENTINEL.bands]))
    )
    assert found.notes == (
        "band 2 (haze) is not known as one of sentinel-2: the sensor's mean MTF, 0.28, is taken",
        "band 3 is not known as one of sentinel-2: the sensor's mean MTF, 0.28, is taken",
    )


def test_the_mean_leaves_the_panchromatic_band_out() -> None:
    assert load_sensor("quickbird").typical_mtf == pytest.approx((0.34 + 0.32 + 0.30 + 0.22) / 4)


def test_what_is_assumed_is_said_once() -> None:
    found = mtf_of(load_sensor("landsat-8"), [Band("B2"), Band("B3"), Band("B8")])
    assert found.gains == (0.3, 0.3, 0.15)
    (note,) = found.notes
    assert note.startswith("the MTF of landsat-8 is assumed: ")
    (note,) = mtf_of(SENTINEL, [Band("B10"), Band("B02")]).notes
    assert note.startswith("the MTF of sentinel-2 B10 is assumed: ")
    found = mtf_of(load_sensor("aerial"), [Band("red"), Band()], pixel=0.1)
    assert found.gains == (0.4, 0.4)
    (note,) = found.notes
    assert note.startswith("the MTF of aerial is assumed: ")
