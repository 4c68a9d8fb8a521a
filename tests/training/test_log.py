"""The log: rows by kind, those of undone steps dropped, and others who are told if asked."""

import csv
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from geoloupe.errors import InputError
from geoloupe.training.log import open_log
from geoloupe.training.recipe import LogSettings, Recipe, read_recipe

# torch.jit, which TensorBoard's writer loads, warns of its own old parts.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Told:
    """A stand-in for the package wandb: it keeps what it is told."""

    def __init__(self) -> None:
        self.begun: list[dict[str, Any]] = []
        self.rows: list[tuple[int, dict[str, float]]] = []
        self.finished = 0

    def init(self, **words: Any) -> Any:
        self.begun.append(words)
        return SimpleNamespace(log=self.log, finish=self.finish)

    def log(self, numbers: dict[str, float], step: int) -> None:
        self.rows.append((step, numbers))

    def finish(self) -> None:
        self.finished += 1


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """Put the stand-in where the package would be."""
    told = Told()
    monkeypatch.setitem(sys.modules, "wandb", told)  # type: ignore[arg-type]
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    return told


def asking() -> Recipe:
    return replace(read_recipe("smoke"), log=LogSettings(wandb="mine"))


def test_rows_of_undone_steps_are_dropped(tmp_path: Path) -> None:
    log = open_log(tmp_path, 0, read_recipe("smoke"))
    for step in (50, 100, 150):
        log.add("steps", step, {"loss": step / 7})
    log.close()
    open_log(tmp_path, 120, read_recipe("smoke")).close()
    with (tmp_path / "steps.csv").open() as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["50", "100"]


def test_weights_and_biases_is_told_in_the_runs_folder_and_offline(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = open_log(tmp_path, 0, asking())
    log.add("steps", 50, {"loss": 0.5, "rate": 1e-3})
    log.add("validation", 50, {"psnr": 30.0})
    log.close()
    (begun,) = told.begun
    assert (begun["mode"], begun["resume"], begun["dir"]) == ("offline", None, str(tmp_path))
    assert (begun["project"], begun["name"]) == ("mine", "smoke")
    assert begun["config"]["optimiser"]["rate"] == asking().optimiser.rate
    assert told.rows == [
        (50, {"steps/loss": 0.5, "steps/rate": 1e-3}),
        (50, {"validation/psnr": 30.0}),
    ]
    assert told.finished == 1
    monkeypatch.setenv("WANDB_MODE", "online")
    open_log(tmp_path, 50, asking()).close()
    assert told.begun[1]["resume"] == "allow"
    assert told.begun[1]["id"] == begun["id"]


def test_it_is_not_even_imported_unasked(told: Told, tmp_path: Path) -> None:
    open_log(tmp_path, 0, read_recipe("smoke")).close()
    assert not told.begun


def test_without_the_package_its_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)  # type: ignore[arg-type]
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    with pytest.raises(InputError, match=r"pip install 'geoloupe\[wandb\]'"):
        open_log(tmp_path, 0, asking())
