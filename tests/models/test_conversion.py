"""A conversion says what was converted and refuses a label that does not fit."""

import hashlib
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from geoloupe.errors import InputError
from geoloupe.models.card import read_weights, write_weights
from geoloupe.models.conversion import Label, convert_checkpoint
from geoloupe.models.model import load, save
from geoloupe.networks import network_class
from geoloupe.networks.published.name_table import published_name
from geoloupe.networks.summary import parameter_count
from geoloupe.training.finetune import finetuning


def checkpoint(tmp_path: Path, name: str) -> Path:
    """Save a small network as its authors would."""
    chosen = cast("Any", network_class(name))
    state = chosen(chosen.Settings.tiny()).state_dict()
    path = tmp_path / f"{name}.pth"
    torch.save({published_name(chosen, key): value for key, value in state.items()}, path)
    return path


def test_the_card_says_where_the_weights_came_from(tmp_path: Path) -> None:
    source = checkpoint(tmp_path, "hsenet")
    label = Label(name="mine", bands=("nir", "red", "green"), licence="MIT")
    model = convert_checkpoint(source, "hsenet", {}, label=label)
    card, signature = model.card, model.network.signature
    assert (card.name, card.bands, card.licence) == ("mine", ("nir", "red", "green"), "MIT")
    assert card.origin is not None
    assert card.origin.file == "hsenet.pth"
    assert card.origin.sha256 == hashlib.sha256(source.read_bytes()).hexdigest()
    assert (card.tile, card.margin) == (signature.tile, signature.margin)
    assert card.settings["features"] == 8
    saved = torch.load(source, weights_only=True)
    assert parameter_count(model.network) == sum(tensor.numel() for tensor in saved.values())


@pytest.mark.parametrize(
    ("bands", "message"),
    [
        (("red", "green"), "takes 3 bands, but bands names 2"),
        (("red", "green", "red"), "a name of its own"),
        (("red", "green", ""), "a name of its own"),
    ],
)
def test_band_names_must_fit(tmp_path: Path, bands: tuple[str, ...], message: str) -> None:
    source = checkpoint(tmp_path, "hsenet")
    with pytest.raises(InputError, match=message):
        convert_checkpoint(source, "hsenet", {}, label=Label(name="mine", bands=bands))


def test_errors_name_the_file(tmp_path: Path) -> None:
    source = checkpoint(tmp_path, "hsenet")
    with pytest.raises(InputError, match=rf"^{source}: .*use network=hsenet$"):
        convert_checkpoint(source, "vdsr", {}, label=Label(name="mine"))


def test_a_network_of_the_zoo_is_converted_saved_and_loaded(tmp_path: Path, spandrel: Any) -> None:
    source = tmp_path / "downloaded.pth"
    state = spandrel.published(kernel=17)
    torch.save({"epoch": 3, "params": spandrel.published(), "params_ema": state}, source)
    made = convert_checkpoint(source, "zoo", {}, label=Label(name="mine", licence="MIT"))
    card = made.card
    assert (card.network, card.bands, card.licence) == ("zoo", ("red", "green", "blue"), "MIT")
    assert card.settings == {
        "architecture": "Mixer",
        "scale": 2,
        "bands": 3,
        "multiple": 4,
        "minimum": 12,
    }
    assert (card.margin, card.tile) == (16, 64)  # 8 pixels of one kernel and 1 of another
    assert card.origin is not None
    assert card.origin.sha256 == hashlib.sha256(source.read_bytes()).hexdigest()

    save(made, tmp_path / "mine")
    stored = read_weights(tmp_path / "mine")[1]
    assert stored.keys() == state.keys()
    assert all(np.array_equal(stored[name], state[name].numpy()) for name in state)
    again = load(tmp_path / "mine")
    assert (again.card, again.digest) == (made.card, made.digest)
    pixels = np.random.default_rng(0).random((3, 21, 30), np.float32)
    assert np.array_equal(again(pixels), made(pixels))
    with pytest.raises(InputError, match=r"you asked for scale=4, but these weights have scale=2"):
        load(tmp_path / "mine", scale=4)
    save(made, tmp_path / "half", half=True)
    gap = np.abs(load(tmp_path / "half")(pixels) - made(pixels)).max()
    assert 0 < gap < 0.01 * made(pixels).std()


def test_margin_and_tile_grow_with_the_reach_of_the_zoo(tmp_path: Path, spandrel: Any) -> None:
    torch.save(spandrel.published(kernel=35), tmp_path / "a.pth")
    label = Label(name="mine", bands=("nir", "red", "green"))
    card = convert_checkpoint(tmp_path / "a.pth", "zoo", {}, label=label).card
    assert (card.margin, card.tile, card.bands) == (24, 96, ("nir", "red", "green"))


def test_tampered_weights_of_the_zoo_are_refused(tmp_path: Path, spandrel: Any) -> None:
    torch.save(spandrel.published(), tmp_path / "a.pth")
    made = convert_checkpoint(tmp_path / "a.pth", "zoo", {}, label=Label(name="mine"))
    arrays = {name: value.numpy() for name, value in made.network.state_dict().items()}
    for changes, message in (
        ({"more": np.ones(3, np.float32)}, "cannot build its network"),
        ({"shift": np.full((3, 1, 1), np.nan, np.float32)}, "holds NaN or infinity"),
        ({"mix.weight": np.ones((9, 4, 1, 1), np.float32)}, "cannot build its network"),
    ):
        write_weights(tmp_path / "w", made.card, arrays | changes, overwrite=True)
        with pytest.raises(InputError, match=rf"^{tmp_path / 'w'}: .*{message}"):
            load(tmp_path / "w")
    for changed in ({"scale": 4}, {"architecture": "SwinIR"}, {"minimum": 1}):
        card = made.card.model_copy(update={"settings": made.card.settings | changed})
        write_weights(tmp_path / "w", card, arrays, overwrite=True)
        with pytest.raises(InputError, match=r"its settings say .*, but spandrel sees"):
            load(tmp_path / "w")


def test_the_zoo_is_not_trained_further(tmp_path: Path, spandrel: Any) -> None:
    torch.save(spandrel.published(), tmp_path / "a.pth")
    save(convert_checkpoint(tmp_path / "a.pth", "zoo", {}, label=Label(name="m")), tmp_path / "m")
    with pytest.raises(InputError, match="another package's, which geoloupe only runs"):
        finetuning(str(tmp_path / "m"), tmp_path, {})
