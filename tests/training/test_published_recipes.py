"""Recipes of papers against what the papers' code does: every deviation stands in `about`."""

from typing import Any

import pytest

from geoloupe import settings
from geoloupe.networks import network_class
from geoloupe.training.recipe import read_recipe

HSENET: dict[str, Any] = {
    "settings.features": 64,
    "settings.modules": 10,
    "settings.mean": [0.4916, 0.4991, 0.4565],
    "data.degradation": "bi",
    "patches.size": 48,
    "batch": 4,
    "loss.l1": 1.0,
    "optimiser.rate": 1e-4,
    "optimiser.betas": [0.9, 0.999],
    "optimiser.eps": 1e-8,
    "schedule.epochs": 500,
    "schedule.milestones": [400],
    "schedule.factor": 0.5,
    "validation.protocol": "hsenet",
}
TSFNET: dict[str, Any] = {
    "settings.features": 64,
    "data.degradation": "bi",
    "patches.size": 32,  # HR patches of 256
    "batch": 1,
    "loss.l1": 1.0,
    "optimiser.rate": 5e-4,
    "schedule.epochs": 1500,
    "schedule.milestones": [700, 900, 1300],
    "schedule.factor": 0.5,
    "validation.protocol": "tsfnet",
}
MULSR: dict[str, Any] = {
    "settings.features": 64,
    "data.degradation": "mulsr-train",
    "data.bands_at_once": None,
    "patches.size": 12,
    "patches.per_scene": 1000,
    "patches.rolls": True,
    "batch": 32,
    "loss.l1": 1.0,
    "optimiser.rate": 1e-4,
    "schedule.epochs": 200,
    "schedule.milestones": [30, 60, 90, 120, 150, 180],
    "schedule.factor": 0.5,
    "validation.degradation": "mulsr-test",
    "validation.protocol": "mulsr",
    "data.val": "val",
}
# What no paper of these has.
PLAIN = {
    "precision": "fp32",
    "parts": 1,
    "optimiser.ema": 0.0,
    "optimiser.clip": None,
    "optimiser.weight_decay": 0.0,
    "validation.images": None,
    "schedule.shape": "steps",
    "data.scales": [],
    "last_loss": None,
}
PUBLISHED: dict[str, dict[str, Any]] = {
    "hsenet-ucmerced": HSENET,
    "hsenet-aid": HSENET,
    "hsenet-x4": HSENET,
    "tsfnet-ucmerced": TSFNET,
    "tsfnet-aid": TSFNET | {"optimiser.rate": 2e-4},
    "tsfnet-nwpu": TSFNET,
    "tsfnet-x8": TSFNET,
    "mulsr-cave": MULSR,
    "mulsr-harvard": MULSR,
    "mulsr-colosseum": MULSR,
    "mulsr-joint": MULSR,
}
# How `about` names a deviation of a value.
NAMES = {
    "settings.modules": "{ours} modules instead of {theirs}",
    "settings.features": "{ours} features instead of {theirs}",
    "batch": "batch {ours} instead of {theirs}",
    "patches.size": "{ours} LR pixels instead of {theirs}|patches of {fine} pixels instead of"
    "|crops are of {fine} instead of",
    "optimiser.rate": "rate of {rate}",
    "optimiser.ema": "averaged weights",
    "optimiser.clip": "clipped gradients",
    "precision": "bf16",
    "validation.images": "validation on {ours} images",
    "schedule.epochs": "instead of {theirs:,} epochs",
    "schedule.shape": "falls along a cosine",
    "schedule.milestones": "falls along a cosine",
    "data.bands_at_once": "one band of each sample",
    "data.val": "test",
    "data.scales": "the four factors take turns",
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_deviation_is_named(name: str) -> None:
    recipe = read_recipe(name)
    values = settings.dump(recipe)
    defaults = settings.dump(network_class(recipe.network).Settings(scale=4))
    values["settings"] = {**defaults, **values["settings"]}
    deviations = 0
    for key, theirs in {**PLAIN, **PUBLISHED[name]}.items():
        ours: Any = values
        for part in key.split("."):
            ours = ours[part]
        if ours == theirs:
            continue
        deviations += 1
        words = {
            "ours": ours,
            "theirs": theirs,
            "fine": recipe.patches.size * values["settings"]["scale"],
            "rate": f"{recipe.optimiser.rate:.0e}".replace("e-0", "e-"),
        }
        said = [phrase.format(**words) for phrase in NAMES[key].split("|")]
        assert any(phrase in recipe.about for phrase in said), f"{key}: {ours}, not {theirs}"
    assert ("Deviations" in recipe.about or name == "mulsr-joint") or not deviations


@pytest.mark.parametrize("name", [name for name in PUBLISHED if not name.endswith(("x4", "x8"))])
def test_a_split_that_is_not_the_published_one_is_said(name: str) -> None:
    about = read_recipe(name).about
    assert any(
        word in about for word in ("not available as a list", "published list", "without a seed")
    )


def test_x16_of_tsfnet_is_of_the_published_patches() -> None:
    for name in ("tsfnet-aid", "tsfnet-nwpu", "tsfnet-ucmerced"):
        about = read_recipe(name).about
        size = 15 if name == "tsfnet-ucmerced" else 16
        assert f"--set settings.scale=16 --set patches.size={size}" in about
        read_recipe(name, {"settings.scale": 16, "patches.size": size})
