"""Trains the short recipe in a process of its own: to be killed, or as one of several."""

import json
import sys
import time
from pathlib import Path

import torch

from geoloupe.training import run
from geoloupe.training.hardware import Hardware
from geoloupe.training.run_folder import RECIPE_FILE
from tests.training.test_run import short

if __name__ == "__main__":
    torch.set_num_threads(1)  # as the tests have: sums of other parts round otherwise
    data, folder, *fast = sys.argv[1:]  # then perhaps "fast" and changes of the recipe
    changes = json.loads(fast[1]) if len(fast) > 1 else {}
    run._PAUSE = 0.0 if not fast else 1e9  # a checkpoint at every step
    resume = (Path(folder) / RECIPE_FILE).exists() and not fast
    run.train(
        short(Path(data), **changes),
        Path(folder),
        resume=resume,
        hardware=Hardware(accelerator="cpu"),
        progress=None if fast else lambda done, count: time.sleep(0.02),
    )
