"""Prepares the small data set slowly, in a process of its own that says how far it is."""

import sys
from pathlib import Path

from geoloupe import catalog
from geoloupe.datasets.preparation import journal
from geoloupe.datasets.preparation.prepare import prepare
from tests.datasets.small import SMALL

if __name__ == "__main__":
    source, target, pause = sys.argv[1:]
    catalog.CATALOG["dataset"]["small"] = "tests.datasets.small:SMALL"
    journal._BATCH_SCENES = 3
    SMALL.pause = float(pause)

    def progress(done: int, of: int) -> None:
        sys.stdout.write(f"{done} of {of}\n")
        sys.stdout.flush()

    prepare("small", Path(source), Path(target), progress=progress)
