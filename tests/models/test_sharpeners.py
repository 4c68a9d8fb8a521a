"""Which sharpener is taken unasked, and weights that are what their card says."""

from pathlib import Path

import numpy as np
import pytest

import geoloupe
from geoloupe.errors import InputError
from geoloupe.models.card import read_weights, write_weights
from geoloupe.models.model import load
from geoloupe.models.sharpeners import default_sharpener, load_sharpener
from geoloupe.models.shipped import shipped, shipped_sharpeners
from tests.scenes.pairs import MTF, PLACE, pair, pan, read, write


@pytest.mark.parametrize(
    ("bands", "ratios", "sensor", "name"),
    [
        (1, [2.0], "landsat-8", "guided-pan"),
        (1, [2.0, 4.0], "landsat-7", "guided-pan"),
        (1, [6.0], "landsat-7", "glp"),
        (1, [4.0], None, "glp"),
        (1, [4.0], "worldview-3", "glp"),
        (2, [2.0], "sentinel-2", "glp"),
        (3, [2.0], None, "guided-s2"),
        (4, [2.0, 6.0], "sentinel-2", "guided-s2"),
        (4, [16.0], None, "glp"),
    ],
)
def test_the_weights_that_fit_are_taken_unasked(
    bands: int, ratios: list[float], sensor: str | None, name: str
) -> None:
    assert default_sharpener(bands, ratios, [sensor] * len(ratios)) == name


def test_a_scene_is_sharpened_by_what_fits_its_guide(tmp_path: Path) -> None:
    ms, guide, truth = pair(tmp_path)
    three, two = (write(tmp_path / f"{n}.tif", truth[:n], PLACE) for n in (3, 2))
    for place, name in ((guide, "glp"), (three, "guided-s2"), (two, "glp")):
        made = geoloupe.sharpen(
            ms, tmp_path / "made.tif", guide=place, mtf=MTF, shift=(0, 0), overwrite=True
        )
        assert made.model == name


def test_a_folder_of_weights_is_as_good_as_its_name(tmp_path: Path) -> None:
    ms, guide, _ = pair(tmp_path)
    folder = str(shipped_sharpeners()["guided-pan"])
    one, two = (
        geoloupe.sharpen(ms, tmp_path / f"{n}.tif", guide=guide, model=model, mtf=MTF)
        for n, model in enumerate((folder, "guided-pan"))
    )
    assert np.array_equal(read(one.path), read(two.path))


def test_offsets_of_the_guide_do_not_matter_to_what_was_learned(tmp_path: Path) -> None:
    ms, guide, truth = pair(tmp_path)
    other = write(tmp_path / "other.tif", 900 + 1.1 * pan(truth), PLACE)
    one, two = (
        read(geoloupe.sharpen(ms, tmp_path / f"{n}.tif", guide=g, model="guided-pan", mtf=MTF).path)
        for n, g in enumerate((guide, other))
    )
    assert np.sqrt(np.mean((one - two) ** 2)) < 0.1 * np.sqrt(np.mean((one - truth) ** 2))


@pytest.mark.parametrize(
    ("damage", "told"),
    [("width", "its card says width=64"), ("tensor", "other tensors"), ("nan", "NaN")],
)
def test_weights_that_are_not_what_their_card_says_are_refused(
    damage: str, told: str, tmp_path: Path
) -> None:
    card, tensors = read_weights(shipped_sharpeners()["guided-pan"])
    if damage == "width":
        card = card.model_copy(update={"settings": card.settings | {"width": 64}})
    elif damage == "tensor":
        tensors["more.weight"] = np.zeros(3, np.float16)
    else:
        tensors["tail.bias"] = np.full(1, np.nan, np.float16)
    write_weights(tmp_path / "mine", card, tensors)
    with pytest.raises(InputError, match=told):
        load_sharpener(tmp_path / "mine")


def test_what_enlarges_and_what_sharpens_are_told_apart() -> None:
    with pytest.raises(InputError, match="cannot sharpen with a guide"):
        load_sharpener(shipped()["loupe-x2"])
    with pytest.raises(InputError, match="sharpens bands with a guide"):
        load("guided-s2")
