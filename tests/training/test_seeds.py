"""Several seeds of one recipe: runs that differ, that resume, and a table of how far."""

import csv
from pathlib import Path
from statistics import mean, stdev

import pytest

from geoloupe.errors import InputError
from geoloupe.models.card import read_weights
from geoloupe.training.hardware import Hardware
from geoloupe.training.run import train
from geoloupe.training.seeds import Scatter, holds_seeds, resume_seeds, train_seeds
from tests.program import program
from tests.training.scenes import prepared
from tests.training.test_run import short, stop_at

pytest.importorskip("lightning_fabric")
# torch.jit, which TensorBoard's writer loads, warns of its own old parts.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
CPU = Hardware(accelerator="cpu")
BRIEF = {"schedule.steps": 12, "validation.every": 4, "seed": 5}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared data set of drawn scenes."""
    return prepared(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def three(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Scatter:
    """Three seeds that nothing stopped."""
    folder = tmp_path_factory.mktemp("three") / "runs"
    return train_seeds(short(data, **BRIEF), folder, 3, hardware=CPU)


def test_seeds_differ_and_each_is_the_run_of_its_seed(
    data: Path, three: Scatter, tmp_path: Path
) -> None:
    assert [model.parent.name for model in three.models] == ["seed0", "seed1", "seed2"]
    assert len(set(three.scores["psnr"])) == 3
    alone = train(short(data, **BRIEF | {"seed": 6}), tmp_path / "alone", hardware=CPU)
    one, other = (read_weights(model)[1] for model in (alone.model, three.models[1]))
    assert all((one[name] == other[name]).all() for name in one)
    assert read_weights(three.models[1])[0].name == "smoke-seed1"


def test_the_table_holds_what_the_kept_models_scored(three: Scatter) -> None:
    with (three.folder / "seeds.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["seed"] for row in rows] == ["5", "6", "7", "mean", "deviation"]
    found = [float(row["psnr"]) for row in rows]
    best = []
    for number in range(3):
        with (three.folder / f"seed{number}" / "validation.csv").open() as file:
            best.append(max(float(row["psnr"]) for row in csv.DictReader(file)))
    assert found[:3] == best
    assert found[3] == pytest.approx(mean(best))
    assert found[4] == pytest.approx(stdev(best))
    assert three.spread("psnr") == pytest.approx((mean(best), stdev(best)))


def test_stopped_in_the_second_seed_they_end_in_the_same_bytes(
    data: Path, three: Scatter, tmp_path: Path
) -> None:
    folder, stop = tmp_path / "runs", stop_at(12 + 6)
    with pytest.raises(KeyboardInterrupt):
        train_seeds(short(data, **BRIEF), folder, 3, hardware=CPU, progress=stop)
    assert holds_seeds(folder)
    assert not (folder / "seed2").exists()
    again = resume_seeds(folder, hardware=CPU)
    assert again.scores == three.scores
    assert (folder / "seeds.csv").read_bytes() == (three.folder / "seeds.csv").read_bytes()


def test_mistakes_are_said(data: Path, three: Scatter, tmp_path: Path) -> None:
    recipe = short(data, **BRIEF)
    with pytest.raises(InputError, match="seeds must be 1 or more"):
        train_seeds(recipe, tmp_path / "none", 0)
    with pytest.raises(InputError, match="is not empty"):
        train_seeds(recipe, three.folder, 3)
    with pytest.raises(InputError, match="holds runs of several seeds"):
        train(recipe, three.folder, resume=True, hardware=CPU)
    with pytest.raises(InputError, match="several seeds are for one process"):
        resume_seeds(three.folder, hardware=Hardware(devices=2))
    (tmp_path / "seeds.json").write_text('{"seeds": "two"}')
    (tmp_path / "recipe.toml").write_text((three.folder / "recipe.toml").read_text())
    with pytest.raises(InputError, match=r"seeds\.json: seeds must be a number"):
        resume_seeds(tmp_path, hardware=CPU)


def test_the_command_goes_on_with_all_of_them(three: Scatter) -> None:
    done = program("train", "--resume", str(three.folder), "--accelerator", "cpu")
    assert done.returncode == 0, done.stderr
    assert "3 seeds: psnr" in done.stdout
    done = program("train", "--resume", str(three.folder), "--seeds", "4")
    assert done.returncode == 2
    assert "leave out --set, --seeds and --output" in done.stderr
