"""The degradation that a person means: one of the catalog, or one of a .json file."""

import json
from pathlib import Path
from typing import cast

from geoloupe import catalog, settings
from geoloupe.degradations.degradation import Recipe
from geoloupe.errors import InputError, naming


def load_recipe(name_or_path: str) -> Recipe:
    """Give the recipe of a name, or read one from a .json file."""
    if not name_or_path.endswith(".json"):
        return cast("Recipe", catalog.resolve("degradation", name_or_path))
    try:
        values = json.loads(Path(name_or_path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{name_or_path}: cannot be read as JSON ({error})") from None
    if not isinstance(values, dict):
        raise InputError(f"{name_or_path}: a recipe is a JSON object")
    with naming(name_or_path):
        return settings.build(Recipe, values, name_or_path)
