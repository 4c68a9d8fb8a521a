"""`geoloupe leaderboard` as a person runs it: from an archive to a table in two commands."""

import csv
from pathlib import Path

import pytest

from tests.program import program
from tests.training.scenes import draw

pytest.importorskip("lightning_fabric")

TRAINING = (
    *("--train", "smoke", "--seeds", "2", "--set", "data.set=data/mine"),
    *("--set", "schedule.steps=6", "--set", "schedule.warmup=0", "--set", "validation.every=3"),
    *(
        "--set",
        "batch=2",
        "--set",
        "smoke.settings.features=4",
        "--set",
        "robust=none",
        "--set",
        "cost=false",
    ),
)


def test_two_commands_lead_from_an_archive_to_a_table(tmp_path: Path) -> None:
    draw(tmp_path / "images")
    done = program("prepare", "folder", "--from", "images", "-o", "data/mine", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    words = ("leaderboard", "--models", "bicubic", "--data", "data/mine:train", "-o", "board")
    done = program(*words, *TRAINING, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "smoke-seed1: 6 steps" in done.stdout
    assert "mine:train, hsenet, x2:" in done.stdout
    runs = list((tmp_path / "board" / "runs").glob("*/model/model.safetensors"))
    assert len(runs) == 2
    before = {path: path.stat().st_mtime_ns for path in runs}
    done = program(*words, *TRAINING, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {path: path.stat().st_mtime_ns for path in runs} == before
    with (tmp_path / "board" / "leaderboard.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["model"] == "smoke"]
    assert {row["seeds"] for row in rows} == {"2"}
    assert all(float(row["deviation over seeds"]) > 0 for row in rows)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--data", "nowhere:test"), "name models, recipes to train, or both"),
        (("--data", "nowhere:test", "--models", "bicubic"), "nowhere: no prepared data set"),
        (("--data", "nowhere:test", "--train", "smok"), "did you mean 'smoke'"),
        (("--data", "x", "--models", "bicubic", "--scale", "two"), "a scale is a whole number"),
        (("--data", "x", "--models", "bicubic", "--set", "a.b=1"), "but none is trained"),
        (("--data", "x", "--models", "bicubic", "--set", "split=1"), "cannot be set this way"),
    ],
)
def test_mistakes_leave_no_folder(tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    done = program("leaderboard", *words, "-o", "board", cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert not (tmp_path / "board").exists()
