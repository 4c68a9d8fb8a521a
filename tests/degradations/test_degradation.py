"""Recipes do what the published programs do, in their order."""

from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load_file

from geoloupe import settings
from geoloupe.degradations.blur import Matlab, SensorMTF
from geoloupe.degradations.degradation import Degradation
from geoloupe.degradations.named import BI, BOX, DN, SENSORS, SENSORS_JPEG
from geoloupe.degradations.noise import GaussianNoise, PoissonNoise, Stripes
from geoloupe.errors import InputError
from geoloupe.imagery.grid import Window
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT, Radiometry
from tests.networks.golden import FOLDER

BYTE = Radiometry(dtype="uint8", high=(255.0,))
GOLDEN = load_file(FOLDER / "imresize.safetensors")


@pytest.mark.parametrize("kind", ["even", "odd"])
@pytest.mark.parametrize("scale", [2, 3, 4, 8, 16])
def test_bi_of_8_bits_is_matlabs_image_rounded_once(kind: str, scale: int) -> None:
    hr = Image.of(GOLDEN[f"{kind}.image_u8"].transpose(2, 0, 1), radiometry=BYTE)
    found = BI(hr, scale, np.random.default_rng(0)).values
    expected = np.floor(255 * GOLDEN[f"{kind}.down{scale}"].transpose(2, 0, 1) + 0.5)
    assert (found == expected.clip(0, 255)).all()


def test_noise_is_added_to_the_coarse_image_and_clipped() -> None:
    hr = Image.of(np.full((1, 400, 400), 0.02, np.float32), radiometry=UNIT)
    noisy = DN(hr, 4, np.random.default_rng(0)).values
    assert noisy.min() == 0
    assert noisy.std() > 0.03  # of 30/255, half of it cut off below


def test_strips_get_the_noises_of_the_whole() -> None:
    noises = (GaussianNoise(std=(5, 9)), PoissonNoise(photons=(50, 99)), Stripes(std=(1, 2)))
    degradation = replace(BI, name="mine", noises=noises)
    hr = Image.of(np.random.default_rng(0).random((2, 64, 40), np.float32), radiometry=UNIT)
    whole = degradation.drawn(hr, 2, np.random.default_rng(3)).degrade(hr).values
    drawn = degradation.drawn(hr, 2, np.random.default_rng(3))
    tops = range(0, 32, 8)
    strips = [
        drawn.degrade_inside(hr, Window(top=top, left=0, height=8, width=20)).values for top in tops
    ]
    assert (np.concatenate(strips, axis=1) == whole).all()


def test_jpeg_and_stripes_can_be_part_of_a_recipe() -> None:
    degradation = replace(BI, name="mine", noises=(Stripes(std=(5, 5)),), jpeg=(50, 50))
    hr = Image.of(np.random.default_rng(0).random((3, 64, 64), np.float32), radiometry=UNIT)
    found = degradation(hr, 2, np.random.default_rng(0)).values
    assert np.allclose(255 * found, np.rint(255 * found), atol=1e-3)
    assert settings.build(Degradation, settings.dump(degradation), "mine") == degradation


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"samplings": ["cubic"]}, "samplings"),
        ({"noises": [{"kind": "gaussian", "std": [1, 2], "strenght": 3}]}, "strenght"),
        ({"blurs": [{"kind": "round"}]}, "blurs"),
        ({"nosies": []}, "did you mean 'noises'"),
        ({"blurs": [{"kind": "mtf", "gains": [1.5]}]}, "between 0 and 1"),
        ({"blurs": [{"kind": "isotropic", "sigma": [0, 0]}]}, "sigma must rise within"),
        ({"blurs": [{"kind": "isotropic", "sigma": [1, 2], "sizes": [0]}]}, "sizes must lie"),
        ({"blurs": [{"kind": "anisotropic", "variances": [[1, 2], [1, 2]], "sizes": []}]}, "sizes"),
        ({"noises": [{"kind": "poisson", "photons": [0, 0]}]}, "photons must rise within 1"),
        ({"noises": [{"kind": "gaussian", "std": [2, 1]}]}, "std must rise"),
        ({"noises": [{"kind": "stripes", "std": [1, 2], "share": [0.1, 3]}]}, "share must rise"),
        ({"samplings": []}, "samplings must name"),
        ({"jpeg": [90, 10]}, "jpeg must rise within 1 to 100"),
    ],
)
def test_a_recipe_with_a_mistake_is_refused_by_name(change: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        settings.build(Degradation, settings.dump(BI) | change, "mine.json")


def measured(degradation: Degradation, scale: int) -> float:
    """Measure what passes at Nyquist of the LR pixels, from the answer to lines of one pixel."""
    middle, count = 12, 25  # LR pixels
    answer = []
    for place in range(count * scale):
        line = np.zeros((1, scale, count * scale), np.float32)
        line[..., place] = 1
        lr = degradation(Image.of(line, radiometry=UNIT), scale, np.random.default_rng(0))
        answer.append(lr.values[0, 0, middle])
    turn = np.exp(1j * np.pi / scale * np.arange(len(answer)))
    return float(abs(np.array(answer) @ turn))


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_the_mtf_that_is_told_is_the_one_that_is(scale: int) -> None:
    like = Image.of(np.zeros((1, scale, scale), np.float32), radiometry=UNIT)
    for gain in (0.12, 0.2, 0.3, 0.5):
        degradation = replace(
            BOX, name="mine", blurs=(SensorMTF(gains=(gain,)),), samplings=("strided",)
        )
        assert measured(degradation, scale) == pytest.approx(gain, abs=0.004)
    for degradation in (BI, BOX):
        (told,) = degradation.drawn(like, scale, np.random.default_rng(0)).mtf
        assert measured(degradation, scale) == pytest.approx(told, abs=1e-5)


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_matlabs_bicubic_is_a_blur_too(scale: int) -> None:
    hr = Image.of(np.random.default_rng(0).random((2, 48, 72), np.float32), radiometry=UNIT)
    blur = replace(BOX, name="mine", blurs=(Matlab(),))
    one, other = (
        degradation(hr, scale, np.random.default_rng(0)).values for degradation in (BI, blur)
    )
    assert np.abs(one - other).max() <= 1e-6


def test_a_box_is_the_mean_of_each_block() -> None:
    hr = Image.of(np.random.default_rng(0).random((2, 12, 18), np.float32), radiometry=UNIT)
    for scale in (2, 3):
        mean = hr.values.reshape(2, 12 // scale, scale, 18 // scale, scale).mean(axis=(2, 4))
        found = BOX(hr, scale, np.random.default_rng(0)).values
        assert np.abs(found - mean).max() <= 1e-6


def test_a_share_of_the_images_is_kept_as_jpeg() -> None:
    like = Image.of(np.zeros((3, 8, 8), np.float32), radiometry=UNIT)
    rng = np.random.default_rng(0)
    drawn = [SENSORS_JPEG.drawn(like, 2, rng).quality for _ in range(400)]
    kept = [quality for quality in drawn if quality is not None]
    assert 70 <= len(kept) <= 130
    assert 60 <= min(kept) < max(kept) <= 95
    with pytest.raises(ValueError, match="jpeg_chance"):
        replace(SENSORS_JPEG, jpeg_chance=1.5)


def test_sensors_are_drawn_by_their_chances() -> None:
    like = Image.of(np.zeros((3, 8, 8), np.float32), radiometry=UNIT)
    rng = np.random.default_rng(0)
    told = [SENSORS.drawn(like, 4, rng).mtf for _ in range(400)]
    gaussians = [mtf for mtf in told if len(mtf) == 3]
    assert len(gaussians) / 400 == pytest.approx(0.72, abs=0.07)
    assert {len(mtf) for mtf in told} == {1, 3}
    assert {round(mtf[0], 2) for mtf in told if len(mtf) == 1} == {0.49, 0.65}
    with pytest.raises(ValueError, match="one chance a blur"):
        replace(SENSORS, chances=(0.5,))
