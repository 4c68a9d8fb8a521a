"""Models side by side: intervals that mean what they say, and files that agree with each other."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest

from geoloupe.errors import InputError
from geoloupe.evaluation.bootstrap import differences, interval
from geoloupe.evaluation.comparison import compare
from geoloupe.evaluation.published import published
from geoloupe.evaluation.report import FILES, check_report, write_report
from geoloupe.evaluation.rows import Result, Row
from tests.datasets.small import enter, prepared, random


def rows(model: str, scores: np.ndarray) -> list[Row]:
    """Make rows of one metric."""
    return [
        Row(model=model, scale=2, image=str(n), label="", scores={"psnr": float(s)}, seconds=0)
        for n, s in enumerate(scores)
    ]


def test_an_interval_holds_the_truth_as_often_as_it_says() -> None:
    dice = np.random.default_rng(0)
    hits = 0
    for seed in range(60):
        low, high = interval(dice.normal(0.3, 1, 80).tolist(), seed=seed)
        hits += low <= 0.3 <= high
    assert 52 <= hits <= 60  # 57 are expected


def test_differences_are_paired_and_say_when_they_may_be_chance() -> None:
    dice = np.random.default_rng(0)
    plain = dice.normal(30, 5, 100)
    better = plain + 0.05 + dice.normal(0, 0.05, 100)  # a small gain on every image is sure
    other = dice.permutation(plain) + 0.05  # the same mean gain, but of unrelated images
    result = Result(
        rows=tuple(rows("a", plain) + rows("b", better) + rows("c", other)), peaks={}, facts={}
    )
    found = {row.model: row for row in differences(result, "a")}
    assert found["b"].sure
    assert not found["c"].sure
    assert found["b"].mean == pytest.approx(0.05, abs=0.02)


def test_published_rows_have_sources_and_only_the_measured_sets() -> None:
    found = published("chikusei", 4, "sspsr")
    assert next(row for row in found if row.model == "SSPSR").scores["psnr"] == 40.3612
    assert all(row.source and row.warning for row in found)
    assert published("nowhere", 4, "sspsr") == []


def test_every_number_of_the_report_is_in_its_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(monkeypatch)
    data = prepared(tmp_path, {f"p{n}.tif": random(5, 24, 36, seed=n) for n in range(4)}).folder
    found = compare(["nearest", "bicubic"], f"{data}:train", scale=2)
    assert found.best in {"nearest", "bicubic"}
    folder = tmp_path / "report"
    write_report(found, folder)
    names = {path.name for path in folder.iterdir()}
    assert names == {*FILES, "time.svg", "bands.svg", *(f"spectrum-{n}.svg" for n in (1, 2, 3))}
    assert len(found.by_band["nearest"]) == 5
    page = (folder / "report.html").read_text()
    numbers = set()
    for path in folder.glob("*.csv"):
        with path.open() as file:
            for line in csv.reader(file):
                for word in line:
                    if re.fullmatch(r"[-+]?[0-9]+\.[0-9]+", word):
                        numbers |= {f"{float(word):.4f}", f"{float(word):+.4f}"}
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", page)
    shown = [n for cell in cells for n in re.findall(r"[-+]?[0-9]+\.[0-9]{4}\b", cell)]
    assert len(shown) > 10
    assert set(shown) <= numbers
    with pytest.raises(InputError, match=r"has a report\.html already"):
        check_report(folder, overwrite=False)


def test_what_cannot_be_compared_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    enter(monkeypatch)
    data = prepared(tmp_path, {f"p{n}.png": random(3, 24, 36, seed=n) for n in range(4)}).folder
    with pytest.raises(InputError, match="name at least two models"):
        compare(["bicubic"], str(data), scale=2)
    with pytest.raises(InputError, match="no setting of evaluate is called 'sacle'"):
        compare(["bicubic", "nearest"], str(data), sacle=2)
