"""Loading processes that are started afresh, as on Windows and macOS, load the same samples."""

import multiprocessing
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from geoloupe.datasets.preparation.prepared import PreparedDataset
from geoloupe.models.model import load
from geoloupe.training.hardware import Hardware
from geoloupe.training.recipe import read_recipe
from geoloupe.training.run import train
from tests.training.scenes import prepared

pytest.importorskip("lightning_fabric")

# torch.jit, which TensorBoard's writer loads, warns of its own old parts.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def spawning() -> Iterator[None]:
    """Start processes afresh, whatever this system does by itself."""
    before = multiprocessing.get_start_method(allow_none=True)
    multiprocessing.set_start_method("spawn", force=True)
    yield
    multiprocessing.set_start_method(before, force=True)


def trained(data: Path, folder: Path, workers: int) -> dict[str, Any]:
    """Train for a moment; return the weights."""
    changes = {
        "data.set": str(data),
        "settings.features": 4,
        "settings.blocks": 1,
        "schedule.steps": 8,
        "validation.every": 8,
        "batch": 2,
    }
    recipe = read_recipe("smoke", changes)
    done = train(recipe, folder, hardware=Hardware(accelerator="cpu", workers=workers))
    return load(str(done.model)).network.state_dict()


@pytest.mark.usefixtures("spawning")
def test_fresh_processes_load_what_this_one_does(tmp_path: Path) -> None:
    data = prepared(tmp_path / "data")
    alone, spawned = (trained(data, tmp_path / f"{n}", n) for n in (0, 1))
    assert all(torch.equal(alone[name], spawned[name]) for name in alone)


def test_a_data_set_is_sent_without_its_pixels(tmp_path: Path) -> None:
    data = PreparedDataset.open(prepared(tmp_path / "data"))
    entry = data.entries[0]
    pixels = data.image(entry).values
    sent = pickle.dumps(data)
    assert len(sent) < pixels.nbytes
    assert np.array_equal(pickle.loads(sent).image(entry).values, pixels)
