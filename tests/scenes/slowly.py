"""Upscales a scene slowly, in a process of its own that is meant to be killed.

Workers of a cluster that such a process starts import this file too, and are as slow.
"""

import json
import sys
import time

from geoloupe.rasters import gdal_files
from geoloupe.scenes import plan, scene, upscale

source, target, pause, *more = sys.argv[1:]
plan._BLOCK_BYTES = 2**16  # many small blocks
enlarge, copy = scene.Enlargement._enlarged, gdal_files.copy


def slowly_enlarge(self: object, *rest: object) -> object:
    time.sleep(float(pause))
    return enlarge(self, *rest)  # type: ignore[arg-type]


def slow_copy(*rest: object, **more: object) -> None:
    time.sleep(20 * float(pause))
    copy(*rest, **more)  # type: ignore[arg-type]


scene.Enlargement._enlarged = slowly_enlarge  # type: ignore[method-assign, assignment]
gdal_files.copy = slow_copy  # type: ignore[assignment]
if __name__ == "__main__":
    options = json.loads(more[0]) if more else {}
    upscale.upscale(source, target, model="bicubic", scale=3, tile=32, **options)
