"""The degradation that a person means: one of the catalog, or one of a .json file."""

import json
from pathlib import Path
from typing import cast

from geoloupe import catalog, settings
from geoloupe.degradations.degradation import Degradation
from geoloupe.errors import InputError, errors_named


def load_degradation(name_or_path: str) -> Degradation:
    """Return the degradation of a name, or read one from a .json file."""
    if not name_or_path.endswith(".json"):
        return cast("Degradation", catalog.resolve("degradation", name_or_path))
    try:
        values = json.loads(Path(name_or_path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{name_or_path}: cannot be read as JSON ({error})") from None
    if not isinstance(values, dict):
        raise InputError(f"{name_or_path}: a degradation is a JSON object")
    with errors_named(name_or_path):
        return settings.build(Degradation, values, name_or_path)
