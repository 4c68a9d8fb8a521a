"""Every network with weights learns by the one loop, whatever its bands, guide and stages."""

from dataclasses import fields
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from geoloupe import catalog, settings
from geoloupe.datasets.preparation.prepare import prepare
from geoloupe.models.card import read_weights
from geoloupe.networks import network_class
from geoloupe.training.hardware import Hardware
from geoloupe.training.recipe import recipe_of
from geoloupe.training.run import train

pytest.importorskip("lightning_fabric")
# torch.jit, which TensorBoard's writer loads, warns of its own old parts.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
LEARNING = sorted(set(catalog.names("network")) - {"bicubic", "nearest"})


@pytest.fixture(scope="module")
def cubes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared data set of noisy cubes, 31 bands with wavelengths."""
    folder = tmp_path_factory.mktemp("cave")
    dataset = cast("Any", catalog.resolve("dataset", "cave")).tiny()
    dataset.fake(folder / "in")
    prepare(dataset, folder / "in", folder / "out", split="mulsr")
    return folder / "out"


@pytest.mark.parametrize("name", LEARNING)
def test_a_network_learns(name: str, cubes: Path, tmp_path: Path) -> None:
    kind = network_class(name).Settings
    plain = settings.dump(cast("Any", kind).tiny())
    chosen = {key: value for key, value in plain.items() if value is not None}
    if "bands" in {field.name for field in fields(kind)}:
        chosen["bands"] = 31
    scale = chosen.get("scale", 2)
    recipe = recipe_of(
        {
            "name": name,
            "network": name,
            "settings": chosen,
            "data": {"set": str(cubes), "val": "test"},
            "patches": {"size": 16 // scale, "per_scene": 2},
            "schedule": {"steps": 2},
            "validation": {"protocol": "sspsr", "every": 2, "images": 1},
            "batch": 1,
            "precision": "bf16",
        },
        name,
    )
    done = train(recipe, tmp_path / "run", hardware=Hardware(accelerator="cpu"))
    assert done.steps == 2
    card, tensors = read_weights(done.model)
    assert card.network == name
    assert all(np.isfinite(tensor).all() for tensor in tensors.values())


def test_a_model_knows_the_names_of_its_bands(tmp_path: Path) -> None:
    dataset = cast("Any", catalog.resolve("dataset", "landsat7")).tiny()
    dataset.fake(tmp_path / "in")  # with a panchromatic image beside every scene
    prepare(dataset, tmp_path / "in", tmp_path / "out")
    values = {
        "name": "six",
        "network": "srcnn",
        "settings": {"scale": 2, "bands": 6},
        "data": {"set": str(tmp_path / "out")},
        "patches": {"size": 8, "per_scene": 1},
        "schedule": {"steps": 1},
        "validation": {"every": 1, "images": 1},
        "batch": 1,
    }
    done = train(recipe_of(values, "six"), tmp_path / "run", hardware=Hardware(accelerator="cpu"))
    card, _ = read_weights(done.model)
    assert card.bands == ("red", "green", "blue", "nir", "swir1", "swir2")
