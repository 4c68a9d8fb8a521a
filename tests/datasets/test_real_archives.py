"""Real data sets, prepared and compared with the files they came from."""

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from geoloupe.datasets.preparation.prepare import prepare
from geoloupe.errors import InputError
from geoloupe.imagery.registration import check_registration
from geoloupe.rasters.opening import open_source
from tests.real_data import DATA

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the real data sets are not here")


@pytest.mark.slow
def test_ucmerced(tmp_path: Path) -> None:
    outcome = prepare("ucmerced", DATA / "ucmerced", tmp_path / "out")
    prepared = outcome.prepared
    assert prepared.counts == {"train": 945, "val": 105, "test": 420}
    labels = Counter((entry.split, entry.label) for entry in prepared.entries)
    assert set(labels.values()) == {45, 5, 20}
    sizes = Counter(entry.parts["hr"].shape for entry in prepared.entries)
    assert sizes[256, 256, 3] == 1470 - 37
    assert any("37 of other sizes" in note for note in outcome.notes)
    for entry in prepared.entries[::200]:
        (path,) = (DATA / "ucmerced" / entry.split).rglob(f"{entry.id}.*")
        with open_source(path) as source:
            assert (source.read().values == prepared.image(entry).values).all()


def test_a_ucmerced_that_lacks_a_class_is_refused(tmp_path: Path) -> None:
    for path in (DATA / "ucmerced" / "train").rglob("*.webp"):
        if not path.name.startswith("beach"):
            place = tmp_path / "in" / path.stem[:-2] / path.name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, place)
    with pytest.raises(InputError, match=r"class agricultural has 45 pictures where 100"):
        prepare("ucmerced", tmp_path / "in", tmp_path / "out")


def test_airborne_cubes_and_an_unmixing_scene(tmp_path: Path) -> None:
    prepared = prepare("cubes", DATA / "hyperspectral", tmp_path / "out").prepared
    assert sum(prepared.counts.values()) == 7
    for entry in prepared.entries:
        stored = scipy.io.loadmat(DATA / "hyperspectral" / f"{entry.id}.mat")
        image = prepared.image(entry)
        if entry.id.startswith("jasper"):
            # Pixel n of MATLAB's matrix lies n down the first column, then the second.
            assert (image.values[:, 3, 7] == stored["Y"][:, 7 * 100 + 3]).all()
        else:
            assert (image.values == stored["data"].transpose(2, 0, 1)).all()
        assert image.in_unit().values.max() == pytest.approx(1.0)


@pytest.mark.slow
def test_landsat_pairs_are_moved_into_place(tmp_path: Path) -> None:
    prepared = prepare("landsat7", DATA / "landsat7", tmp_path / "out").prepared
    assert prepared.counts == {"train": 8, "val": 2, "test": 2}
    lines = (tmp_path / "out" / "registration.csv").read_text().splitlines()[1:]
    assert len(lines) == 12
    for line in lines:
        rows, columns, confidence = (float(word) for word in line.split(",")[4:])
        assert confidence > 0.8
        assert np.hypot(rows, columns) < 0.5


@pytest.mark.slow
def test_the_check_finds_the_pixel_by_which_landsat_s_pan_is_off(tmp_path: Path) -> None:
    for number in range(1, 13):
        ms = scipy.io.loadmat(DATA / "landsat7" / f"{number}_ms.mat")["cropped_im"]
        pan = scipy.io.loadmat(DATA / "landsat7" / f"{number}_pan.mat")["cropped_gray"]
        shift = check_registration(ms.transpose(2, 0, 1), pan[None], 2)
        assert shift.confidence > 0.8
        assert (round(shift.rows), round(shift.columns)) == (-1, -1), number
