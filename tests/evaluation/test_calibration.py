"""Sigma is fitted on some images and holds on others; the tool writes it into the card."""

import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from tools import calibrate

from geoloupe.datasets.preparation.prepared import find
from geoloupe.datasets.samples.examples import Example
from geoloupe.errors import InputError
from geoloupe.evaluation.calibration import Sample, Seen, cover, fit, interval_score, sparsification
from geoloupe.models.card import Calibration, Card, read_weights
from geoloupe.models.doubt import Table
from geoloupe.models.model import Model, load, save
from geoloupe.networks import build, network_class
from tests.training.scenes import prepared

SEEN = Seen(mtf=0.3, told=0.3)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight drawn scenes."""
    return prepared(tmp_path_factory.mktemp("drawn"), 8)


@pytest.fixture(scope="module")
def examples(data: Path) -> list[Example]:
    """All of them, as a sensor sees them."""
    drawn = find(str(data))
    return [example for split in drawn.counts for example in SEEN.examples(drawn, split, scale=2)]


@pytest.fixture(scope="module")
def halves(examples: list[Example]) -> tuple[Sample, Sample]:
    """Pixels of every other scene, and of the rest."""
    model = load("loupe-x2")
    first, second = (Sample.of(model, examples[start::2], told=SEEN.told) for start in (0, 1))
    return first, second


def test_the_truth_of_other_scenes_lies_within_sigma_as_often_as_said(
    halves: tuple[Sample, Sample],
) -> None:
    found = fit({0.3: halves[0]}, data="drawn")
    own, other = (cover(found, half, told=0.3, data="drawn") for half in halves)
    for level, share in own.within.items():
        assert share == pytest.approx(int(level) / 100, abs=0.01)
        assert other.within[level] == pytest.approx(int(level) / 100, abs=0.05)
    assert other.images == 4
    assert other.rank_correlation > 0.2
    assert other.sparsification < 0.7  # a constant has 1
    assert other.interval_score < 0.99  # and 1 here too


def test_a_wrong_word_on_the_mtf_shows_in_the_cover(examples: list[Example]) -> None:
    model = load("loupe-x2")
    right = Sample.of(model, examples[:8], told=0.3)
    found = fit({0.3: right}, data="drawn")
    wrong = cover(found, Sample.of(model, examples[:8], told=0.6), told=0.6, data="drawn")
    sound = cover(found, right, told=0.3, data="drawn")
    assert wrong.within["90"] < sound.within["90"] - 0.04


def test_classes_and_images_are_told_apart(halves: tuple[Sample, Sample]) -> None:
    first, _ = halves
    found = fit({0.3: first}, data="drawn")
    images = [replace(image, label="good") for image in halves[0].images]
    images[3] = replace(images[3], label="bad", error=np.ones_like(images[3].error))
    seen = cover(found, Sample(images=tuple(images)), told=0.3, data="drawn")
    assert (seen.worst_class, seen.worst_class_90, seen.classes_below_80) == ("bad", 0.0, 1)
    assert seen.worst_images_90 < 0.6


def test_sparsification_is_nothing_for_the_true_order_and_one_for_none() -> None:
    rng = np.random.default_rng(0)
    error = rng.exponential(size=20_000)
    assert sparsification(error, error) == 0
    assert sparsification(rng.random(20_000), error) == pytest.approx(1, abs=0.05)


def test_intervals_are_scored_by_their_width_and_what_they_miss() -> None:
    error = np.random.default_rng(0).exponential(size=20_000)
    best = np.quantile(error, 0.9)
    assert interval_score(np.full_like(error, best), error) == 1
    assert interval_score(error, error) < 0.5
    for width in (0.5 * best, 2 * best):
        assert interval_score(np.full_like(error, width), error) > 1.1


def test_a_table_never_falls(halves: tuple[Sample, Sample]) -> None:
    found = fit({0.2: halves[0], 0.3: halves[1]}, data="drawn")
    for row in found.sigmas:
        assert list(row) == sorted(row)
        assert row[0] > 0
    middle = Table.at(found, 0.25)
    assert np.allclose(middle.sigmas, np.mean(found.sigmas, axis=0))
    assert Table.at(found, 0.7) == Table.at(found, 0.3)


def test_a_card_refuses_a_table_that_does_not_fit() -> None:
    whole = {"data": "d", "images": 1, "mtf": (0.1, 0.2), "ratios": (0.1, 0.2)}
    rows = {"sigmas": ((1, 2), (1, 2)), "factors": ((1, 2, 3), (1, 2, 3))}
    assert Calibration(**whole, **rows)
    for change in ({"mtf": (0.2, 0.1)}, {"sigmas": ((1, 2),)}, {"ratios": (0.1, 0.2, 0.3)}):
        with pytest.raises(ValidationError):
            Calibration(**whole | rows | change)


def test_models_with_a_guide_are_refused(examples: list[Example]) -> None:
    network = build("mulsr", **asdict(network_class("mulsr").Settings.tiny()))
    model = Model(network, Card(name="guided", network="mulsr", settings={}))
    with pytest.raises(InputError, match="models with a guide are not calibrated yet"):
        Sample.of(model, examples[:1], told=0.3)


def test_the_tool_writes_a_card_that_the_program_shows(
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = {"scale": 2, "features": 8, "blocks": 1}
    card = Card(name="mine", network="loupe", settings=settings)
    save(Model(build("loupe", **settings), card), tmp_path / "mine")
    words = [str(tmp_path / "mine"), "--data", f"{data}:train", "--tried", f"{data}:val"]
    monkeypatch.setattr(sys, "argv", ["calibrate", *words])
    calibrate.main()
    assert "MTF 0.25 told as 0.3, noise 0: 68 %" in capsys.readouterr().out
    found = read_weights(tmp_path / "mine")[0].calibration
    assert found is not None
    assert (found.mtf[0], found.mtf[-1]) == (0.12, 0.5)
    assert len(found.cover) == 9
    shown = subprocess.run(
        [sys.executable, "-m", "geoloupe", "models", str(tmp_path / "mine")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "sigma, calibrated on folder:train (" in shown
    assert "for MTF 0.12 to 0.5" in shown
    assert "folder:val, MTF 0.3, noise 2" in shown
