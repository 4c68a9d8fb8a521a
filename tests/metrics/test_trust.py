"""Trust tells right detail from missing and invented detail, and sees what strays from LR."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from geoloupe.errors import InputError
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT, Radiometry
from geoloupe.imagery.resize import imresize
from geoloupe.imagery.spectra import Band
from geoloupe.metrics.trust import Trust, detail_maps, trust

Cube = NDArray[np.float64]
RGBN = tuple(Band(name) for name in ("red", "green", "blue", "nir"))
PARTS = ("improvement", "omission", "hallucination")


def image(values: Cube) -> Image:
    return Image.of(
        values.astype(np.float32), radiometry=UNIT, bands=RGBN[: len(values)] if len(values) else ()
    )


def land(seed: int = 0, side: int = 128) -> Cube:
    """Draw four bands of blobs, finer than a pixel of the LR image, in unit values."""
    rng = np.random.default_rng(seed)
    blobs = ndimage.gaussian_filter(rng.standard_normal((4, side, side)), (0, 1.2, 1.2))
    fields = ndimage.gaussian_filter(rng.standard_normal((1, side, side)), (0, 8, 8))
    return 0.3 + 0.25 * blobs + 1.2 * fields.clip(-0.1, 0.1)


def shrunk(values: Cube, scale: int) -> Cube:
    return imresize(values, 1 / scale, method="bilinear")


def parts(result: Trust) -> list[float]:
    found = [result.improvement, result.omission, result.hallucination]
    assert all(part is not None and 0 <= part <= 1 for part in found)
    numbers = [part for part in found if part is not None]
    assert sum(numbers) == pytest.approx(1)
    return numbers


@given(seed=st.integers(0, 99), scale=st.sampled_from([2, 4]))
@settings(max_examples=8, deadline=None)
def test_a_perfect_image_improves_and_invents_nothing(seed: int, scale: int) -> None:
    hr = land(seed)
    result = trust(image(shrunk(hr, scale)), image(hr), image(hr), scale)
    improvement, _, hallucination = parts(result)
    assert improvement > 0.95
    assert hallucination < 0.03
    assert result.reflectance < 0.003
    assert result.spatial is not None
    assert result.spatial < 0.1


@given(seed=st.integers(0, 99), scale=st.sampled_from([2, 4]))
@settings(max_examples=8, deadline=None)
def test_an_enlarged_image_omits(seed: int, scale: int) -> None:
    hr = land(seed)
    lr = shrunk(hr, scale)
    sr = imresize(lr, scale, method="bilinear")
    improvement, omission, hallucination = parts(trust(image(lr), image(sr), image(hr), scale))
    assert omission > max(improvement, hallucination)
    assert omission > 0.5


@given(seed=st.integers(0, 99), scale=st.sampled_from([2, 4]))
@settings(max_examples=8, deadline=None)
def test_an_invented_image_hallucinates(seed: int, scale: int) -> None:
    hr = land(seed)
    sr = land(seed + 1000)[:, ::-1]
    result = trust(image(shrunk(hr, scale)), image(sr), image(hr), scale)
    improvement, omission, hallucination = parts(result)
    assert hallucination > max(improvement, omission)
    honest = trust(image(shrunk(hr, scale)), image(hr), image(hr), scale)
    assert result.reflectance > honest.reflectance
    assert result.spectral > honest.spectral


def test_the_corners_of_the_detail_maps() -> None:
    rng = np.random.default_rng(0)
    lr_up, hr = rng.random((2, 3, 40, 40))
    perfect = 1 / (1 + 2 * np.exp(-4))
    means = detail_maps(lr_up, hr, hr).means()
    assert means["improvement"] == pytest.approx(perfect)
    means = detail_maps(lr_up, lr_up, hr).means()
    assert means["omission"] == pytest.approx(perfect)
    maps = detail_maps(
        np.full((1, 9, 9), 0.5), np.tile([0.9, 0.1, 0.5], (1, 9, 3)), lr_up[:1, :9, :9]
    )
    seen = ~np.isnan(maps.hallucination)
    total = maps.improvement + maps.omission + maps.hallucination
    assert np.allclose(total[seen], 1)
    assert 0 < seen.mean() < 1


def test_the_scores_follow_their_definition() -> None:
    lr_up, sr, hr = np.random.default_rng(2).random((3, 3, 12, 10)) + 0.1

    def nd(x: Cube, y: Cube) -> Cube:
        return np.mean(np.abs(x - y) / np.abs(x + y + 1e-8), axis=0)

    d_ref, d_im, d_om = nd(lr_up, hr), nd(sr, hr), nd(sr, lr_up)
    kept = np.maximum(np.maximum(d_ref, d_im), d_om) > np.percentile(d_ref, 75)
    a, b = (d_im / d_ref)[kept], (d_om / d_ref)[kept]
    fade = 1 - np.exp(-0.05 * (a + b - 1))
    scores = np.exp(-np.stack([a + b * fade, b + a * fade, np.exp(-0.05 * a * b)]) / 0.25)
    expected = (scores / scores.sum(axis=0)).mean(axis=1)
    means = detail_maps(lr_up, sr, hr).means()
    assert list(means) == list(PARTS)
    assert np.allclose([means[part] for part in PARTS], expected)


def test_consistency_follows_its_definition() -> None:
    hr = land(3)
    sr = hr * np.array([1.1, 1.0, 0.9, 1.0])[:, None, None] + 0.01
    lr = shrunk(hr, 4)
    result = trust(image(lr), image(sr), None, 4)
    inside = lr[:, 4:-4, 4:-4].reshape(4, -1)
    down = shrunk(sr[:, 16:-16, 16:-16], 4).reshape(4, -1)
    cosine = np.sum(inside * down, axis=0) / np.linalg.norm(inside, axis=0)
    cosine /= np.linalg.norm(down, axis=0)
    assert result.reflectance == pytest.approx(np.abs(inside - down).mean(), abs=1e-6)
    assert result.spectral == pytest.approx(np.degrees(np.arccos(cosine)).mean(), abs=1e-4)


def test_without_truth_only_consistency_is_told() -> None:
    hr = land(1)
    result = trust(image(shrunk(hr, 4)), image(hr), None, 4)
    assert [result.improvement, result.omission, result.hallucination] == [None] * 3
    assert list(result.to_dict()) == ["reflectance", "spectral", "spatial", "synthesis", *PARTS]
    assert result.synthesis > 0.01


def test_a_displaced_image_is_told_and_measured_in_hr_pixels() -> None:
    hr = land(5, side=192)
    sr = np.roll(hr, (0, 2), axis=(1, 2))
    result = trust(image(shrunk(hr, 4)), image(sr), image(hr), 4)
    assert result.spatial == pytest.approx(2, abs=0.2)
    # Before detail is judged, the image is laid on the truth.
    assert parts(result)[0] > 0.9


def test_what_an_image_lacks_does_not_count() -> None:
    hr, sr = land(6), land(6) + 0.05 * land(7)
    lr = shrunk(hr, 4)
    hole = np.zeros((128, 128), bool)
    hole[40:70, 20:60] = True
    coarse_hole = np.zeros((32, 32), bool)
    coarse_hole[20:25, 22:30] = True

    def spoilt(garbage: float) -> Trust:
        images = (np.where(coarse_hole, garbage, lr), np.where(hole, garbage, sr), hr)
        valid = (~coarse_hole, ~hole, np.ones_like(hole))
        return trust(
            *(
                replace(image(v), valid=mask, values=v.astype(np.float32))
                for v, mask in zip(images, valid, strict=True)
            ),
            4,
        )

    results = [spoilt(garbage) for garbage in (np.nan, 0.0, 1e6, -5.0)]
    assert all(result == results[0] for result in results)
    whole = trust(image(lr), image(sr), image(hr), 4)
    assert results[0].reflectance == pytest.approx(whole.reflectance, rel=0.1)
    assert parts(results[0])[0] == pytest.approx(parts(whole)[0], abs=0.05)


@pytest.mark.parametrize("level", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("side", [2, 7, 20])
def test_flat_dark_and_tiny_images_give_no_nan(level: float, side: int) -> None:
    flat = np.full((3, side, side), level)
    fine = np.full((3, 2 * side, 2 * side), level)
    result = trust(image(flat), image(fine), image(fine), 2)
    assert result == Trust(reflectance=0, spectral=0, spatial=None, synthesis=0)
    noisy = fine + np.random.default_rng(0).random(fine.shape)
    for sr, hr in ((noisy, fine), (fine, noisy)):
        values = trust(image(flat), image(sr), image(hr), 2).to_dict().values()
        assert all(value is None or np.isfinite(value) for value in values)


def test_the_radiometry_of_each_image_is_its_own() -> None:
    hr = land(8)
    lr, plain = shrunk(hr, 4), trust(image(shrunk(hr, 4)), image(hr), image(hr), 4)
    stored = image(hr).in_radiometry(Radiometry(dtype="uint16", high=(10000.0,)))
    result = trust(image(lr), stored, image(hr), 4)
    assert result.reflectance == pytest.approx(plain.reflectance, abs=1e-4)


def test_images_that_do_not_fit_are_refused() -> None:
    lr, sr = np.zeros((3, 8, 8)), np.zeros((3, 32, 32))
    with pytest.raises(InputError, match="the SR image is 3 x 32 x 31"):
        trust(image(lr), image(sr[..., :31]), None, 4)
    with pytest.raises(InputError, match="the HR image is 2 x 32 x 32"):
        trust(image(lr), image(sr), image(sr[:2]), 4)
    with pytest.raises(InputError, match="no pixel in common"):
        trust(image(np.full_like(lr, np.nan)), image(sr), None, 4)
