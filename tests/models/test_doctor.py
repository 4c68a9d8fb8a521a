"""The checkup: sound here, and not sound where a model or a file is not what it was."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from geoloupe.models import doctor as checkup
from geoloupe.models.card import read_weights, write_weights
from geoloupe.models.golden import FILE, TOLERANCE, largest_error
from geoloupe.models.model import load
from geoloupe.models.sharpeners import load_sharpener
from geoloupe.models.shipped import shipped, shipped_sharpeners


@pytest.mark.parametrize("name", shipped())
def test_shipped_models_answer_here_as_they_did_at_home(name: str) -> None:
    assert largest_error(load(name), shipped()[name]) < TOLERANCE


@pytest.mark.parametrize("name", shipped_sharpeners())
def test_shipped_sharpeners_answer_here_as_they_did_at_home(name: str) -> None:
    assert largest_error(load_sharpener(name), shipped_sharpeners()[name]) < TOLERANCE


def test_all_is_sound_here() -> None:
    found = {finding.subject: finding for finding in checkup.checkup()}
    assert all(finding.sound for finding in found.values()), found
    assert "GDAL" in found["files"].message
    assert {f"model {name}" for name in [*shipped(), *shipped_sharpeners()]} <= set(found)


@pytest.mark.parametrize(
    ("damage", "advice"),
    [
        ("weights", "report this"),
        ("golden", "install geoloupe again"),
        ("missing", "install geoloupe again"),
    ],
)
def test_a_model_that_is_not_what_it_was_is_found(
    damage: str, advice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "loupe-x2"
    shutil.copytree(shipped()["loupe-x2"], folder)
    if damage == "weights":
        card, tensors = read_weights(folder)
        name = max(tensors, key=lambda key: tensors[key].size)
        tensors[name] = (tensors[name].astype(np.float32) * 1.05).astype(tensors[name].dtype)
        write_weights(folder, card, tensors, overwrite=True)
    elif damage == "golden":
        (folder / FILE).write_text("[1, 2]")
    else:
        (folder / FILE).unlink()
    monkeypatch.setattr(checkup, "shipped", lambda: {"loupe-x2": folder})
    monkeypatch.setattr(checkup, "load", lambda _: load(folder))
    found = next(f for f in checkup.checkup() if f.subject == "model loupe-x2")
    assert not found.sound
    assert advice in found.message
