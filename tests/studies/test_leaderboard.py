"""A leaderboard: cells measured once, seeds averaged, and every number where it belongs."""

import csv
import shutil
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pytest
import torch
from pydantic import JsonValue

from geoloupe.datasets.preparation.prepare import prepare
from geoloupe.datasets.sets.basicrsisr import AID900
from geoloupe.errors import InputError
from geoloupe.evaluation.evaluate import evaluate
from geoloupe.evaluation.rows import Row
from geoloupe.models.card import Card
from geoloupe.models.model import Model, save
from geoloupe.networks import build
from geoloupe.studies.leaderboard import cells
from geoloupe.studies.leaderboard.board import Board, leaderboard
from geoloupe.studies.leaderboard.entries import Entry, read_entries, refuse_twins
from geoloupe.studies.leaderboard.plan import Cell
from geoloupe.studies.leaderboard.report import lead, write_board
from geoloupe.studies.leaderboard.runs import entries_of, plan_runs
from geoloupe.studies.leaderboard.standings import averaged
from tests.datasets.small import enter, prepared, random

PLAIN = read_entries(["bicubic,nearest"])


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Seven pictures of 24 x 36."""
    enter(monkeypatch)
    made = prepared(tmp_path, {f"p{n}.png": random(3, 24, 36, seed=n) for n in range(7)})
    return f"{made.folder}:train"


def weights(folder: Path, seed: int) -> Path:
    """Write a network with weights by chance as a run's model."""
    torch.manual_seed(seed)
    settings: dict[str, JsonValue] = {"scale": 2, "features": 4, "blocks": 1}
    card = Card(name="loupe", network="loupe", settings=settings)
    save(Model(build("loupe", **settings), card), folder / "model")
    return folder


def board_of(entries: list[Entry], data: str, folder: Path, **options: Any) -> Board:
    chosen: dict[str, Any] = {"scales": (2,), "robust": "none", "cost": False} | options
    return leaderboard(entries, [data], folder, **chosen)


def test_seeds_follow_a_name_and_runs_stand_for_their_models(tmp_path: Path) -> None:
    run = weights(tmp_path / "a", 0)
    assert read_entries(["bicubic,loupe-x4", f"mine={run},runs/b"]) == [
        Entry(name="bicubic", models=("bicubic",)),
        Entry(name="loupe-x4", models=("loupe-x4",)),
        Entry(name="mine", models=(str(run / "model"), "runs/b")),
    ]
    assert read_entries([f"{run}, {run}/model, x=1, y=2"]) == [
        Entry(name="a", models=(str(run / "model"),)),
        Entry(name="a", models=(str(run / "model"),)),
        Entry(name="x", models=("1",)),
        Entry(name="y", models=("2",)),
    ]
    with pytest.raises(InputError, match="write it as name=runs/a,runs/b"):
        read_entries(["=runs/a"])
    with pytest.raises(InputError, match="two models are called 'a'"):
        refuse_twins(read_entries([f"{run},{run}/model"]))


def test_images_are_averaged_over_seeds_and_do_not_count_twice() -> None:
    def row(image: str, **scores: float) -> Row:
        return Row(model="m", scale=2, image=image, label="", scores=scores, seconds=1.0)

    one = [row("a", psnr=1.0, spatial=3.0), row("b", psnr=5.0)]
    two = [row("a", psnr=2.0), row("b", psnr=7.0)]
    assert [(r.image, dict(r.scores)) for r in averaged([one, two])] == [
        ("a", {"psnr": 1.5}),
        ("b", {"psnr": 6.0}),
    ]
    assert [r.image for r in averaged([one, two[:1]])] == ["a"]


def test_rows_are_those_of_evaluate_and_seeds_have_a_deviation(data: str, tmp_path: Path) -> None:
    runs = [weights(tmp_path / name, seed) for seed, name in enumerate("abc")]
    entries = [*PLAIN, *read_entries([f"mine={','.join(map(str, runs))}"])]
    board = board_of(entries, data, tmp_path / "board", robust="mtf")
    clean, harder = board.groups
    assert (clean.degradation, harder.degradation) == ("bi", "mtf")
    for group in board.groups:
        means = {}
        for name in ("bicubic", "nearest"):
            plain = evaluate([name], data, scale=2, degradation=group.degradation).summaries()
            means[name] = plain[0].mean["psnr"]
        by_seed = [
            evaluate([run / "model"], data, degradation=group.degradation).summaries()[0].mean
            for run in runs
        ]
        found = {one.name: one for one in group.standings}
        for name, mean in means.items():
            assert found[name].summary.mean["psnr"] == pytest.approx(mean, abs=1e-9)
            assert (found[name].seeds, found[name].by_seed) == (1, {})
        mine, seeds = found["mine"], [mean["psnr"] for mean in by_seed]
        assert mine.summary.mean["psnr"] == pytest.approx(fmean(seeds), abs=1e-9)
        assert mine.by_seed["psnr"] == pytest.approx(stdev(seeds), abs=1e-9)
        assert (mine.seeds, mine.summary.count) == (3, 7)
        gain = group.gain("mine")
        assert gain is not None
        assert gain.other == "bicubic"
        assert gain.mean == pytest.approx(fmean(seeds) - means["bicubic"], abs=1e-9)
        assert gain.low < gain.mean < gain.high
        first, second = group.standings[:2]
        assert group.ahead is not None
        assert (group.ahead.model, group.ahead.other) == (first.name, second.name)
        distance = first.summary.mean["psnr"] - second.summary.mean["psnr"]
        assert group.ahead.mean == pytest.approx(distance, abs=1e-9)
        ranked = [one.summary.mean["psnr"] for one in group.standings]
        assert ranked == sorted(ranked, reverse=True)


def test_the_lead_says_what_may_be_chance(data: str, tmp_path: Path) -> None:
    entries = read_entries(["bicubic", f"a={weights(tmp_path / 'a', 0)}"])
    entries += read_entries(["nearest"])
    board = board_of(entries, data, tmp_path / "few", limit=3)
    best, second = (one.name for one in board.groups[0].standings[:2])
    words = lead(board)
    assert words.startswith(f"out:train, hsenet, x2: {best} is first, ")
    assert f" from {second} in psnr (" in words
    assert words.endswith(", on too few images to say that it holds on others.")
    ahead = board.groups[0].ahead
    assert ahead is not None
    for low, doubt in ((0.01, False), (-0.01, True)):
        farther = replace(ahead, images=6, low=low, high=0.02)
        group = replace(board.groups[0], ahead=farther, differences=())
        assert lead(replace(board, groups=(group,))).endswith("which may be chance.") is doubt
    alone = lead(board_of(PLAIN[:1], data, tmp_path / "alone"))
    assert alone == "out:train, hsenet, x2: bicubic is first."


def test_a_stopped_leaderboard_goes_on_and_what_changed_is_measured_anew(
    data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = weights(tmp_path / "run", 0)
    entries = [*PLAIN, *read_entries([str(run)])]
    folder = tmp_path / "board"
    measured: list[str] = []
    measure = cells._measured

    def counted(cell: Cell, progress: Any) -> Any:
        if len(measured) == 2 and stops:
            raise KeyboardInterrupt
        measured.append(f"{cell.entry} {cell.degradation}")
        return measure(cell, progress)

    monkeypatch.setattr(cells, "_measured", counted)
    stops = True
    with pytest.raises(KeyboardInterrupt):
        board_of(entries, data, folder, robust="mtf")
    stops = False
    finished = {path: path.stat().st_mtime_ns for path in (folder / "cells").iterdir()}
    assert len(finished) == 2
    whole = board_of(entries, data, folder, robust="mtf")
    assert sorted(measured) == sorted(
        f"{name} {degradation}"
        for name in ("bicubic", "nearest", "run")
        for degradation in ("bi", "mtf")
    )
    assert all(path.stat().st_mtime_ns == then for path, then in finished.items())
    measured.clear()
    again = board_of(entries, data, folder, robust="mtf")
    assert measured == []
    assert [g.standings for g in again.groups] == [g.standings for g in whole.groups]
    renamed = [*PLAIN, *read_entries([f"other={run}"])]
    board = board_of(renamed, data, folder, robust="mtf")
    assert measured == []
    assert {one.name for one in board.groups[0].standings} == {"bicubic", "nearest", "other"}
    (run / "model" / "model.safetensors").unlink()
    (run / "model" / "card.json").unlink()
    weights(run, 1)
    board_of(entries, data, folder, robust="mtf")
    assert sorted(measured) == ["run bi", "run mtf"]
    measured.clear()
    next(iter(finished)).write_text("{")
    board_of(entries, data, folder, robust="mtf", every=1)
    assert len(measured) == 1  # the damaged one
    measured.clear()
    board_of(entries, data, folder, every=2)
    assert sorted(measured) == ["bicubic bi", "nearest bi", "run bi"]


def test_data_sets_of_one_name_are_told_apart(data: str, tmp_path: Path) -> None:
    folder, _, split = data.rpartition(":")
    shutil.copytree(folder, tmp_path / "other" / "out")
    sets = [data, f"{tmp_path / 'other' / 'out'}:{split}"]
    board = leaderboard(PLAIN, sets, tmp_path / "b", scales=(2,), robust="none", cost=False)
    assert [group.section.data for group in board.groups] == [
        f"{tmp_path.name}/out",
        "other/out",
    ]
    # The pixels are the same, so nothing is measured twice.
    assert len(list((tmp_path / "b" / "cells").iterdir())) == 2
    first, second = board.groups
    assert [one.summary for one in first.standings] == [one.summary for one in second.standings]


def test_a_model_that_fails_leaves_the_others_alone(
    data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, JsonValue] = {"scale": 2, "bands": 5}
    card = Card(name="five", network="srcnn", settings=settings)
    save(Model(build("srcnn", **settings), card), tmp_path / "five")
    entries = [*PLAIN, *read_entries([str(tmp_path / "five")])]
    board = board_of(entries, data, tmp_path / "board")
    assert [one.name for one in board.groups[0].standings] != []
    (refused,) = board.refused
    assert refused.cell.entry == "five"
    write_board(board, tmp_path / "board")
    assert "What could not be measured" in (tmp_path / "board" / "leaderboard.md").read_text()
    with pytest.raises(InputError, match="nothing could be measured; the first reason"):
        board_of(entries[2:], data, tmp_path / "alone")


def test_every_number_is_in_the_table_beside_the_page(data: str, tmp_path: Path) -> None:
    folder = tmp_path / "board"
    options: dict[str, Any] = {"protocols": ("hsenet", "sspsr"), "scales": (2, 3), "limit": 6}
    write_board(leaderboard(PLAIN, [data], folder, cost=False, **options), folder)
    assert {path.name for path in folder.glob("leaderboard.*")} == {
        *("leaderboard.html", "leaderboard.csv", "leaderboard.md", "leaderboard.json")
    }
    lines, shown = numbers(folder), (folder / "leaderboard.html").read_text()
    assert {(line["protocol"], line["scale"]) for line in lines} == {
        (name, scale) for name in ("hsenet", "sspsr") for scale in ("2", "3")
    }
    assert {line["degradation"] for line in lines} == {"bi", "mtf", "noise", "jpeg"}
    assert {line["images"] for line in lines} == {"6"}
    for line in lines:
        assert f"{float(line['value']):.4f}" in shown
    assert "6 of 7 images" in shown


def test_time_and_memory_are_measured_once(data: str, tmp_path: Path) -> None:
    folder = tmp_path / "board"
    options: dict[str, Any] = {"cost": True, "side": 16, "limit": 1}
    board = board_of(PLAIN[1:], data, folder, **options)
    assert board.costs["nearest", 2].pixels == 32**2
    write_board(board, folder)
    costs = {line["metric"]: line["value"] for line in numbers(folder) if line["kind"] == "cost"}
    assert set(costs) == {"seconds", "peak bytes", "parameters", "multiply-adds"}
    assert float(costs["seconds"]) > 0
    assert "Quality and memory" in (folder / "leaderboard.html").read_text()
    (kept,) = (folder / "costs").iterdir()
    before = kept.stat().st_mtime_ns
    board_of(PLAIN[1:], data, folder, **options)
    assert kept.stat().st_mtime_ns == before


def numbers(folder: Path) -> list[dict[str, str]]:
    """Read the table of a leaderboard."""
    with (folder / "leaderboard.csv").open() as file:
        return list(csv.DictReader(file))


def test_published_rows_stand_beside_measured_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    AID900.fake(tmp_path / "datasets")
    prepare("aid900", tmp_path / "datasets", tmp_path / "aid900")
    board = leaderboard(
        read_entries(["bicubic"]),
        [f"{tmp_path / 'aid900'}:test"],
        tmp_path / "board",
        protocols=("basicrsisr", "hsenet"),
        scales=(2, 4),
        cost=False,
    )
    # Real LR images have one factor, and nothing can be done to them.
    assert [(g.section.title, g.degradation) for g in board.groups] == [
        ("aid900:test, basicrsisr, x4", "its own LR"),
        ("aid900:test, hsenet, x4", "its own LR"),
    ]
    write_board(board, tmp_path / "board")
    table = (tmp_path / "board" / "leaderboard.md").read_text()
    assert "| HSENet | 30.78 | 0.8078 | Zhang et al., BasicRSISR, README, 2026 |" in table
    assert "the published one 5.43 M" in table


def test_changes_are_of_all_recipes_or_of_one(tmp_path: Path) -> None:
    changes = {"schedule.steps": 7, "smoke.settings.features": 6, "data.set": "mine"}
    runs = plan_runs(["smoke", "srcnn-ucmerced"], 2, tmp_path, changes)
    assert [(run.entry, run.recipe.seed, run.folder.name) for run in runs] == [
        ("smoke", 0, "smoke-seed0"),
        ("smoke", 1, "smoke-seed1"),
        ("srcnn-ucmerced", 0, "srcnn-ucmerced-seed0"),
        ("srcnn-ucmerced", 1, "srcnn-ucmerced-seed1"),
    ]
    assert all(run.recipe.schedule.steps == 7 and run.recipe.data.set == "mine" for run in runs)
    assert [run.recipe.settings.get("features") for run in runs] == [6, 6, None, None]
    assert [len(entry.models) for entry in entries_of(runs)] == [2, 2]
    (epochs,) = plan_runs(["hsenet-ucmerced"], 1, tmp_path, {"schedule.steps": 7})
    assert (epochs.recipe.schedule.steps, epochs.recipe.schedule.epochs) == (7, None)
    with pytest.raises(InputError, match=r"schedule\.steps: changes recipes, but none is trained"):
        plan_runs([], 1, tmp_path, changes)
    with pytest.raises(InputError, match="seeds must be 1 or more"):
        plan_runs(["smoke"], 0, tmp_path, {})
    with pytest.raises(InputError, match="smoke: is named twice"):
        plan_runs(["smoke", "smoke"], 1, tmp_path, {})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"robst": 1}, "no setting of a leaderboard is called 'robst'; did you mean 'robust'"),
        ({"robust": "fog"}, "no degradation is called 'fog'"),
        ({"protocols": ("hsent",)}, "did you mean 'hsenet'"),
        ({"reference": "loupe"}, "no model of this leaderboard is called 'loupe'"),
        ({"scales": ()}, "none of these models has a factor of its own"),
        ({"protocols": ("basicrsisr",)}, "nothing to measure: no model, .* is for x2"),
        ({"metrics": "sma"}, "no metric is called 'sma'"),
    ],
)
def test_mistakes_leave_no_folder(
    data: str, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        board_of(PLAIN, data, tmp_path / "board", **options)
    assert not (tmp_path / "board").exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("")
    with pytest.raises(InputError, match="is not empty and holds no leaderboard"):
        board_of(PLAIN, data, tmp_path / "full")
