"""The loop: what is left out, what is averaged, which model is kept."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from geoloupe.training.hardware import Hardware
from geoloupe.training.loop import Loop
from geoloupe.training.recipe import read_recipe
from geoloupe.training.run import train
from geoloupe.training.state import State
from geoloupe.training.validation import Validation
from tests.training.scenes import prepared

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class OneProcess:
    """As much of a fabric as one process on the processor needs."""

    def to_device(self, tensor: Tensor) -> Tensor:
        return tensor

    def all_reduce(self, tensor: Tensor, reduce_op: str) -> Tensor:
        return tensor

    def backward(self, loss: Tensor) -> None:
        loss.backward()


class Distance(nn.Module):
    """A weight whose loss is its distance from what it is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, target: Tensor) -> Tensor:
        return (self.weight - target).abs().mean()


def weights_of(targets: list[float], **optimiser: Any) -> list[float]:
    """Give the weight after each step of epochs of two steps, by plain gradients of rate 1."""
    recipe = read_recipe("smoke", {"schedule.steps": len(targets), "schedule.warmup": 0})
    recipe = replace(recipe, optimiser=replace(recipe.optimiser, rate=1.0, ema=0.0, **optimiser))
    recipe = replace(recipe, schedule=replace(recipe.schedule, shape="constant"))
    network = Distance()
    state: Any = State(
        network=network,  # type: ignore[arg-type]
        optimiser=torch.optim.SGD(network.parameters(), lr=1.0),
        average=None,
    )
    loop = Loop(fabric=OneProcess(), objective=network, state=state, recipe=recipe, epoch=2)
    batches = ({"target": torch.tensor([target])} for target in targets)
    return [round(float(network.weight.detach()), 6) for _ in loop.steps(batches)]


def test_a_batch_far_above_the_last_epoch_is_left_out() -> None:
    targets = [10.0, 10.0, 1000.0, 10.0, 1000.0]
    assert weights_of(targets) == [1, 2, 3, 4, 5]
    assert weights_of(targets, skip_above=3.0) == [1, 2, 2, 3, 4]  # 1000 is usual by then
    assert weights_of([1000.0, 10.0, 500.0], skip_above=3.0) == [1, 2, 3]


def test_averaged_weights_forget_the_first_ones_quickly() -> None:
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    average = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    optimiser = torch.optim.SGD(network.parameters(), lr=1.0)
    state = State(network=network, optimiser=optimiser, average=average)  # type: ignore[arg-type]
    nn.init.ones_(network.weight)
    expected = 0.0
    for step in range(1, 200):
        state.step = step
        state.follow(0.9)
        stays = min(0.9, (1 + step) / (10 + step))
        expected = stays * expected + (1 - stays)
        assert state.weights()["weight"].item() == pytest.approx(expected, abs=1e-5)
        if step == 1:
            assert expected > 0.8


@pytest.mark.parametrize(("metric", "kept"), [("psnr", [3.0, 4.0]), ("rmse", [3.0, 1.0])])
def test_the_best_model_is_kept_by_what_better_means(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, metric: str, kept: list[float]
) -> None:
    pytest.importorskip("lightning_fabric")
    scores = [3.0, 1.0, 4.0, 2.0]
    measured: list[float] = []

    def measure(self: Validation, model: Any, device: str) -> dict[str, float]:
        measured.append(scores[len(measured)])
        return {name: measured[-1] for name in self.protocol.metrics}

    saved: list[float] = []
    monkeypatch.setattr(Validation, "measure", measure)
    monkeypatch.setattr("geoloupe.training.judge.save", lambda *_, **__: saved.append(measured[-1]))
    changes = {
        "data.set": str(prepared(tmp_path / "data")),
        "settings.features": 4,
        "settings.blocks": 1,
        "schedule.steps": 8,
        "batch": 2,
        "validation.every": 2,
        "validation.protocol": "sspsr",
        "validation.metric": metric,
    }
    train(read_recipe("smoke", changes), tmp_path / "run", hardware=Hardware(accelerator="cpu"))
    assert measured == scores
    assert saved == kept
