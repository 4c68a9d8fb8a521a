"""Runs files through geoloupe in a process that may crash, and says what became of each."""

import json
import resource
import sys
import warnings
from pathlib import Path

import numpy as np

_MEMORY = 6 * 2**30  # bytes of address space: a header that claims the moon must not get it


def judge(path: Path) -> str:
    """Say "made", "refused", or what is wrong."""
    import geoloupe
    from geoloupe.errors import GeoloupeError

    target = path.with_suffix(".result.tif")
    try:
        result = geoloupe.upscale(path, target, model="bicubic", scale=2, overwrite=True)
    except GeoloupeError as error:
        left = [item.name for item in path.parent.iterdir() if item.name.startswith(".")]
        if "\n" in str(error) or path.name not in str(error):
            return f"a poor message: {error!r}"
        return f"left behind: {left}" if left else "refused"
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the verdict
        return f"a traceback: {type(error).__name__}: {error}"
    verdict = inspect(path, target) or ("made" if result.complete else "unfinished")
    target.unlink()
    return verdict


def inspect(path: Path, target: Path) -> str:
    """Say what is wrong with a result, or nothing."""
    from geoloupe.files.source import open_source

    with open_source(path) as before, open_source(target) as after:
        image = after.read()
        if (image.grid.height, image.grid.width) != (2 * before.grid.height, 2 * before.grid.width):
            return "another size"
        if before.grid.crs and not after.grid.crs:
            return "lost its place"
        if not np.isfinite(image.in_unit().values[image.present]).all():
            return "numbers that are none"
    return ""


def main() -> None:
    """Judge the files named on standard input, one a line."""
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    for line in sys.stdin:
        sys.stdout.write(json.dumps(judge(Path(line.strip()))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
