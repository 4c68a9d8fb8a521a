"""The page of results is what leaderboards measured, and says of which images."""

import re
from pathlib import Path

import pytest
from tools import results

from geoloupe.evaluation.evaluate import evaluate
from tests.datasets.small import enter, prepared, random


def test_the_page_holds_what_was_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    enter(monkeypatch)
    made = prepared(tmp_path, {f"p{n}.png": random(3, 24, 36, seed=n) for n in range(4)})
    monkeypatch.setattr(results.Chapter, "command", "geoloupe leaderboard")
    monkeypatch.setattr(results, "leaderboard", _on_train(results.leaderboard))
    chapter = results.Chapter(
        name="tiny",
        title="Tiny",
        models="bicubic,nearest",
        data="tiny",
        protocol="hsenet",
        scale=2,
        options={"cost": False, "every": 2, "robust": "none"},
    )
    results.write([chapter], {"tiny": made.folder}, tmp_path / "work", tmp_path / "docs")
    page = (tmp_path / "docs" / "results.md").read_text()
    assert "2 of 4 images" in page
    expected = evaluate(["nearest"], f"{made.folder}:train", scale=2, every=2).summaries()[0]
    assert f"| nearest | bi | {expected.mean['psnr']:.4f} |" in page


def _on_train(run):  # type: ignore[no-untyped-def]
    def measure(entries, data, folder, **options):  # type: ignore[no-untyped-def]
        return run(entries, [name.replace(":test", ":train") for name in data], folder, **options)

    return measure


def test_the_commands_are_those_that_are_run() -> None:
    chapter = results.CHAPTERS[0]
    assert chapter.command == (
        "geoloupe leaderboard --models bicubic,nearest,loupe-x4,hsenet-x4 --data ucmerced:test "
        "--protocol hsenet --scale 4 --set every=10 -o aerial-x4"
    )


def test_the_page_that_ships_has_every_chapter_and_its_drawings() -> None:
    page = (results.DOCS / results.PAGE).read_text()
    for chapter in results.CHAPTERS:
        assert chapter.command in page
        assert f"results/board-{chapter.name}-time.svg" in page
    for picture in re.findall(r"\]\((results/[^)]+)\)", page):
        assert (results.DOCS / picture).exists()
