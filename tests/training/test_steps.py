"""Steps in parts, with growing patches and an adversary: the same laws as plain ones."""

import csv
import json
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch

from geoloupe.datasets.preparation.prepared import find
from geoloupe.errors import InputError
from geoloupe.models.card import read_weights
from geoloupe.training.hardware import Hardware
from geoloupe.training.loop import Loop
from geoloupe.training.recipe import Recipe, read_recipe
from geoloupe.training.run import train
from geoloupe.training.setup import add_adversary, fresh_state, samples_of
from tests.training.scenes import prepared
from tests.training.test_loop import OneProcess
from tests.training.test_run import short, stop_at

pytest.importorskip("lightning_fabric")
# torch.jit, which TensorBoard's writer loads, warns of its own old parts.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
CPU = Hardware(accelerator="cpu")

EVERYTHING: dict[str, Any] = {
    "schedule.steps": 16,
    "validation.every": 8,
    "patches.size": 8,
    "patches.grow": [[4, 12], [10, 16]],
    "parts": 2,
    "loss.l1": 0.0,
    "loss.charbonnier": 1.0,
    "loss.perceptual": 0.1,
    "loss.adversarial": 0.01,
    "discriminator.features": 4,
    "discriminator.begin": 3,
}


class Alone(OneProcess):
    """One process, which has no others to wait for."""

    def no_backward_sync(self, module: Any) -> Any:
        return nullcontext()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared data set of drawn scenes."""
    return prepared(tmp_path_factory.mktemp("data"))


def last_row(path: Path) -> dict[str, str]:
    """Read the last row of a log."""
    with path.open() as file:
        return list(csv.DictReader(file))[-1]


def gradients(recipe: Recipe, data: Path) -> list[torch.Tensor]:
    """Return the gradients of one step of everything that learns."""
    state, objective = fresh_state(recipe)
    samples = samples_of(recipe, state, [find(str(data))])
    add_adversary(recipe, state, samples)
    loop = Loop(fabric=Alone(), objective=objective, state=state, recipe=recipe, epoch=10)
    state.step = recipe.discriminator.begin
    batch = torch.utils.data.default_collate([samples[n] for n in range(recipe.batch)])
    loop.learn(batch, 1e-3)
    learners = [state.network, *([state.adversary.network] if state.adversary else [])]
    return [
        weight.grad for one in learners for weight in one.parameters() if weight.grad is not None
    ]


@pytest.mark.parametrize("parts", [2, 4])
def test_parts_of_a_batch_have_the_gradients_of_the_whole(data: Path, parts: int) -> None:
    changes = EVERYTHING | {"batch": 8, "loss.score": 0.1, "loss.fourier": 0.1}
    whole, cut = (gradients(short(data, **changes | {"parts": n}), data) for n in (1, parts))
    assert len(whole) == len(cut) > 12
    for one, other in zip(whole, cut, strict=True):
        assert (one - other).abs().max() < 5e-4 * one.abs().max()  # rounding, at L1 kinks too
    alone = gradients(short(data, **changes | {"batch": 2, "parts": 1}), data)
    assert not torch.allclose(whole[0], alone[0], rtol=1e-2)


def test_stopped_and_resumed_all_of_it_ends_in_the_same_bytes(data: Path, tmp_path: Path) -> None:
    recipe = short(data, **EVERYTHING)
    once = train(recipe, tmp_path / "once", hardware=CPU)
    for moment in (2, 8, 13):  # before the adversary begins, and after
        folder, stop = tmp_path / "twice", stop_at(moment)
        begun = folder.exists()
        with pytest.raises(KeyboardInterrupt):
            train(recipe, folder, resume=begun, hardware=CPU, progress=stop)
    train(recipe, tmp_path / "twice", resume=True, hardware=CPU)
    runs = [tmp_path / "once", tmp_path / "twice"]
    states = [
        torch.load(sorted((run / "checkpoints").glob("*.pt"))[-1], weights_only=True)
        for run in runs
    ]
    assert states[0]["step"] == states[1]["step"] == 16
    for part in ("network", "average"):
        for name, tensor in states[0][part].items():
            assert tensor.equal(states[1][part][name])
    for name, tensor in states[0]["adversary"]["network"].items():
        assert tensor.equal(states[1]["adversary"]["network"][name])
    told = [last_row(run / "steps.csv")["discriminator"] for run in runs]
    assert told[0] == told[1]
    assert 0.3 < float(told[0]) < 1
    assert set(read_weights(once.model)[1]) == set(states[0]["network"])


@pytest.mark.slow
def test_two_processes_learn_all_of_it_as_one_does(data: Path, tmp_path: Path) -> None:
    train(short(data, **EVERYTHING), tmp_path / "one", hardware=CPU)
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    script = ["-m", "tests.training.slowly", str(data), str(tmp_path / "two"), "fast"]
    words = [sys.executable, *command, *script, json.dumps(EVERYTHING)]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    scores = [float(last_row(tmp_path / run / "validation.csv")["psnr"]) for run in ("one", "two")]
    assert scores[0] == pytest.approx(scores[1], abs=1e-3)


def test_patches_grow_when_the_recipe_says(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = short(data, **EVERYTHING)
    samples = samples_of(recipe, fresh_state(recipe)[0], [find(str(data))])
    sizes = [samples[step * recipe.batch + 1]["lr"].shape[1] for step in range(16)]
    assert sizes == [8] * 4 + [12] * 6 + [16] * 6
    assert recipe.patches.largest == 16
    far = short(data, **{"patches.grow": [[90, 60]]})
    state, sets = fresh_state(far)[0], [find(str(data))]
    with pytest.raises(InputError, match="too few for patches of 60"):
        samples_of(far, state, sets)


def test_an_adversary_of_the_last_loss_learns_in_late_steps_alone(
    data: Path, tmp_path: Path
) -> None:
    late = {"schedule.shape": "wsd", "schedule.decay": 0.5, "last_loss.adversarial": 0.1}
    changes = {"schedule.steps": 8, "validation.every": 8, "discriminator.features": 4}
    train(short(data, **late, **changes), tmp_path / "run", hardware=CPU)
    path = sorted((tmp_path / "run" / "checkpoints").glob("*.pt"))[-1]
    kept = torch.load(path, weights_only=True)
    counts = [part["optimiser"]["state"][0]["step"] for part in (kept, kept["adversary"])]
    assert [int(count) for count in counts] == [8, 3]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch": 6, "parts": 4}, "a batch of 6 cannot be cut into 4 equal parts"),
        ({"parts": 2, "loss.balanced": True}, "weighs bands over a whole batch"),
        ({"patches.grow": [[5, 64], [4, 96]]}, "grow holds steps and sizes"),
        ({"patches.grow": [[5, 16]]}, "grow holds steps and sizes"),
        ({"discriminator.features": 0}, "features must be 1 or more"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_recipe("smoke", changes)


def test_what_a_network_or_its_samples_forbid_is_said(data: Path, tmp_path: Path) -> None:
    normalising = {"network": "vdsr", "settings": {"scale": 2}, "parts": 2}
    with pytest.raises(InputError, match="normalises by the whole batch"):
        train(short(data, **normalising), tmp_path / "a", hardware=CPU)
    small = {"loss.adversarial": 0.1, "patches.size": 3}
    with pytest.raises(InputError, match="HR patches of 6 x 6 are too small"):
        train(short(data, **small), tmp_path / "b", hardware=CPU)
    two = {"loss.perceptual": 1.0, "last_loss.perceptual": 1.0, "last_loss.looks": "loupe-x4"}
    with pytest.raises(InputError, match="name two networks that look"):
        train(short(data, **two), tmp_path / "c", hardware=CPU)
