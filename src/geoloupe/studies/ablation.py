"""A recipe without one of its parts at a time: what each of them is worth."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

from geoloupe import settings
from geoloupe.training.recipe import Recipe, read_recipe, toml_names, toml_values

_SHIPPED = resources.files("geoloupe.studies") / "ablations"


@dataclass(frozen=True, kw_only=True)
class Ablation:
    """A recipe, what all variants change of it, and what each changes beside."""

    recipe: str
    variants: dict[str, dict[str, Any]]  # by name; the first is what the others are measured by
    about: str = ""
    changes: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        if len(self.variants) < 2:
            raise ValueError("variants must be two or more")


def shipped_ablations() -> list[str]:
    """List the ablations that come with the program."""
    return toml_names(_SHIPPED)


def read_ablation(name: str | Path, changes: Mapping[str, Any] | None = None) -> list[Recipe]:
    """Read a .toml file or a shipped ablation and give the recipe of each variant."""
    plain, source = toml_values(name, _SHIPPED, "an ablation")
    found = settings.build(Ablation, plain, source)
    shared = {**(found.changes or {}), **(changes or {})}
    return [
        replace(read_recipe(found.recipe, {**shared, **own}), name=variant)
        for variant, own in found.variants.items()
    ]
