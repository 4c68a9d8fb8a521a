"""The program with tiles that take their time, many of them, so that it can be stopped on its way.

With `serve` as its first word it is the app, whose jobs are as slow.
"""

import sys
import time
from pathlib import Path

from geoloupe.app import children
from geoloupe.cli import main
from geoloupe.scenes import plan, scene

PAUSE = 0.05
plan._BLOCK_BYTES = 2**16
plan._TILE_BYTES = 2**18
plan._MIN_MARGINS = 3
enlarge = scene.Enlargement._enlarged


def slowly(self: scene.Enlargement, *rest: object) -> object:
    time.sleep(PAUSE)
    return enlarge(self, *rest)  # type: ignore[arg-type]


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        children.PROGRAM = (sys.executable, str(Path(__file__).resolve()))
        sys.argv[1] = "app"
    else:
        scene.Enlargement._enlarged = slowly  # type: ignore[method-assign, assignment]
    main()
