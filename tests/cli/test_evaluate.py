"""`geoloupe evaluate` as a person runs it."""

from pathlib import Path

import pytest

from tests.cli.test_program import run
from tests.datasets.small import enter, prepared, random


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Prepare three pictures."""
    enter(monkeypatch)
    return prepared(tmp_path, {f"p{n}.png": random(3, 36, 36, seed=n) for n in range(3)}).folder


def test_tables_are_printed_and_written(folder: Path, tmp_path: Path) -> None:
    words = ("evaluate", "--models", "bicubic", "--data", f"{folder}:train", "--scale", 2)
    done = run(*map(str, words), "-o", tmp_path / "results")
    assert (done.returncode, done.stderr) == (0, "")
    assert "small:train, 3 images" in done.stdout
    assert "truncated" in done.stdout
    assert "bicubic   x2" in done.stdout
    names = {path.name for path in (tmp_path / "results").iterdir()}
    assert names == {"images.csv", "classes.csv", "summary.csv", "summary.json"}
    again = run(*map(str, words), "-o", tmp_path / "results")
    assert again.returncode == 2
    assert "add --overwrite" in again.stderr
    wide = run(*map(str, words), "-o", tmp_path / "wide", "--set", "metrics=trust,sam")
    assert wide.returncode == 0
    assert "hallucination" in wide.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--models", "bicubic", "--data", "nowhere:test"), "nowhere: no prepared data set"),
        (("--models", "bicubik", "--data", "FOLDER:train"), "did you mean 'bicubic'"),
        (("--models", "bicubic", "--data", "FOLDER:test"), "no split of small is called 'test'"),
        (("--models", "hsenet", "--data", "FOLDER:train"), "hsenet"),
        (("--data", "FOLDER:train"), "--models"),
        (
            ("--models", "bicubic", "--data", "FOLDER:train", "--set", "progress=1"),
            "--set progress: cannot be set this way",
        ),
        (("--models", "bicubic", "--data", "FOLDER:train", "--set", "seed=-1"), "seed must be 0"),
    ],
)
def test_mistakes_leave_no_folder(
    folder: Path, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    told = (word.replace("FOLDER", str(folder)) for word in words)
    done = run("evaluate", *told, "-o", tmp_path / "results")
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "results").exists()
