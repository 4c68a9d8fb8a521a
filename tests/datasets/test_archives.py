"""Archives that are not as published: named, explained, and nothing left that looks finished."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import scipy.io

from geoloupe import catalog
from geoloupe.datasets.preparation.prepare import prepare
from geoloupe.datasets.preparation.prepared import PreparedDataset
from geoloupe.datasets.scenes import Dataset
from geoloupe.errors import InputError
from tests.datasets.small import picture, random


def tiny(name: str) -> Dataset:
    return cast("Dataset", catalog.resolve("dataset", name)).tiny()


def refused(dataset: Dataset | str, archive: Path) -> str:
    """Give the one sentence by which an archive is refused."""
    with pytest.raises(InputError) as caught:
        prepare(dataset, archive, archive.parent / "out")
    with pytest.raises(InputError, match="no prepared data set"):
        PreparedDataset.open(archive.parent / "out")
    return str(caught.value)


def cubes(change: Callable[[Any], Any]) -> Callable[[Path], None]:
    """Change the cube of Harvard's third scene."""

    def spoil(archive: Path) -> None:
        content = scipy.io.loadmat(archive / "img2.mat")
        scipy.io.savemat(archive / "img2.mat", {"ref": change(content["ref"])})

    return spoil


def with_nan(cube: Any) -> Any:
    cube[4, 5, 6] = np.nan
    return cube


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            cubes(lambda cube: cube[..., :3]),
            "img2.mat: holds 20 x 24 x 3 values where",
        ),
        (cubes(lambda cube: cube[:-1]), "img2.mat: holds 19 x 24 x 31 values where"),
        (cubes(lambda cube: 0 * cube), "img2.mat: its greatest value is 0"),
        (cubes(with_nan), "img2.mat: is not a number in band 7, row 4, column 5"),
        (cubes(lambda cube: cube[0]), "img2.mat: holds no cubes"),
    ],
    ids=["bands", "size", "black", "nan", "flat"],
)
def test_a_wrong_cube_is_named(tmp_path: Path, spoil: Callable[[Path], None], message: str) -> None:
    tiny("harvard").fake(tmp_path / "in")
    spoil(tmp_path / "in")
    assert message in refused(tiny("harvard"), tmp_path / "in")


def test_a_missing_class_is_named(tmp_path: Path) -> None:
    tiny("ucmerced").fake(tmp_path / "in")
    for path in (tmp_path / "in" / "airplane").iterdir():
        path.unlink()
    message = refused(tiny("ucmerced"), tmp_path / "in")
    assert "class airplane has 0 pictures where 12 are expected; number 1 is missing" in message


def test_a_missing_band_of_cave_is_named(tmp_path: Path) -> None:
    tiny("cave").fake(tmp_path / "in")
    (tmp_path / "in" / "beads_ms" / "beads_ms" / "beads_ms_07.png").unlink()
    assert "beads_ms_07.png is missing" in refused(tiny("cave"), tmp_path / "in")


def test_a_coloured_picture_is_no_band(tmp_path: Path) -> None:
    tiny("cave").fake(tmp_path / "in")
    place = tmp_path / "in" / "beads_ms" / "beads_ms" / "beads_ms_07.png"
    place.unlink()
    picture(place.with_suffix(".tif"), random(3, 24, 24, dtype="uint16"))
    place.with_suffix(".tif").rename(place)
    assert f"{place}: holds 3 bands of uint16 where 1" in refused(tiny("cave"), tmp_path / "in")


def test_eight_bits_of_cave_mean_the_same_light(tmp_path: Path) -> None:
    tiny("cave").fake(tmp_path / "in")
    place = tmp_path / "in" / "beads_ms" / "beads_ms" / "beads_ms_07.png"
    place.unlink()
    values = random(1, 24, 24)
    picture(place, values)
    prepared = prepare(tiny("cave"), tmp_path / "in", tmp_path / "out").prepared
    entry = next(entry for entry in prepared.entries if entry.id == "beads")
    unit = prepared.image(entry).in_unit().values
    assert np.abs(unit[6] - values[0] / 255).max() < 1e-6


@pytest.mark.parametrize(
    ("lr", "hr", "message"),
    [
        ((3, 12, 12), (3, 36, 37), "has 12 x 12 pixels, and the HR image has 37 x 36"),
        ((3, 12, 12), (5, 36, 36), "has 3 bands, and the HR image has 5"),
    ],
)
def test_pairs_must_fit(
    tmp_path: Path, lr: tuple[int, int, int], hr: tuple[int, int, int], message: str
) -> None:
    picture(tmp_path / "in" / "lr" / "a.tif", random(*lr))
    picture(tmp_path / "in" / "hr" / "a.tif", random(*hr))
    found = refused("pairs", tmp_path / "in")
    assert "in/lr/a.tif: " in found
    assert message in found


def test_a_file_without_a_partner_is_named(tmp_path: Path) -> None:
    picture(tmp_path / "in" / "lr" / "a.tif", random(1, 8, 8))
    picture(tmp_path / "in" / "hr" / "a.tif", random(1, 16, 16))
    picture(tmp_path / "in" / "hr" / "b.tif", random(1, 16, 16))
    assert "hr/b.tif: has no LR image of the same name" in refused("pairs", tmp_path / "in")


def test_pairs_are_told_by_folders_and_names(tmp_path: Path) -> None:
    for split in ("train", "val"):
        picture(tmp_path / "in" / split / "Landsat8" / "x_1_LR.tif", random(1, 8, 8))
        picture(tmp_path / "in" / split / "Sentinel2" / "x_1_HR.tif", random(1, 24, 24))
    prepared = prepare("pairs", tmp_path / "in", tmp_path / "out").prepared
    assert [(entry.id, entry.split) for entry in prepared.entries] == [
        ("train/x_1", "train"),
        ("val/x_1", "val"),
    ]


def test_the_registration_of_pairs_is_reported(tmp_path: Path) -> None:
    """The HR images of two pairs lie where they should, and 3 down and 2 left of it."""
    ground = np.kron(random(1, 40, 40, seed=1)[0], np.ones((6, 6)))[None]
    for name, rows, columns in (("still", 0, 0), ("moved", 3, -2)):
        hr = np.roll(ground, (rows, columns), axis=(1, 2))
        lr = ground.reshape(1, 80, 3, 80, 3).mean(axis=(2, 4))
        picture(tmp_path / "in" / "hr" / f"{name}.tif", hr.astype(np.uint8))
        picture(tmp_path / "in" / "lr" / f"{name}.tif", lr.astype(np.uint8))
    outcome = prepare("pairs", tmp_path / "in", tmp_path / "out")
    assert any("1 more than 0.5; each: " in note for note in outcome.notes)
    lines = (tmp_path / "out" / "registration.csv").read_text().splitlines()[1:]
    found = {line.split(",")[0]: line.split(",")[1:] for line in lines}
    assert found["still"][:3] == ["lr", "hr", "3"]
    assert [float(word) for word in found["still"][3:5]] == pytest.approx([0, 0], abs=0.2)
    assert [float(word) for word in found["moved"][3:5]] == pytest.approx([3, -2], abs=0.2)


def test_a_folder_split_in_part_is_refused(tmp_path: Path) -> None:
    picture(tmp_path / "in" / "train" / "a.png", random(3, 8, 8))
    picture(tmp_path / "in" / "b.png", random(3, 8, 8))
    assert "b.png: is in none of train/" in refused("folder", tmp_path / "in")


def test_a_folder_may_say_its_splits(tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        picture(tmp_path / "in" / split / "river" / "a.png", random(3, 8, 8))
    prepared = prepare("folder", tmp_path / "in", tmp_path / "out").prepared
    assert [(e.id, e.split, e.label) for e in prepared.entries] == [
        (f"{split}/river/a", split, "river") for split in ("train", "val", "test")
    ]
