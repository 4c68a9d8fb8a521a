"""Many scenes into one folder: run again, only what is missing or has changed is made."""

import contextlib
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import rasterio

from geoloupe.scenes.batch import Batch
from geoloupe.scenes.work_folder import work_folder
from tests.cli.test_upscale import INTERPOLATED, run, write
from tests.datasets.small import picture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of two scenes, one that is warned of, and one that is no raster."""
    folder = tmp_path / "scenes"
    folder.mkdir()
    write(folder / "a.tif", bands=2)
    write(folder / "b.tif", bands=3)
    write(folder / "doubtful.tif", bands=4)
    (folder / "broken.tif").write_bytes(b"nothing")
    (folder / "notes.txt").write_text("no scene")
    return folder


def summary(out: Path) -> dict[str, dict[str, str]]:
    """Read the table of a batch, by the scenes' names."""
    with (out / "geoloupe-summary.csv").open(newline="") as file:
        return {Path(row["scene"]).name: row for row in csv.DictReader(file)}


def outcomes(out: Path) -> dict[str, str]:
    return {name: row["outcome"] for name, row in summary(out).items()}


def test_a_folder_becomes_a_folder_and_a_table_says_what_became_of_each(
    folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = run(folder, "-o", out, *INTERPOLATED)
    assert done.returncode == 2
    assert "1 of 4 scenes failed" in done.stderr
    assert "3 made, 0 kept from before, 1 failed" in done.stdout
    made = {"a.tif": "made", "b.tif": "made", "doubtful.tif": "made"}
    assert outcomes(out) == {**made, "broken.tif": "failed"}
    rows = summary(out)
    assert "is marked as transparency" in rows["doubtful.tif"]["warnings"]
    assert "broken.tif" in rows["broken.tif"]["error"]
    assert (rows["a.tif"]["width"], rows["a.tif"]["bands"]) == ("40", "2")
    assert sorted(path.name for path in out.glob("*.tif")) == ["a.tif", "b.tif", "doubtful.tif"]


def test_what_was_made_is_kept_and_what_changed_is_made_again(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(folder, "-o", out, *INTERPOLATED)
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("*.tif")}
    (out / "b.tif").unlink()
    write(folder / "broken.tif", bands=1)  # its download was done anew
    again = run(folder, "-o", out, "--json", "-q", *INTERPOLATED)
    assert again.returncode == 0
    assert {Path(line["path"]).name: line.get("kept", False) for line in _lines(again)} == {
        **{"a.tif": True, "doubtful.tif": True},
        **{"b.tif": False, "broken.tif": False},
    }
    after = {path.name: path.stat().st_mtime_ns for path in out.glob("*.tif")}
    assert (after["a.tif"], after["doubtful.tif"]) == (before["a.tif"], before["doubtful.tif"])
    assert outcomes(out)["a.tif"] == "kept"
    assert outcomes(out)["broken.tif"] == "made"
    assert "is marked as transparency" in summary(out)["doubtful.tif"]["warnings"]


def _lines(done: subprocess.CompletedProcess[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_other_settings_or_another_scene_are_not_taken_for_the_same(
    folder: Path, tmp_path: Path
) -> None:
    (folder / "broken.tif").unlink()
    out = tmp_path / "out"
    run(folder, "-o", out, *INTERPOLATED)
    other = run(folder, "-o", out, "--model", "bicubic", "--set", "scale=3")
    assert other.returncode == 2
    assert other.stderr.count("exists already") == 3
    with rasterio.open(folder / "a.tif", "r+") as scene:
        scene.write(np.zeros((2, 24, 20), np.uint8))
    changed = run(folder, "-o", out, *INTERPOLATED)
    assert changed.returncode == 2
    assert changed.stderr.count("exists already") == 1  # nothing is replaced unasked
    assert run(folder, "-o", out, "--overwrite", *INTERPOLATED).returncode == 0
    assert set(outcomes(out).values()) == {"made"}


def test_a_scene_of_the_same_name_elsewhere_is_another_scene(folder: Path, tmp_path: Path) -> None:
    (folder / "broken.tif").unlink()
    others = tmp_path / "others"
    shutil.copytree(folder, others)
    out = tmp_path / "out"
    run(folder, "-o", out, *INTERPOLATED)
    done = run(others, "-o", out, *INTERPOLATED)
    assert done.returncode == 2
    assert done.stderr.count("exists already") == 3
    again = run(folder, "-o", out, *INTERPOLATED)
    assert again.returncode == 0
    assert "0 made, 3 kept" in again.stdout


def test_the_same_word_may_name_another_file_in_another_folder(
    folder: Path, tmp_path: Path
) -> None:
    (folder / "broken.tif").unlink()
    places = [tmp_path / name for name in ("one", "two")]
    box = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}
    for place in places:
        place.mkdir()
        (place / "area.geojson").write_text(json.dumps(box))
    batches = []
    for place in places:
        with contextlib.chdir(place):
            batches.append(Batch.of(tmp_path / "out", "upscale", {"area": "area.geojson"}))
    assert batches[0].settings != batches[1].settings


def test_a_killed_batch_goes_on_with_the_scene_it_was_at(folder: Path, tmp_path: Path) -> None:
    (folder / "broken.tif").unlink()
    rng = np.random.default_rng(0)
    values = rng.integers(1, 255, (3, 900, 900)).astype(np.uint8)
    (folder / "b.tif").unlink()
    picture(folder / "b.tif", values)
    out = tmp_path / "out"
    words = ["upscale", str(folder), "-o", str(out), *INTERPOLATED, "--set", "tile=32"]
    process = subprocess.Popen([sys.executable, "-m", "geoloupe", *words], text=True)
    until = time.monotonic() + 60
    blocks = work_folder(out / "b.tif")
    while not (out / "a.tif").exists() or not list(blocks.glob("**/0*-0*")):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert outcomes(out) == {"a.tif": "made", "b.tif": "begun"}
    done = run(*words[1:])
    assert done.returncode == 0
    assert "2 made, 1 kept" in done.stdout
    whole = tmp_path / "whole"
    run(folder, "-o", whole, *words[4:])
    for path in whole.glob("*.tif"):
        with rasterio.open(path) as one, rasterio.open(out / path.name) as two:
            assert np.array_equal(one.read(), two.read())


def test_a_batch_killed_between_a_product_and_its_note_keeps_the_product(
    folder: Path, tmp_path: Path
) -> None:
    (folder / "broken.tif").unlink()
    out = tmp_path / "out"
    run(folder, "-o", out, *INTERPOLATED)
    path = out / "geoloupe-summary.json"
    known = json.loads(path.read_text())
    for entry in known["scenes"]:
        entry |= {"outcome": "begun", "wrote": {}, "facts": {}}
    path.write_text(json.dumps(known))
    done = run(folder, "-o", out, *INTERPOLATED)
    assert done.returncode == 0
    assert set(outcomes(out).values()) == {"kept"}


def test_a_file_of_the_summarys_name_that_is_not_ours_is_left_alone(
    folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    theirs = out / "geoloupe-summary.json"
    theirs.write_text("their own")
    done = run(folder, "-o", out, *INTERPOLATED)
    assert done.returncode == 2
    assert "move it away" in done.stderr
    assert theirs.read_text() == "their own"
    assert [path.name for path in out.iterdir()] == [theirs.name]


def test_a_folder_without_a_folder_for_results_is_refused(folder: Path) -> None:
    done = run(folder, *INTERPOLATED)
    assert done.returncode == 2
    assert "geoloupe upscale" in done.stderr
    assert "-o RESULTS/" in done.stderr


def test_dry_runs_and_previews_of_a_folder_leave_no_summary(folder: Path, tmp_path: Path) -> None:
    (folder / "broken.tif").unlink()
    out = tmp_path / "out"
    assert run(folder, "-o", out, "--dry-run", *INTERPOLATED).returncode == 0
    assert not out.exists()
    assert run(folder, "-o", out, "--preview", *INTERPOLATED).returncode == 0
    assert not list(out.glob("geoloupe-summary.*"))
    shutil.rmtree(out)
