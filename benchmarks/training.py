"""Measure training steps: samples a second of each published recipe, beside a plain loop.

    python -m benchmarks.training

The plain loop is the published kind: float32, PyTorch as it comes, freed memory given back. Ours is
the loop's step in bfloat16 with channels last, the allocator's setting and no denormal numbers.
Both run on one thread, each in a process of its own, on random images.
"""

import json
import subprocess
import sys
from statistics import median

import torch

from geoloupe.networks import build
from geoloupe.system.allocator import keep_freed_memory
from geoloupe.system.measuring import Stopwatch
from geoloupe.training.losses import Objective
from geoloupe.training.recipe import read_recipe
from geoloupe.training.setup import to_channels_last

BANDS = {"sspsr-chikusei": 128}
RECIPES = (
    *("loupe-x4", "edsr-ucmerced", "hsenet-ucmerced", "tsfnet-ucmerced", "convformersr-pairs"),
    *("mulsr-cave", "sspsr-chikusei"),
)
STEPS, PATIENCE = 4, 60.0  # seconds after which a recipe has had steps enough


def samples_per_second(name: str, *, plain: bool) -> float:
    """Time training steps of a recipe, the first left out unless it takes a minute."""
    torch.set_num_threads(1)
    if not plain:
        keep_freed_memory()
        torch.set_flush_denormal(True)
    recipe = read_recipe(name)
    network = build(recipe.network, **recipe.settings)
    if not plain:
        to_channels_last(network)
    objective = Objective.of(network, recipe.loss, recipe.data.bands_at_once)
    optimiser = torch.optim.AdamW(objective.parameters(), lr=recipe.optimiser.rate)
    signature, size = network.signature, recipe.patches.size
    bands = BANDS.get(name) or signature.bands or 3
    some = recipe.data.bands_at_once  # each seen with its two neighbours
    lr = torch.rand(recipe.batch, 3 * some if some else bands, size, size)
    hr = torch.rand(recipe.batch, some or bands, size * signature.scale, size * signature.scale)
    guide = None
    if signature.guide_bands:
        guide = torch.rand(recipe.batch, signature.guide_bands, *hr.shape[2:])
    seconds = []
    for _ in range(STEPS):
        with Stopwatch() as clock:
            optimiser.zero_grad(set_to_none=True)
            with torch.autocast("cpu", torch.bfloat16, enabled=not plain):
                loss = objective(lr, hr, guide)
            loss.backward()
            optimiser.step()
        seconds.append(clock.processor)
        if sum(seconds) > PATIENCE:
            break
    return recipe.batch / median(seconds[1:] or seconds)


def main() -> None:
    """Print a table in Markdown; with two words, one measurement in JSON."""
    if len(sys.argv) == 3:
        found = samples_per_second(sys.argv[1], plain=sys.argv[2] == "plain")
        sys.stdout.write(json.dumps(found) + "\n")
        return
    sys.stdout.write("| recipe | plain loop, samples/s | ours | ratio |\n|---|---:|---:|---:|\n")
    for name in RECIPES:
        plain, ours = (
            json.loads(
                subprocess.run(
                    [sys.executable, "-m", "benchmarks.training", name, kind],
                    check=True,
                    capture_output=True,
                    text=True,
                    encoding="utf-8",
                ).stdout.splitlines()[-1]
            )
            for kind in ("plain", "ours")
        )
        sys.stdout.write(f"| {name} | {plain:.2f} | {ours:.2f} | {ours / plain:.2f} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
