"""The recipe for training a model further on a user's own images."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from geoloupe.datasets.preparation.prepare import prepare
from geoloupe.datasets.preparation.prepared import FACTS
from geoloupe.errors import InputError
from geoloupe.models.model import load, plain_settings
from geoloupe.networks.signature import Adapter
from geoloupe.training.recipe import Recipe, change, recipe_of

_RATE, _STEPS, _EVERY = 1e-4, 5000, 500


def finetuning(start: str, data: Path, changes: Mapping[str, Any]) -> Recipe:
    """Make the recipe; an unprepared folder is first prepared, beside itself."""
    model = load(start)
    if isinstance(model.network, Adapter):
        raise InputError(f"{start}: its network is another package's, which geoloupe only runs")
    if not data.is_dir():
        raise InputError(f"{data}: no such folder")
    data = data if data.name else data.resolve()  # "." has no name to put another beside
    if not (data / FACTS).is_file():
        prepared = data.with_name(f"{data.name}-prepared")
        prepare("folder", data, prepared)
        data = prepared
    begun = str(Path(start).absolute()) if Path(start).exists() else start
    values: dict[str, Any] = {
        "name": f"{model.card.name}-{data.name.removesuffix('-prepared')}",
        "about": f"{model.card.name}, trained further on {data.name}",
        "network": model.card.network,
        "settings": plain_settings(model.network),
        "start": begun if model.has_weights else None,
        "batch": 8,
        "data": {"set": str(data)},
        "patches": {"size": 32},
        "optimiser": {"rate": _RATE, "ema": 0.999},
        "schedule": {"steps": _STEPS, "shape": "cosine"},
        "validation": {"every": _EVERY},
    }
    for key, value in changes.items():
        change(values, key, value, "finetune")
    return recipe_of(values, "finetune")
