"""Preparing: the same pixels, the same bytes, whatever happens on the way."""

import json
import pickle
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import portalocker
import pytest
import rasterio

from geoloupe import catalog
from geoloupe.datasets.preparation import prepare as module
from geoloupe.datasets.preparation.prepare import prepare
from geoloupe.datasets.preparation.prepared import PreparedDataset, find
from geoloupe.datasets.scenes import Scene
from geoloupe.errors import InputError, RunError
from geoloupe.imagery.grid import Window
from geoloupe.rasters.opening import open_source
from geoloupe.storage import publish as publishing
from geoloupe.storage.tree import Tree
from tests.datasets import small
from tests.datasets.small import picture, random

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _catalog(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    small.enter(monkeypatch)
    yield
    catalog.targets.cache_clear()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Twelve rasters: 8 bits, 16 bits and floats with NaN as nodata, of several sizes."""
    folder = tmp_path / "in"
    for number in range(4):
        picture(folder / f"a{number}.png", random(3, 80, 90 + number, seed=number))
        picture(folder / f"b{number}.tif", random(2, 70, 110, dtype="uint16", seed=number))
        picture(folder / f"c{number}.tif", random(5, 60, 50, dtype="float32", seed=number))
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def start(*words: str | Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.datasets.preparation.slowly", *map(str, words)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True)


def test_every_scene_is_kept_as_its_file_reads(archive: Path, tmp_path: Path) -> None:
    outcome = prepare("small", archive, tmp_path / "out", seed=5)
    data = PreparedDataset.open(tmp_path / "out")
    assert data == outcome.prepared
    assert data.counts == {"train": 4, "val": 2, "test": 6}
    assert [entry.id for entry in data.split("val")] == ["b0", "b1"]
    assert len(data.kinds) == 3
    files = {path.stem: path for path in archive.iterdir()}
    assert files.keys() == {entry.id for entry in data.entries}
    for entry in data.entries:
        with open_source(files[entry.id]) as source:
            expected = source.read()
        found = data.image(entry)
        assert np.array_equal(found.values, expected.values)
        assert found.values.dtype == expected.values.dtype
        assert (found.bands, found.grid) == (expected.bands, expected.grid)
        assert found.radiometry == expected.radiometry
    words = (tmp_path / "out" / "split.txt").read_text().splitlines()
    assert words == [f"{entry.split} {entry.id}" for entry in data.entries]


def test_a_window_is_a_part_of_the_whole(archive: Path, tmp_path: Path) -> None:
    data = prepare("small", archive, tmp_path / "out").prepared
    rng = np.random.default_rng(0)
    for entry in data.entries:
        whole = data.image(entry)
        for _ in range(10):
            top, left = rng.integers(0, [whole.grid.height, whole.grid.width])
            height, width = rng.integers(
                1, [whole.grid.height - top + 1, whole.grid.width - left + 1]
            )
            window = Window(top=int(top), left=int(left), height=int(height), width=int(width))
            found, expected = data.image(entry, "hr", window), whole.crop(window)
            assert np.array_equal(found.values, expected.values)
            assert found.grid == expected.grid


def test_a_second_run_writes_nothing(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    prepare("small", archive, out)
    before = {path: path.stat().st_mtime_ns for path in [out, *out.iterdir()]}
    outcome = prepare("small", archive, out)
    assert "was already prepared, and is intact" in outcome.notes
    assert {path: path.stat().st_mtime_ns for path in [out, *out.iterdir()]} == before


def test_a_second_run_finds_pixels_that_changed(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    prepare("small", archive, out)
    raw = out / "train.hr.raw"
    spoilt = bytearray(raw.read_bytes())
    spoilt[3] ^= 1
    raw.write_bytes(spoilt)
    with pytest.raises(InputError, match=r"train\.hr\.raw: the pixels of a0 have changed"):
        prepare("small", archive, out)


def test_two_runs_give_the_same_bytes(archive: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        prepare("small", archive, tmp_path / name, split="shares", seed=7)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_another_choice_in_the_same_folder_is_refused(archive: Path, tmp_path: Path) -> None:
    prepare("small", archive, tmp_path / "out", split="shares", seed=0)
    before = contents(tmp_path / "out")
    for choice in ({"split": "shares", "seed": 1}, {"split": "order"}):
        with pytest.raises(InputError, match="out: holds small prepared differently"):
            prepare("small", archive, tmp_path / "out", **choice)
    assert contents(tmp_path / "out") == before


def test_a_folder_of_something_else_is_refused_and_left(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match=r"mine: is not empty \(it holds thesis.txt\)"):
        prepare("small", archive, tmp_path / "mine")
    assert contents(tmp_path / "mine") == {"thesis.txt": b"mine"}
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file: cannot be written to"):
        prepare("small", archive, tmp_path / "file")


def test_a_run_killed_again_and_again_ends_in_the_same_bytes(archive: Path, tmp_path: Path) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    prepare("small", archive, whole)
    reached = []
    for lines in (1, 5, 4, 3):
        with start(archive, out, 0.02) as child:
            reached += [child.stdout.readline() for _ in range(lines)][-1:]
            child.kill()
        with pytest.raises(InputError, match="holds no prepared data set"):
            PreparedDataset.open(out)
    assert reached == ["1 of 12\n", "5 of 12\n", "7 of 12\n", "9 of 12\n"]
    prepare("small", archive, out)
    assert contents(out) == contents(whole)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("clear", [True, False])
def test_transparent_pixels_are_refused_and_opaque_ones_are_not(
    tmp_path: Path, clear: bool
) -> None:
    values = random(4, 24, 36)
    values[3] = 255
    values[3, :4] = 0 if clear else 255
    profile = {"count": 4, "height": 24, "width": 36, "dtype": "uint8"}
    (tmp_path / "in").mkdir()
    with rasterio.open(tmp_path / "in" / "a.png", "w", driver="PNG", **profile) as out:
        out.write(values)
    (tmp_path / "list").write_text("train a\n")
    words = ("small", tmp_path / "in", tmp_path / "out")
    if clear:
        with pytest.raises(InputError, match=r"a\.png: has transparent or masked pixels"):
            prepare(*words, split=str(tmp_path / "list"))
    else:
        done = prepare(*words, split=str(tmp_path / "list")).prepared
        assert len(done.entries) == 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_killed_at_any_moment_it_ends_in_the_same_bytes(
    archive: Path, tmp_path: Path, seed: int
) -> None:
    whole, out, moments = tmp_path / "whole", tmp_path / "out", Random(seed)
    prepare("small", archive, whole)
    for _ in range(4):
        with start(archive, out, 0.02) as child:
            child.stdout.readline()
            time.sleep(moments.uniform(0, 0.3))
            child.kill()
    prepare("small", archive, out)
    assert contents(out) == contents(whole)


def test_half_a_preparation_of_other_choices_is_refused(archive: Path, tmp_path: Path) -> None:
    with start(archive, tmp_path / "out", 0.02) as child:
        child.stdout.readline()
        child.kill()
    with pytest.raises(InputError, match="out: holds a half-prepared data set with other choices"):
        prepare("small", archive, tmp_path / "out", split="shares")


def test_a_second_process_is_kept_out(archive: Path, tmp_path: Path) -> None:
    prepare("small", archive, tmp_path / "whole")
    with start(archive, tmp_path / "out", 0.05) as child:
        child.stdout.readline()
        with pytest.raises(InputError, match="out: another process is preparing it right now"):
            prepare("small", archive, tmp_path / "out")
        assert child.communicate()[0].endswith("12 of 12\n")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_a_process_that_comes_as_another_finishes_changes_nothing(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    lock = portalocker.lock

    def late(file: Any, flags: Any) -> None:
        monkeypatch.setattr(portalocker, "lock", lock)
        prepare("small", archive, out)
        lock(file, flags)

    monkeypatch.setattr(portalocker, "lock", late)
    with pytest.raises(InputError, match="out: another process has just prepared it"):
        prepare("small", archive, out)
    prepare("small", archive, tmp_path / "whole")
    assert contents(out) == contents(tmp_path / "whole")


@pytest.mark.parametrize("stop", ["index.jsonl", "split.txt", "dataset.json", "the end"])
def test_an_interruption_at_the_very_end_is_taken_up(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: str
) -> None:
    publish = publishing.publish

    def interrupted(path: Path, *, overwrite: bool = False) -> Any:
        if path.name in (stop, "out"):
            raise KeyboardInterrupt
        return publish(path, overwrite=overwrite)

    with monkeypatch.context() as patch:
        if stop == "the end":
            patch.setattr(module, "remove_journal", interrupted)
        else:
            patch.setattr(publishing, "publish", interrupted)
        with pytest.raises(KeyboardInterrupt):
            prepare("small", archive, tmp_path / "out")
    assert (tmp_path / "out" / "preparing.json").exists()
    prepare("small", archive, tmp_path / "out")
    prepare("small", archive, tmp_path / "whole")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_a_full_disk_is_a_run_error_and_can_be_taken_up(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("geoloupe.datasets.preparation.journal._BATCH_SCENES", 4)
        patch.setattr(
            "geoloupe.datasets.preparation.journal.os",
            type("os", (), {"fsync": staticmethod(full)}),
        )
        with pytest.raises(
            RunError, match=r"out: could not be written \(No space left on device\)"
        ):
            prepare("small", archive, tmp_path / "out")
    prepare("small", archive, tmp_path / "out")
    prepare("small", archive, tmp_path / "whole")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_what_is_not_a_number_is_named_with_its_place(archive: Path, tmp_path: Path) -> None:
    values = random(5, 60, 50, dtype="float32")
    values[3, 40, 20] = np.nan
    picture(archive / "c2.tif", values)
    said = r"c2\.tif: is not a number in band 4, row 40, column 20"
    with pytest.raises(InputError, match=said):
        prepare("small", archive, tmp_path / "out")
    picture(archive / "c2.tif", random(5, 60, 50, dtype="float32", seed=2))
    prepare("small", archive, tmp_path / "out")  # goes on where it stopped
    prepare("small", archive, tmp_path / "whole")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_a_damaged_raster_is_named(archive: Path, tmp_path: Path) -> None:
    (archive / "b3.tif").write_bytes((archive / "b3.tif").read_bytes()[:200])
    with pytest.raises(InputError, match=r"b3\.tif"):
        prepare("small", archive, tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("test.hr.raw", "out: test.hr.raw is cut short; prepare the data set again"),
        ("index.jsonl", "out: index.jsonl is damaged; prepare the data set again"),
        ("dataset.json", "out: is damaged; prepare it again"),
    ],
)
@pytest.mark.parametrize("cut", [2, 100, "line"])
def test_a_file_cut_short_afterwards_is_told(
    archive: Path, tmp_path: Path, name: str, said: str, cut: int | str
) -> None:
    prepare("small", archive, tmp_path / "out")
    path = tmp_path / "out" / name
    whole = path.read_bytes()
    path.write_bytes(b"".join(whole.splitlines(True)[:-1]) if cut == "line" else whole[:-cut])
    with pytest.raises(InputError, match=said):
        PreparedDataset.open(tmp_path / "out")


def test_a_data_set_of_another_version_is_told(archive: Path, tmp_path: Path) -> None:
    prepare("small", archive, tmp_path / "out")
    facts = json.loads((tmp_path / "out" / "dataset.json").read_text())
    (tmp_path / "out" / "dataset.json").write_text(json.dumps(facts | {"format": 99}))
    with pytest.raises(InputError, match="was prepared by another version; prepare it again"):
        PreparedDataset.open(tmp_path / "out")


def test_an_open_data_set_travels_to_another_process(archive: Path, tmp_path: Path) -> None:
    data = prepare("small", archive, tmp_path / "out").prepared
    expected = data.image(data.entries[5]).values
    sent = pickle.dumps(data)
    assert len(sent) < 20_000  # the pixels stay behind
    other = pickle.loads(sent)
    assert other == data
    assert np.array_equal(other.image(other.entries[5]).values, expected)


def test_what_a_data_set_does_not_have_is_told(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "list").write_text("train a0\ntest b0\n")
    outcome = prepare("small", archive, tmp_path / "out", split=str(tmp_path / "list"))
    assert "10 scenes are in no split and were left out" in outcome.notes
    with pytest.raises(InputError, match="no split of small is called 'val'"):
        outcome.prepared.split("val")
    with pytest.raises(InputError, match="small: a0 has no guide; it has hr"):
        outcome.prepared.image(outcome.prepared.entries[0], "guide")


@pytest.mark.parametrize(
    ("split", "said"),
    [
        ("shears", "no split rule is called 'shears'; did you mean 'shares'.* or name a list file"),
        ("archive", "small: the rule 'as the archive is split' gives no scene to any split"),
    ],
)
def test_a_rule_that_does_not_fit_is_told(
    archive: Path, tmp_path: Path, split: str, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        prepare("small", archive, tmp_path / "out", split=split)
    assert not (tmp_path / "out").exists()


def test_a_data_set_is_found_by_name_or_folder(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = prepare("small", archive, tmp_path / "all" / "small").prepared
    monkeypatch.setenv("GEOLOUPE_DATA", str(tmp_path / "all"))
    assert find("small") == find(str(data.folder)) == data
    with pytest.raises(InputError, match=r"smal: no prepared data set there, nor in .*all/smal"):
        find("smal")


def test_large_rasters_are_read_in_several_blocks(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare("small", archive, tmp_path / "whole")
    monkeypatch.setattr("geoloupe.datasets.sets.rasters._BLOCK", 1)
    prepare("small", archive, tmp_path / "out")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_an_empty_list_gives_no_scene_even_where_the_archive_is_split(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenes = small.SMALL.scenes

    def split(tree: Tree) -> list[Scene]:
        return [replace(scene, split="val") for scene in scenes(tree)]

    monkeypatch.setattr(small.SMALL, "scenes", split, raising=False)
    (tmp_path / "list").touch()
    with pytest.raises(InputError, match="the rule 'the list list' gives no scene"):
        prepare("small", archive, tmp_path / "out", split=str(tmp_path / "list"))
    outcome = prepare("small", archive, tmp_path / "out")
    assert outcome.prepared.counts == {"val": 12}
    assert outcome.prepared.facts["split"]["rule"] == "archive"
