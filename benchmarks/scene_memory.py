"""Measure what a scene's upscaling takes of memory, phase by phase, each run a process of its own.

    python -m benchmarks.scene_memory --bands 224 --height 64 --width 1024 --dtype float32 \
        --model bicubic --memory 1GB

Scenes are noise, made here. Linux only: the kernel counts, and forgets its count between phases.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.transform import Affine

from geoloupe.system.memory import forget_peak, resident_peak

PHASES = {  # where each is done: a module, what of it, and its attribute
    "opening": ("geoloupe.scenes.upscale", "", "set_up"),
    "trying tiles": ("geoloupe.scenes.local", "", "thread_count"),
    "blocks": ("geoloupe.scenes.local", "", "_in_threads"),
    "seams": ("geoloupe.scenes.running", "", "assemble"),
    "overviews": ("geoloupe.rasters.planes", "Planes", "as_vrt"),
    "writing": ("geoloupe.rasters.gdal_files", "", "copy"),
    "reading back": ("geoloupe.rasters.gdal_files", "", "same"),
}


class Phases:
    """The most that the process held in each phase; phases lie within each other."""

    def __init__(self) -> None:
        self.now = "starting"
        self.peaks: dict[str, int] = {}

    def enter(self, name: str) -> str:
        """Begin a phase; return the one before."""
        self.peaks[self.now] = max(self.peaks.get(self.now, 0), resident_peak())
        forget_peak()
        before, self.now = self.now, name
        return before

    def watched(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """Make a function a phase."""

        @wraps(work)
        def run(*values: Any, **more: Any) -> Any:
            before = self.enter(name)
            try:
                return work(*values, **more)
            finally:
                self.enter(before)

        return run


def scene(path: Path, bands: int, height: int, width: int, dtype: str) -> Path:
    """Make a scene of noise, band by band."""
    rng = np.random.default_rng(0)
    size = {"count": bands, "height": height, "width": width, "dtype": dtype}
    place = {"crs": "EPSG:32631", "transform": Affine(10, 0, 500_000, 0, -10, 4_000_000)}
    with rasterio.open(path, "w", driver="GTiff", **size, **place) as out:
        for band in range(1, bands + 1):
            unit = rng.random((height, width), np.float32) / 2
            out.write(unit if dtype == "float32" else (unit * 8000 + 1).astype(dtype), band)
    return path


def run(source: str, target: str, options: dict[str, Any]) -> dict[str, Any]:
    """Enlarge a scene in this process, watching every phase; return peaks or the refusal."""
    from importlib import import_module

    from geoloupe.errors import GeoloupeError
    from geoloupe.scenes.upscale import upscale
    from geoloupe.system.allocator import keep_freed_memory

    keep_freed_memory()
    phases = Phases()
    for name, (module, holder, attribute) in PHASES.items():
        place: Any = import_module(module)
        place = getattr(place, holder) if holder else place
        setattr(place, attribute, phases.watched(name, getattr(place, attribute)))
    try:
        upscale(source, target, **options)
    except GeoloupeError as error:
        phases.enter("refused")
        return {"peaks": phases.peaks, "told": str(error).removeprefix(f"{source}: ")}
    phases.enter("end")
    return {"peaks": phases.peaks, "told": ""}


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in (("bands", 224), ("height", 64), ("width", 1024)):
        parser.add_argument(f"--{name}", type=int, default=value)
    for name, text in (("dtype", "float32"), ("model", "bicubic"), ("memory", None)):
        parser.add_argument(f"--{name}", default=text)
    parser.add_argument("--tile", type=int)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        source, target, options = chosen.child
        print(json.dumps(run(source, target, json.loads(options))))
        return
    options = {"model": chosen.model, "scale": 4, "memory": chosen.memory, "tile": chosen.tile}
    with tempfile.TemporaryDirectory() as name:
        size = (chosen.bands, chosen.height, chosen.width)
        source = str(scene(Path(name) / "scene.tif", *size, chosen.dtype))
        child = [source, str(Path(name) / "out.tif"), json.dumps(options)]
        command = [sys.executable, "-m", "benchmarks.scene_memory", "--child", *child]
        done = subprocess.run(
            command, stdout=subprocess.PIPE, text=True, encoding="utf-8", check=True
        )
    found = json.loads(done.stdout.splitlines()[-1])
    print("| phase | peak MB |\n|---|---:|")
    for phase, peak in found["peaks"].items():
        print(f"| {phase} | {peak / 1e6:.0f} |")
    print(f"| **all** | **{max(found['peaks'].values()) / 1e6:.0f}** |\n{found['told']}")


if __name__ == "__main__":
    main()
