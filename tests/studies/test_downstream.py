"""Tasks that come after: they see what is there, and every number is in a file."""

import csv
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geoloupe.datasets.preparation.prepare import prepare
from geoloupe.datasets.preparation.prepared import PreparedDataset
from geoloupe.errors import InputError
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT
from geoloupe.imagery.spectra import Band
from geoloupe.studies.downstream.indices import agreement, index_agreement
from geoloupe.studies.downstream.pixels import (
    PixelSettings,
    name_pixels,
    pixel_classes,
)
from geoloupe.studies.downstream.scenes import SceneSettings, scene_classes
from geoloupe.studies.downstream.spectral_classifiers import (
    agreement as pixel_agreement,
)
from geoloupe.studies.downstream.spectral_classifiers import (
    cluster,
    ranked_bands,
    separate,
    vote,
)
from tests.datasets.small import enter, picture, prepared, random


def spots(rng: np.random.Generator, apart: float = 1.0) -> tuple[Any, Any]:
    """Draw spectra around three centres."""
    centres = np.eye(3, 6) * apart
    labels = rng.integers(0, 3, 300)
    return centres[labels] + rng.normal(0, 0.1, (300, 6)), labels


def test_clusters_are_found() -> None:
    spectra, labels = spots(np.random.default_rng(0))
    found = cluster(spectra, 3, 1)
    assert (found == cluster(spectra, 3, 1)).all()
    pairs = {(int(one), int(two)) for one, two in zip(labels, found, strict=True)}
    assert len(pairs) == 3  # the same sets, by other names


def test_classifiers_learn_what_can_be_told_apart_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    for apart, low, high in ((1.0, 0.99, 1.0), (0.0, 0.2, 0.47)):
        spectra, labels = spots(rng, apart)
        answers, truth = spots(rng, apart)
        for named in (
            vote(spectra, labels, answers, count=5),
            separate(spectra, labels, answers),
        ):
            assert low <= float((named == truth).mean()) <= high


def test_bands_that_add_nothing_come_last() -> None:
    rng = np.random.default_rng(0)
    bands = rng.normal(0, 1, (100, 3))
    spectra = np.concatenate([bands, bands[:, :2] * 0.5], axis=1)
    assert set(ranked_bands(spectra)[:3]) == {0, 1, 2}


def test_kappa_is_one_for_truth_and_zero_for_chance() -> None:
    truth = np.array([0, 0, 1, 1])
    assert pixel_agreement(truth, truth) == (1, 1, 1)
    assert pixel_agreement(truth, np.array([0, 1, 0, 1])) == (0.5, 0.5, 0)


def test_kappa_counts_both_how_often_a_class_is_and_how_often_it_is_named() -> None:
    truth = np.array([0] * 8 + [1] * 2)
    named = np.array([0] * 7 + [1] * 3)
    chance = 0.8 * 0.7 + 0.2 * 0.3
    expected = (0.9, (7 / 8 + 1) / 2, (0.9 - chance) / (1 - chance))
    assert pixel_agreement(truth, named) == pytest.approx(expected)
    assert pixel_agreement(named, truth)[2] == pytest.approx(expected[2])


def test_indices_agree_with_themselves_and_say_which_class() -> None:
    bands = (Band("red"), Band("nir"))
    values = np.random.default_rng(0).random((2, 8, 8), np.float32)
    hr = Image.of(values, radiometry=UNIT, bands=bands)
    assert agreement(hr, hr) == {
        "NDVI error": 0.0,
        "NDVI correlation": pytest.approx(1.0),
        "NDVI class": 1.0,
    }
    assert agreement(Image.of(values[::-1], radiometry=UNIT, bands=bands), hr)["NDVI class"] < 0.9


def test_scenes_are_recognised_better_than_by_chance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = striped(tmp_path, monkeypatch)
    task = SceneSettings(epochs=15)
    study = scene_classes(["bicubic", "nearest"], f"{data}:test", task=task, scale=2)
    study.write(tmp_path / "report")
    with (tmp_path / "report" / "summary.csv").open() as file:
        rows = {row["shown"]: row for row in csv.DictReader(file)}
    assert list(rows) == ["bicubic", "nearest", "truth"]
    assert float(rows["truth"]["accuracy"]) >= 0.75
    assert rows["truth"]["PSNR"] == ""
    assert float(rows["bicubic"]["PSNR"]) > 5
    with pytest.raises(InputError, match="cannot be tried on what it learned from"):
        scene_classes(["bicubic"], f"{data}:train", scale=2)


def striped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Prepare scenes of two classes: fine stripes and coarse ones."""
    fine, coarse = (np.arange(32)[:, None] // width % 2 * 200 for width in (2, 8))
    rng = np.random.default_rng(0)
    for number in range(12):
        for label, values in (("fine", fine), ("coarse", coarse)):
            noisy = np.broadcast_to(values, (3, 32, 32)) + rng.integers(0, 50, (3, 32, 32))
            picture(folder / "in" / label / f"{label}{number:02}.png", noisy.astype(np.uint8))
    words = "".join(
        f"{'train' if number < 8 else 'test'} {label}{number:02}\n"
        for label in ("fine", "coarse")
        for number in range(12)
    )
    (folder / "list").write_text(words)
    enter(monkeypatch)
    from tests.datasets import small

    def labelled(self: Any, tree: Any) -> Any:
        from dataclasses import replace

        return [
            replace(scene, label=scene.id[:-2], parts={"hr": next(iter(scene.parts.values()))})
            for scene in plain(self, tree)
        ]

    plain = small.Small.scenes
    monkeypatch.setattr(small.Small, "scenes", labelled)
    return prepare(
        "small", folder / "in", folder / "out", split=str(folder / "list")
    ).prepared.folder


@pytest.fixture
def cubes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PreparedDataset:
    """Two cubes of smooth noise."""
    enter(monkeypatch)
    rough = [random(6, 10, 12, dtype="float32", seed=n) for n in range(2)]
    smooth = [(cube.repeat(4, 1).repeat(4, 2) * 60000).astype(np.uint16) for cube in rough]
    return prepared(tmp_path, {f"cube{n}.tif": cube for n, cube in enumerate(smooth)})


def test_pixels_are_named(cubes: PreparedDataset, tmp_path: Path) -> None:
    task = PixelSettings(classes=4)
    study = pixel_classes(["nearest", "bicubic"], f"{cubes.folder}:train", task=task, scale=2)
    study.write(tmp_path / "report")
    with (tmp_path / "report" / "summary.csv").open() as file:
        rows = {row["shown and method"]: float(row["overall"]) for row in csv.DictReader(file)}
    assert rows["truth, nearest neighbours"] > 0.75
    assert rows["truth, nearest neighbours"] > rows["bicubic, nearest neighbours"] > 0.3
    with (tmp_path / "report" / "bands.csv").open() as file:
        assert {row["bands"] for row in csv.DictReader(file)} == {"1", "2", "3", "5", "6"}


def test_labels_of_a_person_count_and_must_fit(cubes: PreparedDataset, tmp_path: Path) -> None:
    image = cubes.image(cubes.entries[0])
    labels = np.zeros((1, 40, 48), np.uint8)
    labels[:, :20] = 1
    labels[:, 20:30] = 2
    task = PixelSettings()
    named = name_pixels(image, image, task, labels[0].astype(np.int64))
    assert set(named.labels) == {0, 1}
    assert len(named.labels) == pytest.approx(0.9 * 30 * 48, rel=0.01)
    path = picture(tmp_path / "labels.tif", labels[:, :39])
    with pytest.raises(
        InputError, match=r"labels\.tif: labels of 48 x 39 pixels do not fit a truth of 48 x 40"
    ):
        pixel_classes(
            ["bicubic"],
            f"{cubes.folder}:train",
            task=PixelSettings(labels=str(path)),
            scale=2,
            limit=1,
        )


def test_indices_need_bands(cubes: PreparedDataset) -> None:
    with pytest.raises(InputError, match="no bands that an index is made of"):
        index_agreement(["bicubic"], f"{cubes.folder}:train", scale=2)


def test_a_missing_extra_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.cluster", None)
    with pytest.raises(InputError, match=r"pip install 'geoloupe\[studies\]'"):
        cluster(np.zeros((9, 2)), 2, 0)
