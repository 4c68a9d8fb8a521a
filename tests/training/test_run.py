"""Runs: they learn, they resume to the same bytes, and two processes are one with their batch."""

import csv
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from geoloupe.errors import InputError, RunError
from geoloupe.evaluation.evaluate import evaluate
from geoloupe.models.card import read_weights
from geoloupe.storage.lock import locked
from geoloupe.training.finetune import finetuning
from geoloupe.training.hardware import Hardware
from geoloupe.training.recipe import read_recipe
from geoloupe.training.run import train
from geoloupe.training.state import State
from tests.training.scenes import draw, prepared

pytest.importorskip("lightning_fabric")

# torch.jit, which TensorBoard's writer loads, warns of its own old parts.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
CPU = Hardware(accelerator="cpu")
SHORT: dict[str, Any] = {
    "settings.features": 4,
    "settings.blocks": 1,
    "schedule.steps": 120,
    "validation.every": 50,
    "batch": 4,
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared data set of drawn scenes."""
    return prepared(tmp_path_factory.mktemp("data"))


def short(data: Path, **more: Any) -> Any:
    """Make a recipe of a few seconds."""
    return read_recipe("smoke", {**SHORT, "data.set": str(data), **more})


def rows(path: Path) -> list[list[str]]:
    """Read a log without its speeds."""
    with path.open() as file:
        return [row[:3] for row in csv.reader(file)]


def test_the_smoke_recipe_beats_interpolation(data: Path, tmp_path: Path) -> None:
    done = train(read_recipe("smoke", {"data.set": str(data)}), tmp_path / "run", hardware=CPU)
    found = evaluate((done.model, "bicubic"), f"{data}:test", scale=2)
    scores = {summary.model: summary.mean["psnr"] for summary in found.summaries()}
    assert scores["smoke"] > scores["bicubic"] + 0.3
    card, _ = read_weights(done.model)
    assert card.training is not None
    assert card.training.steps in {200, 400}
    assert card.bands is None
    assert len(list((tmp_path / "run" / "pictures").glob("*.png"))) == 2


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing stopped."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    train(short(data), folder, hardware=CPU)
    return folder


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 7))]
)
def test_killed_and_resumed_it_ends_in_the_same_bytes(
    data: Path, whole: Path, tmp_path: Path, seed: int
) -> None:
    folder, moments = tmp_path / "run", random.Random(seed)
    command = [sys.executable, "-m", "tests.training.slowly", str(data), str(folder)]
    for _ in range(3):
        child = subprocess.Popen(command)
        began = time.monotonic()
        while not list((folder / "checkpoints").glob("step-*.pt")) and child.poll() is None:
            assert time.monotonic() - began < 120
            time.sleep(0.02)
        time.sleep(moments.uniform(0, 1.5))
        child.kill()
        child.wait()
    train(short(data), folder, resume=True, hardware=CPU)
    assert rows(folder / "steps.csv") == rows(whole / "steps.csv")
    assert rows(folder / "validation.csv") == rows(whole / "validation.csv")
    one, other = (read_weights(run / "model")[1] for run in (folder, whole))
    assert all((one[name] == other[name]).all() for name in one)
    assert not list(folder.rglob("*.part*"))


@pytest.mark.slow
def test_two_processes_learn_what_one_does(data: Path, whole: Path, tmp_path: Path) -> None:
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    script = ["-m", "tests.training.slowly", str(data), str(tmp_path / "run"), "fast"]
    subprocess.run([sys.executable, *command, *script], check=True, capture_output=True)
    for name in ("steps.csv", "validation.csv"):
        one, two = (rows(run / name)[1:] for run in (whole, tmp_path / "run"))
        assert [row[0] for row in one] == [row[0] for row in two]
        for alone, together in zip(one, two, strict=True):
            assert float(alone[1]) == pytest.approx(float(together[1]), rel=1e-4)


def test_a_run_is_never_mixed_with_another(data: Path, whole: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="already holds a run; add resume=true"):
        train(short(data), whole, hardware=CPU)
    with pytest.raises(InputError, match="a run of another recipe"):
        train(short(data, seed=1), whole, resume=True, hardware=CPU)
    with pytest.raises(InputError, match="holds no run"):
        train(short(data), tmp_path / "none", resume=True, hardware=CPU)
    (tmp_path / "mine.txt").touch()
    with pytest.raises(InputError, match="is not empty"):
        train(short(data), tmp_path, hardware=CPU)


def test_a_second_process_keeps_out_of_a_run(data: Path, whole: Path) -> None:
    with (
        locked(whole / "recipe.toml", busy="", gone=""),
        pytest.raises(InputError, match="another process is training in it right now"),
    ):
        train(short(data), whole, resume=True, hardware=CPU)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"validation.metric": "sharpness"}, "no metric of hsenet is called 'sharpness'"),
        ({"loss.pairs": [[1, 9]]}, "pairs name a band beyond"),
    ],
)
def test_mistakes_are_told_before_hours_of_training(
    data: Path, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    recipe = short(data, network="srcnn", settings={"scale": 2, "bands": 3}, **changes)
    with pytest.raises(InputError, match=message):
        train(recipe, tmp_path / "run", hardware=CPU)


def test_hardware_that_is_not_there_is_said(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no accelerator is called 'gpu'"):
        Hardware(accelerator="gpu")
    with pytest.raises(InputError, match="workers must be 0 or more"):
        Hardware(workers=-1)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file: is a file; name a folder"):
        train(short(data), tmp_path / "file", hardware=CPU)


def test_what_follows_the_weights_moves_with_them(data: Path) -> None:
    weight = torch.nn.Parameter(torch.ones(2))
    optimiser = torch.optim.AdamW([weight])
    weight.sum().backward()
    optimiser.step()
    network: Any = torch.nn.Identity()
    state = State(network=network, optimiser=optimiser, average={"weight": torch.ones(2)})
    state.move(torch.device("meta"))
    kept = optimiser.state[weight]
    assert kept["exp_avg"].is_meta
    assert kept["exp_avg_sq"].is_meta
    assert not kept["step"].is_meta
    assert state.average is not None
    assert state.average["weight"].is_meta


def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    data: Path, whole: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train(short(data), folder, hardware=CPU, progress=stop_at(110))
    kept = sorted((folder / "checkpoints").glob("*.pt"))
    assert len(kept) == 2
    kept[-1].write_bytes(kept[-1].read_bytes()[:1000])
    train(short(data), folder, resume=True, hardware=CPU)
    assert rows(folder / "steps.csv") == rows(whole / "steps.csv")


def stop_at(step: int) -> Any:
    """Make a progress function that stops training there, as Ctrl+C does."""

    def progress(done: int, count: int) -> None:
        if done == step:
            raise KeyboardInterrupt

    return progress


def test_a_loss_that_is_no_number_ends_the_run(data: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"lower optimiser\.rate"):
        train(short(data, **{"optimiser.rate": 1e30}), tmp_path / "run", hardware=CPU)


def test_finetuning_begins_where_the_model_is(data: Path, whole: Path, tmp_path: Path) -> None:
    images = draw(tmp_path / "mine", 4)
    changes = {"schedule.steps": 20, "validation.every": 10, "patches.size": 16, "batch": 2}
    recipe = finetuning(str(whole / "model"), images, changes)
    assert (tmp_path / "mine-prepared" / "dataset.json").is_file()
    done = train(recipe, tmp_path / "run", hardware=CPU)
    before = evaluate((whole / "model",), f"{tmp_path / 'mine-prepared'}:val").summaries()[0]
    assert done.scores["psnr"] == pytest.approx(before.mean["psnr"], abs=0.5)


TOLD: dict[str, Any] = {
    "settings.knots": 3,
    "settings.growth": 2,
    "data.degradation": "sensors",
    "schedule.steps": 20,
}


def test_a_told_network_learns_from_several_sets(data: Path, whole: Path, tmp_path: Path) -> None:
    """It begins with an untold model, is stopped, and goes on to the bytes of an unstopped run."""
    sets = {"data.set": [str(data), str(data)], "data.shares": [0.7, 0.3]}
    recipe = short(data, **TOLD, **sets, start=str(whole / "model"))
    once = train(recipe, tmp_path / "once", hardware=CPU)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, tmp_path / "twice", hardware=CPU, progress=stop_at(12))
    again = train(recipe, tmp_path / "twice", resume=True, hardware=CPU)
    one, other = (read_weights(run.model)[1] for run in (once, again))
    assert "factors" in one
    assert all((one[name] == other[name]).all() for name in one)


def test_a_run_begins_with_a_model_of_another_factor(
    data: Path, whole: Path, tmp_path: Path
) -> None:
    recipe = short(data, **TOLD | {"settings.scale": 4}, start=str(whole / "model"))
    done = train(recipe, tmp_path / "run", hardware=CPU)
    assert read_weights(done.model)[0].settings["scale"] == 4
    other = {"network": "edsr", "settings": {}, "start": str(whole / "model")}
    with pytest.raises(InputError, match="has other settings"):
        train(short(data, **other), tmp_path / "other", hardware=CPU)


def test_a_branch_begins_where_the_trunk_is(data: Path, tmp_path: Path) -> None:
    trunk = tmp_path / "trunk"
    train(short(data, **TOLD), trunk, hardware=CPU)
    changes = {"start": str(trunk), "schedule.shape": "wsd", "schedule.decay": 1.0}
    branch = short(data, **{**TOLD, "schedule.steps": 10}, **changes, seed=1)
    still = {"optimiser.rate": 1e-12, "optimiser.weight_decay": 0.0}
    same = short(data, **TOLD, **changes, **still)
    done = train(branch, tmp_path / "branch", hardware=CPU)
    card, _ = read_weights(done.model)
    assert card.training is not None
    assert card.training.steps == 30  # the trunk's count as well
    unmoved = read_weights(train(same, tmp_path / "same", hardware=CPU).model)[1]
    checkpoint = torch.load(sorted((trunk / "checkpoints").glob("*.pt"))[-1], weights_only=True)
    for name, tensor in checkpoint["average"].items():
        assert abs(unmoved[name] - tensor.numpy()).max() <= 1e-4
    with pytest.raises(InputError, match="does not fit this recipe"):
        train(short(data, start=str(trunk)), tmp_path / "other", hardware=CPU)
    (tmp_path / "young").mkdir()
    shutil.copy(trunk / "recipe.toml", tmp_path / "young")
    with pytest.raises(InputError, match="holds no checkpoint to start from"):
        train(short(data, start=str(tmp_path / "young")), tmp_path / "another", hardware=CPU)
