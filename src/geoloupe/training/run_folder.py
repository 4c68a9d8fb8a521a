"""A run's folder: made once, for one recipe, held by one process at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from geoloupe.errors import InputError
from geoloupe.storage.lock import locked
from geoloupe.storage.moving import forget
from geoloupe.storage.publish import publish_texts
from geoloupe.training.recipe import Recipe, read_recipe, recipe_text

RECIPE_FILE = "recipe.toml"
SEEDS_FILE = "seeds.json"  # in a folder of several runs
VALIDATION = "validation.csv"
CHECKPOINTS, PICTURES, MODEL = "checkpoints", "pictures", "model"


@contextmanager
def held(folder: Path, recipe: Recipe, *, resume: bool) -> Iterator[None]:
    """Make a run's folder, or check that it has this recipe, and keep other processes out."""
    _begin(folder, recipe, resume=resume)
    busy = f"{folder}: another process is training in it right now"
    gone = f"{folder}: its {RECIPE_FILE} is gone"
    with locked(folder / RECIPE_FILE, busy=busy, gone=gone):
        for part in folder.rglob(".*.part*"):  # what a killed process left
            forget(part)
        yield


def _begin(folder: Path, recipe: Recipe, *, resume: bool) -> None:
    """Make the run's folder, or check that it has the same recipe."""
    path = folder / RECIPE_FILE
    if (folder / SEEDS_FILE).is_file():
        raise InputError(f"{folder}: holds runs of several seeds; name one of them")
    if not path.exists():
        if resume:
            raise InputError(f"{folder}: holds no run; start one without resume")
        refuse_folder(folder)
        publish_texts(folder, {RECIPE_FILE: recipe_text(recipe)})
        return
    if not resume:
        raise InputError(f"{folder}: already holds a run; add resume=true, or name another folder")
    if read_recipe(path) != recipe:
        raise InputError(f"{folder}: holds a run of another recipe; see its {RECIPE_FILE}")


def refuse_folder(folder: Path) -> None:
    """Refuse a folder that cannot become that of a new run."""
    if folder.is_file():
        raise InputError(f"{folder}: is a file; name a folder for the run")
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder}: is not empty; name a new folder for the run")
