"""Preparing and training on a system that neither renames nor deletes open files, as Windows."""

from pathlib import Path

import pytest

from geoloupe.models.model import load
from geoloupe.training.hardware import Hardware
from geoloupe.training.recipe import read_recipe
from geoloupe.training.run import train
from geoloupe.training.state import checkpoints
from tests.training.scenes import prepared
from tests.windows import Minding, minding

__all__ = ["minding"]

pytest.importorskip("lightning_fabric")

# torch.jit, which TensorBoard's writer loads, warns of its own old parts.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class StoppedError(Exception):
    """Ends a run on its way."""


def test_a_run_is_stopped_resumed_and_loaded(tmp_path: Path, minding: Minding) -> None:
    data = prepared(tmp_path / "data")
    recipe = read_recipe(
        "smoke",
        {
            "data.set": str(data),
            "settings.features": 4,
            "settings.blocks": 1,
            "schedule.steps": 60,
            "validation.every": 15,
            "batch": 2,
        },
    )

    def stop(step: int, count: int) -> None:
        if step >= 33:
            raise StoppedError

    hardware = Hardware(accelerator="cpu")
    with pytest.raises(StoppedError):
        train(recipe, tmp_path / "run", hardware=hardware, progress=stop)
    done = train(recipe, tmp_path / "run", hardware=hardware, resume=True)
    assert minding.refused == []
    assert len(checkpoints(tmp_path / "run" / "checkpoints")) == 2
    assert load(str(done.model)).has_weights
