"""A weights file carries its card, and a doubtful one is refused with its name."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from safetensors.numpy import save

from geoloupe.errors import InputError
from geoloupe.models.card import (
    CARD_KEY,
    WEIGHTS_FILE,
    Card,
    Origin,
    Score,
    card_bytes,
    parse_card,
    read_weights,
    weights_bytes,
)

CARD = Card(
    name="mine",
    network="hsenet",
    settings={"scale": 4, "mean": [0.1, 0.2, 0.3], "attention": True, "kind": "a", "none": None},
    bands=("red", "green", "blue"),
    tile=64,
    margin=8,
    licence="CC-BY-4.0",
    origin=Origin(file="model.pt", sha256="0" * 64),
    scores=(Score(protocol="hsenet", data="ucmerced", scale=4, values={"psnr": 27.0}),),
)
TENSORS = {
    "a.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "a.count": np.array(7, dtype=np.int64),
}


def with_header(header: Any) -> bytes:
    """Make a safetensors file with any header and no tensors."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text


def with_card(card: Any) -> bytes:
    """Make a safetensors file with any text as its card."""
    return save(TENSORS, {CARD_KEY: card if isinstance(card, str) else json.dumps(card)})


@pytest.mark.parametrize("folder", [True, False])
def test_what_is_written_is_read(tmp_path: Path, folder: bool) -> None:
    path = tmp_path / WEIGHTS_FILE
    path.write_bytes(weights_bytes(CARD, TENSORS))
    card, tensors = read_weights(tmp_path if folder else path)
    assert card == CARD
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert tensors[name].dtype == tensor.dtype
        assert tensors[name].shape == tensor.shape
        assert np.array_equal(tensors[name], tensor)


def test_the_card_for_people_is_the_same_card() -> None:
    text = card_bytes(CARD).decode()
    assert parse_card(text, Path("card.json")) == CARD
    assert text.count("\n") > 10


def test_a_card_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        CARD.name = "other"  # type: ignore[misc]


VALID = json.loads(CARD.model_dump_json())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a safetensors file"),
        (b"hello, this is text", "not a safetensors file"),
        (struct.pack("<Q", 900) + b"{}", "truncated"),
        (with_header(b"{" + b" " * (17 * 2**20)), "header of 17,"),
        (with_header(b"{nonsense"), "corrupt safetensors header"),
        (with_header(b"{" + b'"a":{' * 100_000), "corrupt safetensors header"),
        (with_header({"__metadata__": [1]}), "corrupt safetensors header"),
        (with_header({}), "has no geoloupe card"),
        (save(TENSORS), "has no geoloupe card; .* geoloupe convert"),
        (weights_bytes(CARD, TENSORS)[:-1], "corrupt weights"),
        (with_card("not json"), "corrupt card"),
        (with_card("[" * 100_000), "corrupt card"),
        (with_card([1, 2]), "corrupt card"),
        (with_card(VALID | {"format": 3}), "format 3, from a newer geoloupe"),
        (with_card(VALID | {"format": 0}), "corrupt card .format"),
        (with_card(VALID | {"colour": "red"}), "corrupt card .colour"),
        (with_card({key: VALID[key] for key in VALID if key != "network"}), "card .network"),
        (with_card(VALID | {"bands": ["red", "red"]}), "different names"),
        (with_card(VALID | {"tile": 0}), "corrupt card .tile"),
        (with_card(VALID | {"margin": 32}), "margin 32 leaves nothing of tile 64"),
        (with_card(VALID | {"scores": [{"protocol": "x"}]}), "corrupt card .scores"),
        (with_card(json.dumps(VALID).replace("27.0", "NaN")), "corrupt card"),
    ],
)
def test_doubtful_weights_are_refused(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "doubtful.safetensors"
    path.write_bytes(data)
    with pytest.raises(InputError, match=message) as caught:
        read_weights(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_missing_weights(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"model.safetensors: no such weights file"):
        read_weights(tmp_path)
    with pytest.raises(InputError, match=r"none: no such weights file"):
        read_weights(tmp_path / "none")


def test_cards_of_the_first_version_still_load() -> None:
    """What a later version found to be of no use is dropped, and by name: nothing else is."""
    old = VALID | {"format": 1, "value_range": [0.0, 1.0]}
    for key in ("bound", "least_bands", "unsuited"):
        old.pop(key)
    card = parse_card(json.dumps(old), Path("card.json"))
    assert (card.name, card.bound, card.least_bands, card.unsuited) == ("mine", None, None, ())
    assert json.loads(card_bytes(card))["format"] == 2
    assert "value_range" not in json.loads(card_bytes(card))
    with pytest.raises(InputError, match=r"corrupt card .value_range"):
        parse_card(json.dumps(VALID | {"value_range": [0.0, 1.0]}), Path("card.json"))
    with pytest.raises(InputError, match=r"corrupt card .value_rang:"):
        parse_card(json.dumps(old | {"value_rang": 1}), Path("card.json"))


@pytest.mark.parametrize(
    ("key", "value"),
    [("bound", -0.1), ("least_bands", 0), ("unsuited", ["radar", "clouds"]), ("bound", "wide")],
)
def test_a_card_says_nothing_that_no_program_understands(key: str, value: object) -> None:
    with pytest.raises(InputError, match=rf"corrupt card .{key}"):
        parse_card(json.dumps(VALID | {key: value}), Path("card.json"))
