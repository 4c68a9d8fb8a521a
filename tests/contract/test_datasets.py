"""What every data set of the catalog promises, tried on small archives of the same layout."""

from pathlib import Path
from typing import cast

import numpy as np
import pytest

from geoloupe import catalog
from geoloupe.datasets.preparation.prepare import prepare
from geoloupe.datasets.preparation.prepared import PreparedDataset
from geoloupe.datasets.samples.examples import Examples
from geoloupe.datasets.scenes import DataCard, Dataset
from geoloupe.errors import InputError
from geoloupe.storage.tree import open_tree

NAMES = catalog.names("dataset")
COUNTS = {  # of the small archives, where papers say what they should be: train, val, test
    "aid": (18, 1, 5),
    "aid900": (6, 0, 3),
    "cave": (2, 0, 1),
    "chikusei": (1, 1, 4),
    "colosseum": (1, 0, 1),
    "cubes": (8, 1, 1),
    "dior1000": (6, 0, 3),
    "dota": (6, 0, 3),
    "folder": (8, 1, 1),
    "harvard": (4, 0, 1),
    "landsat7": (8, 2, 2),
    "nwpu": (12, 4, 8),
    **{name: (0, 0, 5) for name in NAMES if name.startswith("opensr-")},
    "pairs": (6, 0, 2),
    "pavia": (1, 1, 4),
    "ucmerced": (12, 4, 8),
}
GUIDED = {"colosseum", "landsat7", "pan", "s2"}
SCALES = {"aid900": 4, "dior1000": 4, "dota": 4, "pairs": 3}  # of sets with LR images
SCALES |= {name: 4 for name in NAMES if name.startswith("opensr-")} | {"opensr-venus": 2}
PARTS = {name: {"hr", "guide"} for name in GUIDED} | {name: {"hr", "lr"} for name in SCALES}
every_set = pytest.mark.parametrize("name", NAMES)


def tiny(name: str) -> Dataset:
    return cast("Dataset", catalog.resolve("dataset", name)).tiny()


@pytest.fixture
def archive(name: str, tmp_path: Path) -> Path:
    """Write a small archive of the data set."""
    tiny(name).fake(tmp_path / "archive")
    return tmp_path / "archive"


@every_set
def test_cards_say_what_a_person_must_know(name: str) -> None:
    dataset = catalog.resolve("dataset", name)
    card = dataset.card  # type: ignore[attr-defined]
    assert isinstance(card, DataCard)
    assert card.name == name
    assert card.rules
    assert all((card.about, card.source, card.terms, card.layout))


@every_set
def test_an_archive_becomes_a_data_set(name: str, archive: Path, tmp_path: Path) -> None:
    dataset = tiny(name)
    prepared = prepare(dataset, archive, tmp_path / "out").prepared
    known = {split: prepared.counts.get(split, 0) for split in ("train", "val", "test")}
    assert known["train"] > 0 or name.startswith("opensr-")
    train, val, test = COUNTS.get(name, known.values())
    wanted = {"train": train, "val": val, "test": test}
    assert prepared.counts == {split: count for split, count in wanted.items() if count}
    names = [entry.id for entry in prepared.entries]
    assert len(set(names)) == len(names)
    for entry in prepared.entries:
        assert set(entry.parts) == PARTS.get(name, {"hr"})
        for part in entry.parts:
            image = prepared.image(entry, part)
            unit = image.in_unit().values
            assert image.values.shape == tuple(np.roll(entry.parts[part].shape, 1))
            assert np.isfinite(unit).all()
            assert 0 <= unit.min() <= unit.max() <= 1
            assert unit.std() > 0
    scale = SCALES.get(name, 2)
    example = Examples(prepared=prepared, entries=prepared.entries[:1], scale=scale)[0]
    height, width = example.lr.valid.shape
    assert example.hr.valid.shape == (height * scale, width * scale)


@every_set
def test_the_same_archive_gives_the_same_bytes(name: str, archive: Path, tmp_path: Path) -> None:
    for target in ("one", "two", "two"):
        prepare(tiny(name), archive, tmp_path / target)
    one, two = (
        {path.name: path.read_bytes() for path in (tmp_path / target).iterdir()}
        for target in ("one", "two")
    )
    assert one == two


@every_set
def test_a_wrong_folder_says_what_is_expected(name: str, tmp_path: Path) -> None:
    (tmp_path / "wrong").mkdir()
    (tmp_path / "wrong" / "notes.txt").write_text("nothing")
    card = catalog.resolve("dataset", name).card  # type: ignore[attr-defined]
    with pytest.raises(InputError) as caught:
        prepare(name, tmp_path / "wrong", tmp_path / "out")
    assert str(tmp_path / "wrong") in str(caught.value)
    assert card.layout in str(caught.value) or card.name in ("cave", "landsat7")
    assert not (tmp_path / "out").exists()


@every_set
def test_a_missing_file_is_missed(name: str, archive: Path, tmp_path: Path) -> None:
    if name in ("cubes", "folder"):
        pytest.skip("any number of files will do")
    names = open_tree(archive).names
    (archive / names[len(names) // 2]).unlink()
    with pytest.raises(InputError) as caught:
        prepare(tiny(name), archive, tmp_path / "out")
    assert str(archive) in str(caught.value)
    assert not (tmp_path / "out").exists()


@every_set
def test_a_file_cut_short_is_named(name: str, archive: Path, tmp_path: Path) -> None:
    names = open_tree(archive).names
    victim = archive / names[len(names) // 2]
    content = victim.read_bytes()
    victim.write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(InputError) as caught:
        prepare(tiny(name), archive, tmp_path / "out")
    assert victim.name in str(caught.value)
    with pytest.raises(InputError, match="no prepared data set"):
        PreparedDataset.open(tmp_path / "out")
    victim.write_bytes(content)
    assert prepare(tiny(name), archive, tmp_path / "out").prepared.counts
