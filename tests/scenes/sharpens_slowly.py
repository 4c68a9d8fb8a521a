"""Sharpens a scene slowly, in a process of its own that is meant to be killed."""

import json
import sys
import time

from geoloupe.scenes import fusion, plan, sharpen

source, target, guide, options = sys.argv[1:]
plan._BLOCK_BYTES = 2**15  # many small blocks
predict = fusion.Fusion.predict


def slow_predict(self: object, *rest: object) -> object:
    time.sleep(0.05)
    return predict(self, *rest)  # type: ignore[arg-type]


fusion.Fusion.predict = slow_predict  # type: ignore[method-assign, assignment]
if __name__ == "__main__":
    sharpen.sharpen(source, target, guide=guide, **json.loads(options))
