"""Models are loaded by name or path, strictly, and saved whole."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import nn

from geoloupe import catalog
from geoloupe.errors import InputError
from geoloupe.models.card import CARD_FILE, WEIGHTS_FILE, Card, read_weights, weights_bytes
from geoloupe.models.model import Model, load, model_from_state, plain_settings, save
from geoloupe.networks import network_class

NAMES = catalog.names("network")


def model(name: str = "srcnn") -> Model:
    """Make a small model with random weights."""
    torch.manual_seed(3)
    chosen = cast("Any", network_class(name))
    network = chosen(chosen.Settings.tiny())
    card = Card(name="tiny", network=name, settings=plain_settings(network), bands=None)
    return model_from_state(network, network.state_dict(), card)


def tampered(folder: Path, **changes: Any) -> Path:
    """Rewrite a weights file with another card."""
    card, tensors = read_weights(folder)
    data = weights_bytes(card.model_copy(update=changes), tensors)
    (folder / WEIGHTS_FILE).write_bytes(data)
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_save_then_load_is_the_same_model(tmp_path: Path, name: str) -> None:
    original = model(name)
    save(original, tmp_path / "a" / "b")
    again = load(tmp_path / "a" / "b")
    assert again.card == original.card
    assert again.network.settings == original.network.settings
    wanted = cast("nn.Module", original.network).state_dict()
    found = cast("nn.Module", again.network).state_dict()
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[key], wanted[key]) for key in wanted)
    module = cast("nn.Module", again.network)
    assert not module.training
    assert not any(parameter.requires_grad for parameter in module.parameters())
    first = (tmp_path / "a" / "b" / WEIGHTS_FILE).read_bytes()
    save(again, tmp_path / "c")
    assert (tmp_path / "c" / WEIGHTS_FILE).read_bytes() == first
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == [CARD_FILE, WEIGHTS_FILE]
    assert json.loads((tmp_path / "c" / CARD_FILE).read_text())["network"] == name


def test_a_file_loads_like_its_folder(tmp_path: Path) -> None:
    save(model(), tmp_path / "w")
    assert load(str(tmp_path / "w" / WEIGHTS_FILE)).card == load(tmp_path / "w").card


def test_a_network_without_weights_needs_none() -> None:
    loaded = load("bicubic", scale=3)
    assert loaded.network.signature.scale == 3
    assert loaded.card.settings == {"scale": 3}
    assert loaded.tile == loaded.network.signature.tile
    assert loaded.margin == loaded.network.signature.margin


def test_the_card_decides_tile_and_margin() -> None:
    loaded = model()
    card = loaded.card.model_copy(update={"tile": 20, "margin": 0})
    assert (replace(loaded, card=card).tile, replace(loaded, card=card).margin) == (20, 0)


def test_a_network_with_weights_needs_them() -> None:
    with pytest.raises(InputError, match=r"HSENet needs weights.*geoloupe convert published.pt"):
        load("hsenet", scale=4)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hsenett", "did you mean 'hsenet'"),
        ("nowhere/hsenet", "nowhere/hsenet: no such file or folder of weights"),
        ("model.safetensors", "no such file or folder of weights"),
    ],
)
def test_unknown_models(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(name)


def test_settings_cannot_change_what_weights_are(tmp_path: Path) -> None:
    save(model(), tmp_path / "w")
    scale = model().network.signature.scale
    assert load(tmp_path / "w", scale=scale).network.signature.scale == scale
    with pytest.raises(InputError, match=r"you asked for scale=16, but these weights have scale"):
        load(tmp_path / "w", scale=16)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": "nonsense"}, "no network is called 'nonsense'"),
        ({"network": "vdsr"}, "VDSR"),
        (
            {"network": "bicubic", "settings": {"scale": 2}},
            r"holds \d+ extra tensors for Bicubic",
        ),
        ({"settings": {"scales": 2}}, "no setting of SRCNN is called 'scales'"),
        ({"settings": {"scale": "many"}}, "SRCNN: scale"),
        ({"settings": {"bands": 7}}, "its card says bands=7, but its tensors have bands=3"),
    ],
)
def test_a_card_that_does_not_fit_its_tensors(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    save(model(), tmp_path / "w")
    with pytest.raises(InputError, match=message) as caught:
        load(tampered(tmp_path / "w", **changes))
    assert str(caught.value).startswith(str(tmp_path / "w"))


def test_a_card_cannot_ask_for_a_network_without_end(tmp_path: Path) -> None:
    save(model("hsenet"), tmp_path / "w")
    settings = model("hsenet").card.settings | {"modules": 10**9}
    with pytest.raises(InputError, match="modules=1000000000"):
        load(tampered(tmp_path / "w", settings=settings))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("first"), "lacks 1 tensor of SRCNN: 'first'"),
        (lambda t: t.update(extra=t["first"]), "holds 1 extra tensor for SRCNN: 'extra'"),
        (lambda t: t.update(first=t["first"].astype("float64")), "holds float64"),
        (lambda t: t.update(first=t["first"] * np.nan), "'first' holds NaN or infinity"),
        (lambda t: t.update(first=t["first"][:1]), "has shape|have"),
    ],
)
def test_tensors_are_checked_one_by_one(tmp_path: Path, change: Any, message: str) -> None:
    save(model(), tmp_path / "w")
    card, tensors = read_weights(tmp_path / "w")
    key = max(name for name in tensors if name.endswith(".bias") and tensors[name].size > 3)
    renamed = {name.replace(key, "first"): value for name, value in tensors.items()}
    change(renamed)
    data = weights_bytes(
        card, {name.replace("first", key): value for name, value in renamed.items()}
    )
    (tmp_path / "w" / WEIGHTS_FILE).write_bytes(data)
    with pytest.raises(InputError, match=message.replace("first", key)):
        load(tmp_path / "w")


def test_existing_weights_are_replaced_only_when_allowed(tmp_path: Path) -> None:
    save(model(), tmp_path / "w")
    before = (tmp_path / "w" / WEIGHTS_FILE).read_bytes()
    with pytest.raises(InputError, match="add overwrite=true"):
        save(model("vdsr"), tmp_path / "w")
    assert (tmp_path / "w" / WEIGHTS_FILE).read_bytes() == before
    save(model("vdsr"), tmp_path / "w", overwrite=True)
    assert load(tmp_path / "w").card.network == "vdsr"


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for place in ("file", "file/w", "file/deep/w"):
        with pytest.raises(InputError, match="is a file; name a folder"):
            save(model(), tmp_path / place, overwrite=True)
    assert (tmp_path / "file").read_text() == "mine"
