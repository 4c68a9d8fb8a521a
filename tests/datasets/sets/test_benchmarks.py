"""The layouts of opensr-test and BasicRSISR, and what is measured on them."""

from pathlib import Path

import numpy as np
import pytest

from geoloupe.datasets.preparation.prepare import prepare
from geoloupe.datasets.sets.basicrsisr import AID900
from geoloupe.datasets.sets.opensr import NAIP, VENUS
from geoloupe.errors import InputError
from geoloupe.evaluation.comparison import compare
from geoloupe.evaluation.evaluate import evaluate
from geoloupe.metrics.trust import trust
from geoloupe.rasters.opening import open_source


def test_reflectance_and_bands_of_sentinel_2_meet_those_of_the_finer_image(tmp_path: Path) -> None:
    NAIP.fake(tmp_path / "100")
    done = prepare("opensr-naip", tmp_path / "100", tmp_path / "out").prepared
    for entry in done.entries:
        lr, hr = (done.image(entry, part) for part in ("lr", "hr"))
        assert [band.name for band in lr.bands] == ["red", "green", "blue", "nir"]
        unit = hr.in_unit().values
        blocks = unit.reshape(4, 16, 4, 18, 4).mean(axis=(2, 4))
        assert np.abs(lr.in_unit().values - blocks).max() < 2e-4  # whole numbers of 10000


def test_a_set_is_found_in_its_folder_and_beside_others(tmp_path: Path) -> None:
    NAIP.fake(tmp_path / "100")
    VENUS.fake(tmp_path / "100")
    inside = prepare("opensr-venus", tmp_path / "100" / "venus", tmp_path / "inside").prepared
    beside = prepare("opensr-venus", tmp_path / "100", tmp_path / "beside").prepared
    assert inside.counts == beside.counts == {"test": 5}
    next((tmp_path / "100" / "venus" / "L2A").glob("*0003*")).unlink()
    with pytest.raises(
        InputError, match=r"HR__ROI_0003__sheet\.tif: ROI_0003 has no raster in l2a"
    ):
        prepare("opensr-venus", tmp_path / "100", tmp_path / "less")


def test_opensr_scores_are_the_measures_of_trust(tmp_path: Path) -> None:
    VENUS.fake(tmp_path / "100")
    done = prepare("opensr-venus", tmp_path / "100", tmp_path / "out").prepared
    data = f"{done.folder}:test"
    rows = evaluate(["bicubic"], data, scale=2, protocol="opensr").rows
    assert len(rows) == 5
    names = {"reflectance", "spectral", "synthesis", "improvement", "omission", "hallucination"}
    assert names <= set(rows[0].scores) <= names | {"spatial"}
    entry = done.entries[0]
    lr, hr = (done.image(entry, part) for part in ("lr", "hr"))
    same = trust(lr, hr, hr, 2)
    assert same.improvement is not None
    assert rows[0].scores["improvement"] < same.improvement
    found = compare(["nearest", "bicubic"], data, scale=2, protocol="opensr")
    assert found.metric == "improvement"


def test_classes_are_folders_and_other_test_sets_are_left_alone(tmp_path: Path) -> None:
    AID900.fake(tmp_path / "datasets")
    test = tmp_path / "datasets" / "test"
    for side in ("GT", "LR"):
        (test / "AID900" / side / "Beach").mkdir()
        (test / "AID900" / side / "0.png").rename(test / "AID900" / side / "Beach" / "0.png")
        (test / "DOTA" / side).mkdir(parents=True)
        (test / "DOTA" / side / "7.png").write_bytes(
            (test / "AID900" / side / "1.png").read_bytes()
        )
    done = prepare("aid900", tmp_path / "datasets", tmp_path / "whole").prepared
    assert done.counts == {"train": 6, "test": 3}
    assert {entry.label for entry in done.split("test")} == {"Beach", ""}
    alone = prepare("aid900", test / "AID900", tmp_path / "alone").prepared
    assert alone.counts == {"test": 3}
    dota = prepare("dota", tmp_path / "datasets", tmp_path / "dota").prepared
    assert dota.counts == {"train": 6, "test": 1}
    with open_source(test / "AID900" / "LR" / "1.png") as source:
        stored = source.read().values
    entry = next(entry for entry in alone.entries if entry.id == "test/1")
    assert (alone.image(entry, "lr").values == stored).all()
    scores = evaluate(["bicubic"], f"{alone.folder}:test", scale=4, protocol="basicrsisr")
    assert set(scores.metrics) == {"psnr", "ssim"}
