"""Models go to a hub and come back as they were; nobody else hears of it."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from geoloupe.errors import InputError, RunError
from geoloupe.models.card import WEIGHTS_FILE, read_weights
from geoloupe.models.exchange import hub
from geoloupe.models.exchange.hub_page import hub_texts, licence_id
from geoloupe.models.exchange.stac_mlm import mlm_item
from geoloupe.models.model import Model, load, save
from geoloupe.models.shipped import shipped
from tests.models.exchange.fake_hub import TOKEN, FakeHub, fake_hub
from tests.models.exchange.test_export import tiny
from tests.program import program
from tests.stac_schemas import MLM


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with fake_hub() as found:
        monkeypatch.setenv("HF_ENDPOINT", found.address)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield found


def test_a_model_comes_back_as_it_was_pushed(there: FakeHub, tmp_path: Path) -> None:
    model = load("loupe-x2")
    address = hub.push(model, "hub:me/finer")
    assert address == f"{there.address}/me/finer"
    assert set(there.repositories["me/finer"]) == {
        *("README.md", "card.json", "config.json", "mlm.json", WEIGHTS_FILE)
    }
    found = hub.pull("hub:me/finer@v1", tmp_path / "finer")
    assert found.digest == model.digest
    assert load(tmp_path / "finer").digest == model.digest
    assert load(tmp_path / "finer").card == model.card
    assert sorted(path.name for path in (tmp_path / "finer").iterdir()) == [
        *("card.json", WEIGHTS_FILE)
    ]
    hub.push(model, "hub:me/finer")  # again, where it is already


def test_a_repository_is_private_unless_said_otherwise(there: FakeHub) -> None:
    hub.push(tiny(), "hub:me/one")
    hub.push(tiny(), "hub:me/two", public=True)
    assert there.private == {"me/one": True, "me/two": False}


def test_only_the_hub_is_asked_and_nothing_of_this_machine_told(
    there: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached: list[Any] = []
    connect = socket.socket.connect

    def noted(self: socket.socket, address: Any) -> None:
        reached.append(address)
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", noted)
    monkeypatch.delenv("HF_HUB_DISABLE_TELEMETRY", raising=False)
    hub.push(tiny(), "hub:me/mine")
    hub.pull("hub:me/mine", tmp_path / "mine")
    port = int(there.address.rpartition(":")[2])
    assert {(address[0], address[1]) for address in reached} <= {("127.0.0.1", port), ("::1", port)}
    for _, path, headers in there.asked:
        told = {key.lower(): value for key, value in headers.items()}
        assert "torch" not in told["user-agent"]
        assert "agent/" not in told["user-agent"]
        assert "telemetry" not in path
        if path.startswith("/large/"):
            assert "authorization" not in told


def test_the_client_is_left_as_it_was(there: FakeHub) -> None:
    from huggingface_hub import constants

    before = (constants.HF_HUB_DISABLE_TELEMETRY, constants.HF_HUB_DISABLE_XET)
    with pytest.raises(InputError):
        hub.pull("hub:me/none", Path("none"))
    assert before == (constants.HF_HUB_DISABLE_TELEMETRY, constants.HF_HUB_DISABLE_XET)


@pytest.mark.parametrize("name", ["me/mine", "hub:mine", "hub:me/mine/more", "hub:../x", "hub:me/"])
def test_what_is_no_name_on_a_hub_is_said(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is written hub:owner/name"):
        hub.pull(name, tmp_path / "a")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hub:me/none", "knows no such repository, or it is private"),
        ("hub:me/mine@v2", "has no such revision"),
        ("hub:me/empty", "has no model.safetensors, so it is no model of geoloupe"),
    ],
)
def test_what_is_not_there_is_said(name: str, message: str, there: FakeHub, tmp_path: Path) -> None:
    there.repositories = {"me/mine": {WEIGHTS_FILE: b"x"}, "me/empty": {}}
    with pytest.raises(InputError, match=message):
        hub.pull(name, tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_weights_of_others_are_checked_before_they_are_kept(there: FakeHub, tmp_path: Path) -> None:
    there.repositories["me/bad"] = {WEIGHTS_FILE: b"\x80\x04pickled code" * 100}
    with pytest.raises(InputError, match=r"^hub:me/bad/model\.safetensors: not a safetensors"):
        hub.pull("hub:me/bad", tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_weights_larger_than_the_memory_are_not_fetched(
    there: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there.repositories["me/big"] = {WEIGHTS_FILE: b"x" * 1000}
    monkeypatch.setattr(hub, "available", lambda: 999)
    with pytest.raises(InputError, match="its weights take"):
        hub.pull("hub:me/big", tmp_path / "a")
    assert not any(method == "GET" for method, _, _ in there.asked)


def test_without_a_token_nothing_is_pushed(there: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_of-somebody-else")
    with pytest.raises(InputError, match=r"log in|HF_TOKEN"):
        hub.push(tiny(), "hub:me/mine")


def test_a_hub_that_fails_or_is_away_is_said(
    there: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there.refuse = 418
    with pytest.raises(RunError, match="HTTP 418"):
        hub.push(tiny(), "hub:me/mine")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(RunError, match="cannot be reached"):
        hub.pull("hub:me/mine", tmp_path / "a")
    monkeypatch.setenv("HF_ENDPOINT", "http://example.invalid")
    with pytest.raises(InputError, match="by https only"):
        hub.pull("hub:me/mine", tmp_path / "a")


def test_what_cannot_be_pushed_is_refused(there: FakeHub) -> None:
    with pytest.raises(InputError, match="has no weights"):
        hub.push(load("bicubic"), "hub:me/mine")
    with pytest.raises(InputError, match="leave the revision out"):
        hub.push(tiny(), "hub:me/mine@v1")
    assert not there.asked


@pytest.mark.parametrize("name", shipped())
def test_the_item_of_every_model_is_valid(name: str) -> None:
    model = load(name)
    item = json.loads(hub_texts(model, "me/mine")["mlm.json"])
    assert [error.message for error in Draft7Validator(MLM).iter_errors(item)] == []
    known = item["properties"]
    assert known["geoloupe:digest"] == model.digest
    assert known["mlm:input"][0]["bands"] == list(model.card.bands or ())
    assert known["mlm:input"][0]["input"]["shape"][1] == (
        model.network.signature.bands or len(model.card.bands or ()) or -1
    )
    assert len(known["mlm:input"]) == 1 + model.network.signature.guided


@pytest.mark.parametrize(
    "damage",
    [
        {"mlm:name": "-"},
        {"mlm:tasks": ["magic"]},
        {"mlm:framework_version": "2"},
        {"mlm:unknown": 1},
        {"mlm:hyperparameters": {}},
        {"bands": []},
        {"end_datetime": "tomorrow"},
    ],
)
def test_an_item_that_is_not_valid_is_told_from_one_that_is(damage: dict[str, Any]) -> None:
    item = mlm_item(load("hsenet-x4"), "MIT")
    item["properties"] |= damage
    assert not Draft7Validator(MLM).is_valid(item)


def test_a_name_that_catalogues_refuse_becomes_a_plain_one() -> None:
    for name, plain in (("été 4 x", "t-4-x"), ("4x", "model-4x"), ("?", "model-x")):
        model = tiny()
        item = mlm_item(Model(model.network, model.card.model_copy(update={"name": name})), "other")
        assert item["id"] == plain
        assert Draft7Validator(MLM).is_valid(item)


def test_the_page_says_what_a_model_is(tmp_path: Path) -> None:
    model = load("hsenet-x4")
    page = hub_texts(model, "me/mine")["README.md"]
    _, head, body = page.split("---\n", 2)
    told = yaml.safe_load(head)
    assert told["license"] == "apache-2.0"
    assert told["pipeline_tag"] == "image-to-image"
    assert "geoloupe models pull hub:me/mine -o mine" in body
    assert f"| psnr | {model.card.scores[0].values['psnr']:.4f} | 25.3380 |" in body
    config = json.loads(hub_texts(model, "me/mine")["config.json"])
    assert config["settings"] == read_weights(shipped()["hsenet-x4"])[0].settings


def test_a_licence_that_no_hub_knows_is_named() -> None:
    model = tiny()
    card = model.card.model_copy(update={"licence": 'Mine: "no"\nother: yes'})
    head = hub_texts(Model(model.network, card), "me/mine")["README.md"].split("---\n")[1]
    assert yaml.safe_load(head)["license"] == "other"
    assert yaml.safe_load(head)["license_name"] == 'Mine: "no"\nother: yes'
    assert licence_id("CC-BY-4.0, as ever") == "CC-BY-4.0"
    assert licence_id(None) is None


def test_the_program_pushes_and_pulls(there: FakeHub, tmp_path: Path) -> None:
    save(tiny(), tmp_path / "mine")
    done = program("models", "push", "mine", "hub:me/mine", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{there.address}/me/mine"
    done = program("models", "pull", "hub:me/mine", "-o", "back", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert load(tmp_path / "back").digest in done.stdout
    done = program("models", "pull", "hub:me/mine", cwd=tmp_path)
    assert done.returncode == 2  # mine is there already
    assert "add --overwrite" in done.stderr
    assert (
        program("models", "back", cwd=tmp_path).stdout
        == program("models", "show", "back", cwd=tmp_path).stdout
    )


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(InputError, match=r"pip install 'geoloupe\[hub\]'"):
        hub.pull("hub:me/mine", tmp_path / "a")
