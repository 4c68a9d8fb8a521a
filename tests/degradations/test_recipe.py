"""Recipes do what the published programs do, in their order."""

from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load_file
from tests.networks.golden import FOLDER

from geoloupe import settings
from geoloupe.degradations.noise import Stripes
from geoloupe.degradations.recipe import Recipe
from geoloupe.degradations.recipes import BI, DN
from geoloupe.errors import InputError
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT, Radiometry

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


def test_jpeg_and_stripes_can_be_part_of_a_recipe() -> None:
    recipe = replace(BI, name="mine", noises=(Stripes(std=(5, 5)),), jpeg=(50, 50))
    hr = Image.of(np.random.default_rng(0).random((3, 64, 64), np.float32), radiometry=UNIT)
    found = recipe(hr, 2, np.random.default_rng(0)).values
    assert np.allclose(255 * found, np.rint(255 * found), atol=1e-3)
    assert settings.build(Recipe, settings.dump(recipe), "mine") == recipe


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"samplings": ["cubic"]}, "samplings"),
        ({"noises": [{"kind": "gaussian", "std": [1, 2], "strenght": 3}]}, "strenght"),
        ({"blurs": [{"kind": "round"}]}, "blurs"),
        ({"nosies": []}, "did you mean 'noises'"),
        ({"blurs": [{"kind": "mtf", "gains": [1.5]}]}, "between 0 and 1"),
    ],
)
def test_a_recipe_with_a_mistake_is_refused_by_name(change: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        settings.build(Recipe, settings.dump(BI) | change, "mine.json")
