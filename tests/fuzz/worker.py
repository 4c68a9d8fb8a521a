"""Runs damaged files through geoloupe in a process that may crash; says what became of each."""

import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

_MEMORY = 6 * 2**30  # bytes of address space: a header that claims the moon must not get it
_LONGEST = 600  # characters of a message that somebody still reads
_TRIES = 6  # a job's damaged blocks are found one after the other

MADE, REFUSED = "made", "refused"


def judge(kind: str, path: Path) -> str:
    """Say "made", "refused", or what is wrong."""
    from geoloupe.errors import GeoloupeError

    try:
        return JUDGES[kind](path)
    except GeoloupeError as error:
        poor = "\n" in str(error) or not any(part in str(error) for part in _names(path))
        return f"a poor message: {error!r}" if poor else REFUSED
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the verdict
        return f"a traceback: {type(error).__name__}: {error}"


def _names(path: Path) -> tuple[str, str]:
    return path.name, str(path.parent)


def upscaled(path: Path) -> str:
    """Enlarge a scene: the product must be sound, or nothing may be left behind."""
    import geoloupe
    from geoloupe.errors import GeoloupeError
    from geoloupe.rasters.opening import open_source

    scene = _scene(path)
    target = scene.parent / "result.tif"
    try:
        result = geoloupe.upscale(scene, target, model="bicubic", scale=2, overwrite=True)
    except GeoloupeError as error:
        left = [item.name for item in scene.parent.iterdir() if item.name.startswith(".")]
        if left:
            return f"left behind: {left}, {error}"
        named = scene.name in str(error) or path.name in str(error)
        clear = named and "\n" not in str(error) and len(str(error)) < _LONGEST
        return REFUSED if clear else f"poor: {error}"
    with open_source(scene) as before, open_source(target) as after:
        image = after.read()
        if (image.grid.height, image.grid.width) != (2 * before.grid.height, 2 * before.grid.width):
            return "another size"
        if before.grid.crs and not after.grid.crs:
            return "lost its place"
        if not np.isfinite(image.in_unit().values[image.present]).all():
            return "numbers that are none"
    return MADE if result.complete else "unfinished"


def _scene(path: Path) -> Path:
    """Find what a person would name: a product for its parts, a raster for its header."""
    for parent in path.parents:
        if parent.suffix in (".SAFE", ".zarr") or parent.name.startswith("ENMAP"):
            return parent
    if items := list(path.parent.glob("*.json")):
        return items[0]
    if path.suffix in (".tar", ".gz", ".he5", ".json") or not path.exists():
        return path  # which may be lost
    name = path.name.split(".")[0]
    return next(p for p in path.parent.glob(f"{name}.*") if p.suffix not in (".hdr", ".xml"))


def loaded(path: Path) -> str:
    """Load weights."""
    from geoloupe.models.model import load

    load(path.parent)
    return MADE


def converted(path: Path) -> str:
    """Read a checkpoint from elsewhere."""
    from geoloupe.models.checkpoint import read_checkpoint

    read_checkpoint(path)
    return MADE


def recipe_read(path: Path) -> str:
    """Read a recipe."""
    from geoloupe.training.recipe import read_recipe

    read_recipe(path)
    return MADE


def finished(path: Path) -> str:
    """Finish a job: what comes of it is what an undisturbed run makes, or nothing."""
    import geoloupe
    from geoloupe.errors import RunError
    from tests.fuzz.seeds import CASE, JOB_OPTIONS, small_blocks

    folder = next(parent for parent in path.parents if parent.name == CASE)
    target = folder / "out.tif"
    for _ in range(_TRIES):
        try:
            with small_blocks():
                geoloupe.upscale(folder / "in.tif", target, **JOB_OPTIONS)
            break
        except RunError as error:  # a damaged block is deleted; the same again goes on
            if "run the same again" not in str(error):
                return f"a poor message: {error}"
    else:
        return "is never finished"
    same = target.read_bytes() == (folder / "clean.tif").read_bytes()
    return MADE if same else "another product"


def opened(path: Path) -> str:
    """Open a prepared data set and read all of it."""
    from geoloupe.datasets.preparation.prepared import PreparedDataset
    from geoloupe.datasets.samples.examples import Examples

    prepared = PreparedDataset.open(path.parent)
    for example in Examples(prepared=prepared, entries=prepared.entries, scale=2):
        assert example.hr.values.size
    return MADE


JUDGES: dict[str, Callable[[Path], str]] = {
    "scene": upscaled,
    "product": upscaled,
    "weights": loaded,
    "checkpoint": converted,
    "recipe": recipe_read,
    "job": finished,
    "dataset": opened,
}


def main() -> None:
    """Judge what standard input names, a kind and a file on each line."""
    warnings.simplefilter("ignore")
    import resource  # which Windows lacks

    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    for line in sys.stdin:
        kind, path = line.rstrip("\n").split(" ", 1)
        sys.stdout.write(json.dumps(judge(kind, Path(path))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
