"""`geoloupe upscale` as a person and a script run it: where results lie and what is said."""

import json
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from tests.datasets.small import PLACE
from tests.program import program

INTERPOLATED = ("--model", "bicubic", "--set", "scale=2")


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run geoloupe upscale in a process of its own."""
    return program("upscale", *words)


def write(path: Path, bands: int) -> Path:
    """Write a raster of noise."""
    values = np.random.default_rng(0).integers(1, 255, (bands, 24, 20)).astype(np.uint8)
    profile: dict[str, Any] = {"dtype": "uint8", "crs": "EPSG:32631", "transform": PLACE}
    with rasterio.open(path, "w", count=bands, height=24, width=20, **profile) as out:
        out.write(values)
    return path


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    return write(tmp_path / "scene.tif", bands=2)


@pytest.fixture
def doubtful(tmp_path: Path) -> Path:
    """A scene that is warned of: its fourth band is marked as transparency, but holds noise."""
    return write(tmp_path / "doubtful.tif", bands=4)


@pytest.mark.parametrize("words", [(), ("--dry-run",), ("--preview",)])
def test_quiet_still_warns(words: tuple[str, ...], doubtful: Path) -> None:
    done = run(doubtful, "-q", *words, *INTERPOLATED)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.count("is marked as transparency") == 1


@pytest.mark.parametrize("words", [(), ("--dry-run",), ("--preview",)])
def test_json_holds_the_warnings(words: tuple[str, ...], doubtful: Path, scene: Path) -> None:
    warned, plain = (
        json.loads(run(path, "-q", "--json", *words, *INTERPOLATED).stdout)
        for path in (doubtful, scene)
    )
    (warning,) = warned["warnings"]
    assert "doubtful.tif" in warning
    assert "transparency" in warning
    assert plain["warnings"] == []


def test_progress_is_lines_of_json_for_programs_alone(scene: Path) -> None:
    done = run(scene, "--json", *INTERPOLATED)
    told = [json.loads(line) for line in done.stderr.splitlines()]
    assert told[-1] == {"done": 1, "count": 1}
    for words in (("--overwrite",), ("--json", "-q", "--overwrite")):
        assert run(scene, *words, *INTERPOLATED).stderr == ""


def test_warnings_of_one_scene_are_not_those_of_the_next(doubtful: Path, scene: Path) -> None:
    done = run(doubtful, scene, "--json", "-o", f"{scene.parent}/finer", *INTERPOLATED)
    first, second = map(json.loads, done.stdout.splitlines())
    assert (len(first["warnings"]), second["warnings"]) == (1, [])


@pytest.mark.parametrize("scale", [5, 16])
def test_a_scale_without_a_model_is_refused(scale: int, scene: Path) -> None:
    done = run(scene, "--set", f"scale={scale}")
    assert done.returncode == 2
    assert f"no model for scale {scale}" in done.stderr
    assert "loupe-x2, loupe-x3, loupe-x4, loupe-x8" in done.stderr
    assert [path.name for path in scene.parent.iterdir()] == ["scene.tif"]
    done = run(scene, "--set", f"scale={scale}", "--model", "bicubic")
    assert done.returncode == 0
    assert f"bicubic x{scale}" in done.stdout


def test_a_folder_for_results_is_made(doubtful: Path, scene: Path) -> None:
    folder = scene.parent / "new" / "finer"
    assert run(scene, "-o", f"{folder}/", *INTERPOLATED).returncode == 0
    assert run(scene, doubtful, "-o", scene.parent / "both", *INTERPOLATED).returncode == 0
    assert [path.name for path in folder.iterdir()] == ["scene.tif"]
    assert {path.name for path in (scene.parent / "both").iterdir()} == {
        *("scene.tif", "doubtful.tif"),
        *("geoloupe-summary.json", "geoloupe-summary.csv"),
    }


def test_a_folder_is_not_left_behind_by_failures_nor_by_a_dry_run(scene: Path) -> None:
    broken = scene.with_name("broken.tif")
    broken.write_bytes(b"nothing")
    assert run(broken, "-o", f"{scene.parent}/new/", *INTERPOLATED).returncode == 2
    assert run(scene, "-o", f"{scene.parent}/new/", "--dry-run", *INTERPOLATED).returncode == 0
    assert not scene.with_name("new").exists()


def test_several_scenes_are_not_written_into_one_file(doubtful: Path, scene: Path) -> None:
    done = run(doubtful, scene, "-o", scene.parent / "one.tif", *INTERPOLATED)
    assert done.returncode == 2
    assert "one.tif: is not a folder" in done.stderr


def test_what_lies_in_an_archive_comes_to_lie_in_the_current_folder(
    scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(tmp_path / "scenes.zip", "w") as archive:
        archive.write(scene, "inside.tif")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    inside = f"/vsizip/{tmp_path}/scenes.zip/inside.tif"
    planned = json.loads(run(inside, "--dry-run", "--json", *INTERPOLATED).stdout)
    assert planned["target"] == "inside_x2.tif"
    assert run(inside, *INTERPOLATED).returncode == 0
    assert [path.name for path in Path().iterdir()] == ["inside_x2.tif"]
