"""A conversion says what was converted and refuses a label that does not fit."""

import hashlib
from pathlib import Path
from typing import Any, cast

import pytest
import torch

from geoloupe.errors import InputError
from geoloupe.models.conversion import Label, convert_checkpoint
from geoloupe.networks import network_class
from geoloupe.networks.published.name_table import published_name
from geoloupe.networks.summary import parameter_count


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
