"""Cards: what was measured is written into them, and the program shows them."""

import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from geoloupe.models.card import Card, read_weights
from geoloupe.models.model import Model, load, save
from geoloupe.models.sharpeners import load_sharpener
from geoloupe.models.shipped import shipped, shipped_sharpeners
from geoloupe.networks import build
from tests.program import program
from tests.training.scenes import prepared


def geoloupe(*words: object) -> subprocess.CompletedProcess[str]:
    """Run the program."""
    return program(*map(str, words))


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A folder of fresh weights."""
    settings = {"scale": 2, "features": 8, "blocks": 1}
    card = Card(name="mine", network="loupe", settings=settings, not_for="maps")
    save(Model(build("loupe", **settings), card), tmp_path / "mine")
    return tmp_path / "mine"


def test_what_is_measured_goes_into_the_card(weights: Path, tmp_path: Path) -> None:
    data = prepared(tmp_path / "data", 4)
    words = ("evaluate", "--models", f"{weights},bicubic", "--data", f"{data}:val", "--cards")
    done = geoloupe(*words, "--scale", 2, "-o", tmp_path / "tables")
    assert done.returncode == 0, done.stderr
    before = read_weights(weights)[1]
    card, tensors = read_weights(weights)
    (score,) = card.scores
    table = (tmp_path / "tables" / "summary.json").read_text()
    assert score.protocol == "hsenet"
    assert score.data == "folder:val, bi"
    assert set(score.values) == set(score.bicubic) == {"psnr", "ssim"}
    numbers = [float(text) for text in re.findall(r"\d+\.\d+", table)]
    assert min(abs(number - score.values["psnr"]) for number in numbers) < 1e-4
    assert all((tensors[name] == before[name]).all() for name in before)
    # Measured again, a row is replaced and not repeated.
    geoloupe(*words, "--scale", 2, "-o", tmp_path / "tables", "--overwrite")
    assert len(read_weights(weights)[0].scores) == 1
    shown = geoloupe("models", weights)
    assert "not for" in shown.stdout
    assert f"{score.values['psnr']:.4f}" in shown.stdout


def test_a_copy_in_half_precision_answers_alike(weights: Path, tmp_path: Path) -> None:
    done = geoloupe("models", weights, "--half", "-o", tmp_path / "half")
    assert done.returncode == 0, done.stderr
    sizes = [(folder / "model.safetensors").stat().st_size for folder in (weights, done_at(done))]
    assert sizes[1] < 0.75 * sizes[0]
    one, other = (load(folder).network.state_dict() for folder in (weights, tmp_path / "half"))
    for name, tensor in one.items():
        assert other[name].dtype == tensor.dtype
        assert np.allclose(tensor.numpy(), other[name].numpy(), rtol=1e-3, atol=1e-6)
    assert geoloupe("models", weights, "-o", tmp_path / "half").returncode == 2


def done_at(done: subprocess.CompletedProcess[str]) -> Path:
    """Read the folder that a command printed."""
    return Path(done.stdout.strip())


def test_shipped_models_are_listed_and_whole() -> None:
    done = geoloupe("models", "--json")
    told = json.loads(done.stdout)
    assert set(told) == {*shipped(), *shipped_sharpeners()}
    for name, folder in shipped().items():
        model = load(name)
        assert model.card.name == name == folder.name
        assert model.card.scores
        assert model.card.training
        assert model.card.licence
        assert model.card.not_for
    assert sum(f.stat().st_size for d in shipped().values() for f in d.iterdir()) < 16 * 2**20


def test_shipped_sharpeners_show_what_was_measured_and_are_copied(tmp_path: Path) -> None:
    for name in shipped_sharpeners():
        card = load_sharpener(name).card
        assert card.name == name
        assert card.shares
        assert card.training
        assert card.licence
        assert card.not_for
    done = geoloupe("models", "guided-pan")
    assert "Errors relative to interpolation's" in done.stdout
    done = geoloupe("models", "guided-pan", "-o", tmp_path / "copy")
    assert load_sharpener(done_at(done)).digest == load_sharpener("guided-pan").digest
    assert (
        "sharpens bands with a guide" in geoloupe("upscale", "a.tif", "--model", "guided-s2").stderr
    )


def test_networks_without_weights_have_no_card() -> None:
    done = geoloupe("models", "bicubic")
    assert done.returncode == 2
    assert "has no weights, so it has no card" in done.stderr
    assert "did you mean" in geoloupe("models", "bicubik").stderr
