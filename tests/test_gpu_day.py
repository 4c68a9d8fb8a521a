"""The tool for a day with a GPU: its plan fits, what travels arrives, copies go on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tools.gpu_day import checking, copies, speeds
from tools.gpu_day.packing import pack, unpack
from tools.gpu_day.plan import LONGEST, START, steps, text
from tools.gpu_day.training import CHANGES, day_recipe, rest, train_for

from geoloupe import catalog
from geoloupe.datasets.preparation.prepared import PreparedDataset
from geoloupe.models.card import read_weights
from geoloupe.models.model import load
from geoloupe.training.hardware import Hardware
from geoloupe.training.recipe import Recipe
from tests.datasets import small

pytest.importorskip("lightning_fabric")

# torch.jit, which TensorBoard's writer loads, warns of its own old parts.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
CPU = Hardware(accelerator="cpu", devices=1, workers=0, samples="device")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PreparedDataset]:
    """A prepared set of pictures, two of which are for validation."""
    small.enter(monkeypatch)
    scenes: dict[str, Any] = {}
    for number in range(5):
        coarse = small.random(3, 12, 12 + number, seed=number)
        scenes[f"s{number}.png"] = coarse.repeat(4, 1).repeat(4, 2)
    small.prepared(tmp_path / "set", scenes)
    lines = "".join(f"{'val' if number > 2 else 'train'} s{number}\n" for number in range(5))
    (tmp_path / "list").write_text(lines)
    images, target = tmp_path / "set" / "in", tmp_path / "pictures"
    yield small.prepare("small", images, target, split=str(tmp_path / "list")).prepared
    catalog.targets.cache_clear()


def tiny(data: Path, minutes: float, **changes: Any) -> Recipe:
    """Make the day's recipe small enough for a second."""
    return day_recipe(
        "fine-x4",
        minutes,
        {
            "data.set": str(data),
            "data.shares": [],
            "settings.features": 4,
            "settings.blocks": 1,
            "batch": 2,
            "patches.size": 8,
            "schedule.warmup": 2,
            **changes,
        },
    )


@pytest.mark.parametrize("minutes", [6.0, 15.0, 30.0])
@pytest.mark.parametrize("names", [["fine-x4"], ["fine-x4", "fine-x2"], []])
def test_a_plan_fits_its_minutes(names: list[str], minutes: float) -> None:
    found = steps(names, minutes)
    assert START + sum(step.minutes for step in found) <= minutes
    assert all(step.minutes <= LONGEST for step in found)
    trained = [step for step in found if step.words.startswith("train")]
    assert len(trained) in (0, len(names))
    for step in trained:
        assert float(step.words.split()[-1]) < step.minutes - 1
    assert "train fine-x4 --minutes 8.0" in text(["fine-x4"], 15.0, "2.0")


@pytest.mark.parametrize("name", CHANGES)
def test_recipes_of_the_day_fall_by_time(name: str) -> None:
    recipe = day_recipe(name, 8.0, {})
    assert recipe.schedule.length(1) is None
    assert recipe.schedule.share(10_000, 1, 60.0) == 1
    assert not recipe.schedule.falling(10_000, 1, 0.79 * 480)
    assert recipe.schedule.falling(10_000, 1, 0.81 * 480)
    assert recipe.schedule.share(10_000, 1, 0.9 * 480) == pytest.approx(0.5)


def test_what_travels_is_a_prepared_set_again(data: PreparedDataset, tmp_path: Path) -> None:
    archive = tmp_path / "images.zip"
    packed = pack([data], archive, room=2**20, validated=1)
    assert packed.images == 4
    assert archive.stat().st_size == packed.size <= 2**20
    names = unpack(archive, tmp_path / "there")
    assert names == unpack(archive, tmp_path / "there") == [data.folder.name]
    found = PreparedDataset.open(tmp_path / "there" / names[0])
    found.verify()
    assert found.counts == {"train": 3, "val": 1}
    for entry in found.entries:
        original = next(one for one in data.entries if one.id == entry.id)
        sent, kept = found.image(entry).values, data.image(original).values
        error = np.square(sent.astype(float) - kept).mean()
        assert error == 0 if entry.split == "val" else error < 255**2 / 10**3.9
    tight = pack([data], archive, room=packed.size - 2000, validated=1)
    assert tight.quality < packed.quality


def test_a_run_goes_on_from_its_copy(
    data: PreparedDataset, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(copies, "MOST", 2000)  # several parts even of a tiny network
    recipe, out = tiny(data.folder, 0.05), tmp_path / "out"
    first = tmp_path / "runs" / "fine-x4"
    train_for(recipe, run=first, target=out, copies=tmp_path / "none", hardware=CPU)
    assert len(list(out.glob("fine-x4-*.pt"))) > 1
    assert len(list(out.iterdir())) <= 8 + len(list(out.glob("fine-x4-*.pt")))
    card, weights = read_weights(out / "fine-x4-model")
    assert card.settings["growth"] == 0
    assert "after_body.first" not in weights
    lr = torch.rand(1, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        folders = (first / "model", out / "fine-x4-model")
        one, other = (load(folder).network.stages(lr)[0] for folder in folders)
    assert torch.allclose(one, other, atol=1e-5)
    copy = copies.newest(out, "fine-x4")
    assert copy is not None
    # On another machine: more minutes were meant, of which the copy has had some.
    second = tmp_path / "elsewhere" / "fine-x4"
    more = tiny(data.folder, 0.1)
    train_for(more, run=second, target=tmp_path / "again", copies=out, hardware=CPU)
    card, _ = read_weights(second / "model")
    assert card.training is not None
    assert card.training.steps > copy["step"]
    assert 0.05 <= card.training.hours * 60 < 0.5
    again = copies.newest(tmp_path / "again", "fine-x4")
    assert again is not None
    assert again["before"]["steps"] == copy["step"]
    assert len(list((tmp_path / "again").glob(f"fine-x4-{card.training.steps:08}.*.pt"))) > 1
    # A copy of which a part is missing is none.
    next(out.glob("fine-x4-*.pt")).unlink()
    assert copies.newest(out, "fine-x4") is None


@pytest.mark.parametrize(
    ("seconds", "minutes", "decay", "rate"), [(240, 4.0, 0.4, 1.0), (432, 0.8, 1.0, 0.5)]
)
def test_the_rest_of_a_run_falls_as_the_whole_would(
    tmp_path: Path, seconds: int, minutes: float, decay: float, rate: float
) -> None:
    recipe = day_recipe("fine-x4", 8.0, {})
    before = {"steps": 10, "seconds": 60}
    copy = {"step": 5, "seconds": seconds - 60, "before": before, "average": {}}
    left = rest(recipe, copy | {"best": None}, tmp_path / "fine-x4")
    assert left.schedule.minutes == pytest.approx(minutes)
    assert left.schedule.decay == pytest.approx(decay)
    assert left.optimiser.rate == pytest.approx(rate * recipe.optimiser.rate)
    assert Path(left.start or "").name == "fine-x4-copied"


def test_a_device_is_compared_with_the_processor(data: PreparedDataset) -> None:
    recipe = tiny(data.folder, 1.0)
    found = list(checking._samples(recipe, torch.device("cpu")))
    assert [finding.sound for finding in found] == [True] * 4
    assert checking._tiled(torch.device("cpu")).sound
    assert all(finding.sound for finding in checking._predicted(torch.device("cpu")))
    broken = checking._finding("broken", lambda: torch.ones(2, 3) @ torch.ones(2), torch.ones(2), 1)
    assert not broken.sound


def test_speeds_are_rows_of_a_table(data: PreparedDataset) -> None:
    rows = list(speeds.learning(tiny(data.folder, 1.0), CPU, steps=1))
    assert any(row.startswith("| fine-x4, training | 2 |") for row in rows)
    device = torch.device("cpu")
    made = list(speeds.forwards(["loupe-x4"], device, side=8, sizes=[1, 2], compiled=[]))
    assert len(made) == 4
    assert all(row.count("|") == 5 for row in made)
