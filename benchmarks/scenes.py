"""Measure whole scenes: the time around a network that costs nothing, memory, the network's share.

    python -m benchmarks.scenes
    python -m benchmarks.scenes --side 4096 --other /path/to/python-with-opensr-utils

Every run is a process of its own. Scenes are made here: four bands of uint16 noise.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import Affine

SCALE = 4
_OTHER = """
import sys, torch, opensr_utils
opensr_utils.super_resolve(
    sys.argv[1], torch.nn.Upsample(scale_factor=4, mode="nearest"), sys.argv[2], factor=4
)
"""
_SHARE = """
import json, sys, threading, time
from geoloupe.models import predictor
from geoloupe.scenes.upscale import upscale
run, lock, spent = predictor.Predictor._run, threading.Lock(), {}
def timed(self, *rest):
    start = time.thread_time()
    answer = run(self, *rest)
    with lock:
        name = threading.current_thread().name
        spent[name] = spent.get(name, 0) + time.thread_time() - start
    return answer
predictor.Predictor._run = timed
start, processor = time.perf_counter(), time.process_time()
upscale(sys.argv[1], sys.argv[2], model=sys.argv[3])
wall, processor = time.perf_counter() - start, time.process_time() - processor
print(json.dumps({"wall": wall, "processor": processor, "network": sum(spent.values())}))
"""


def scene(folder: Path, side: int) -> Path:
    """Make a square scene of four bands, in strips so that it may be large."""
    path = folder / f"scene-{side}.tif"
    if path.exists():
        return path
    rng = np.random.default_rng(0)
    profile = {"driver": "GTiff", "count": 4, "height": side, "width": side, "dtype": "uint16"}
    place = Affine(10, 0, 500_000, 0, -10, 4_000_000)
    tiles = {"tiled": True, "blockxsize": 256, "blockysize": 256}
    with rasterio.open(path, "w", crs="EPSG:32631", transform=place, **profile, **tiles) as out:
        for top in range(0, side, 256):
            rows = min(256, side - top)
            values = rng.integers(1, 4000, (4, rows, side), np.uint16)
            out.write(values, window=rasterio.windows.Window(0, top, side, rows))
    return path


def measured(command: list[str]) -> tuple[float, float, str]:
    """Run a process; give its seconds, its peak resident megabytes and what it printed."""
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    printed = child.stdout.read() if child.stdout else ""
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command[:4])} failed")
    return time.perf_counter() - start, usage.ru_maxrss / 1024, printed


def upscale(source: Path, target: Path, *options: str) -> list[str]:
    """Return the command that enlarges a scene four times."""
    words = ["-m", "geoloupe", "upscale", str(source), "-o", str(target), "-q", "--overwrite"]
    return [sys.executable, *words, *options]


def around(folder: Path, side: int, other: str | None) -> None:
    """Time pixel repetition, which costs nothing, so that all time is that of the rest."""
    source, target = scene(folder, side), folder / "out.tif"
    runs = {"geoloupe": upscale(source, target, "--model", "nearest", "--set", "scale=4")}
    if other:
        runs["opensr-utils"] = [other, "-c", _OTHER, str(source), str(folder / "other.tif")]
    for name, command in runs.items():
        seconds, peak, _ = measured(command)
        line = f"| nearest x4, {side} -> {side * SCALE} | {name} | {seconds:.1f} | {peak:.0f} |"
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
        for made in (target, folder / "other.tif"):
            made.unlink(missing_ok=True)


def memory(folder: Path, side: int, model: str) -> None:
    """Compare peak memory of a scene with that of one of four times the pixels."""
    for length in (side, 2 * side):
        target = folder / "out.tif"
        command = upscale(scene(folder, length), target, "--model", model, "--memory", "2GB")
        seconds, peak, _ = measured([*command, "--set", "scale=4"])
        line = f"| {model} x4 --memory 2GB, {length} -> {length * SCALE} | geoloupe "
        sys.stdout.write(f"{line}| {seconds:.1f} | {peak:.0f} |\n")
        sys.stdout.flush()
        target.unlink()


def share(folder: Path, side: int, model: str) -> None:
    """Print what part of the processor's time the network itself takes."""
    target = folder / "out.tif"
    command = [sys.executable, "-c", _SHARE, str(scene(folder, side)), str(target), model]
    found = json.loads(measured(command)[2])
    cores = os.cpu_count() or 1
    sys.stdout.write(
        f"\n{model}, {side} x {side}: {found['wall']:.1f} s, {found['processor']:.1f} s of "
        f"processor time, {found['network']:.1f} s in the network: "
        f"{found['network'] / found['processor']:.1%} of the processor time, "
        f"{found['network'] / (cores * found['wall']):.1%} of {cores} cores x wall time\n"
    )


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--other", help="a Python that has opensr-utils")
    parser.add_argument("--model", help="weights whose share of the time is measured")
    parser.add_argument("--share-side", type=int, default=512)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sys.stdout.write("| what | program | seconds | peak MB |\n|---|---|---:|---:|\n")
        around(folder, chosen.side, chosen.other)
        for model in ("nearest", "bicubic"):
            memory(folder, chosen.side, model)
        if chosen.model:
            share(folder, chosen.share_side, chosen.model)


if __name__ == "__main__":
    main()
