"""One set of weights for several factors: learned in turns, kept once, measured at each."""

import csv
from pathlib import Path
from typing import Any, cast

import pytest
import torch

from geoloupe import catalog
from geoloupe.datasets.preparation.prepare import prepare
from geoloupe.datasets.preparation.prepared import find
from geoloupe.errors import InputError
from geoloupe.evaluation.evaluate import evaluate
from geoloupe.models.card import read_weights
from geoloupe.models.model import load
from geoloupe.training.hardware import Hardware
from geoloupe.training.recipe import Recipe, read_recipe
from geoloupe.training.run import Trained, train
from geoloupe.training.sample_draws import foreign
from geoloupe.training.setup import fresh_state, samples_of
from tests.training.test_run import stop_at

pytest.importorskip("lightning_fabric")
# torch.jit, which TensorBoard's writer loads, warns of its own old parts.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
CPU = Hardware(accelerator="cpu")


@pytest.fixture(scope="module")
def cubes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared data set of noisy cubes, 31 bands with wavelengths."""
    folder = tmp_path_factory.mktemp("cave")
    dataset = cast("Any", catalog.resolve("dataset", "cave")).tiny()
    dataset.fake(folder / "in")
    prepare(dataset, folder / "in", folder / "out", split="mulsr")
    return folder / "out"


def joint(cubes: Path, **more: Any) -> Recipe:
    """Make the recipe tiny."""
    changes: dict[str, Any] = {
        "data.set": str(cubes),
        "data.scales": [2, 4],
        "settings.scale": 4,
        "settings.features": 4,
        "patches.size": 4,
        "patches.per_scene": 4,
        "batch": 2,
        "schedule.epochs": None,
        "schedule.steps": 6,
        "schedule.milestones": [],
        "validation.every": 3,
        "validation.images": 1,
    }
    return read_recipe("mulsr-joint", changes | more)


@pytest.fixture(scope="module")
def run(cubes: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A joint run that nothing stopped."""
    return train(joint(cubes), tmp_path_factory.mktemp("joint") / "run", hardware=CPU)


def test_factors_take_turns_and_a_batch_is_of_one(cubes: Path) -> None:
    recipe = joint(cubes)
    samples = samples_of(recipe, fresh_state(recipe)[0], [find(str(cubes))])
    sizes = [[samples[2 * step + n]["hr"].shape[1] for n in (0, 1)] for step in range(12)]
    assert all(one == other for one, other in sizes)
    turns = [one for one, _ in sizes]
    assert all({turns[step], turns[step + 1]} == {8, 16} for step in range(0, 12, 2))
    assert len({tuple(turns[step : step + 2]) for step in range(0, 12, 2)}) == 2
    assert foreign(samples) == "samples of several factors"


def test_one_set_of_weights_is_measured_at_each_factor(cubes: Path, run: Trained) -> None:
    scores = run.scores
    assert scores["psnr"] == pytest.approx((scores["psnr_x2"] + scores["psnr_x4"]) / 2)
    card, _ = read_weights(run.model)
    assert card.scales == (2, 4)
    with (run.folder / "validation.csv").open() as file:
        rows = list(csv.DictReader(file))
    kept = max(rows, key=lambda row: float(row["psnr"]))
    for scale in (2, 4):
        options: dict[str, Any] = {"protocol": "mulsr", "scale": scale, "limit": 1}
        (found,) = evaluate((run.model,), f"{cubes}:test", **options).summaries()
        assert found.scale == scale
        assert found.mean["psnr"] == pytest.approx(float(kept[f"psnr_x{scale}"]), abs=1e-3)
    (own,) = evaluate((run.model,), f"{cubes}:test", protocol="mulsr", limit=1).summaries()
    assert own.scale == 4


def test_stopped_and_resumed_it_ends_in_the_same_bytes(
    cubes: Path, run: Trained, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(joint(cubes), tmp_path / "run", hardware=CPU, progress=stop_at(4))
    again = train(joint(cubes), tmp_path / "run", resume=True, hardware=CPU)
    one, other = (read_weights(each.model)[1] for each in (run, again))
    assert all((one[name] == other[name]).all() for name in one)


def test_a_model_is_loaded_at_its_factors_alone(run: Trained) -> None:
    lr, guide = torch.rand(1, 5, 6, 6), torch.rand(1, 3, 12, 12)
    finer = load(run.model, scale=2)
    assert finer.network.signature.scale == 2
    assert finer.network(lr, guide).shape == (1, 5, 12, 12)
    states = [load(run.model).network.state_dict(), finer.network.state_dict()]
    assert all(states[0][name].equal(states[1][name]) for name in states[0])
    assert load(run.model).at(2).digest == finer.digest
    with pytest.raises(InputError, match="scale"):
        load(run.model, scale=8)
    with pytest.raises(InputError, match="enlarges 4 times, not 8"):
        load(run.model).at(8)
    with pytest.raises(InputError, match="enlarges 2 times, not 4"):
        load("loupe-x2").at(4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data.scales": [2, 2]}, "different factors"),
        ({"data.scales": [2, 8]}, "settings.scale must be one of data.scales"),
    ],
)
def test_factors_that_make_no_sense_are_refused(
    cubes: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        joint(cubes, **changes)


def test_most_networks_have_weights_for_one_factor() -> None:
    with pytest.raises(InputError, match="Loupe has weights for one factor"):
        fresh_state(read_recipe("smoke", {"data.scales": [2, 4]}))
