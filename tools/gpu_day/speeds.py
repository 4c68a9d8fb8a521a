"""How quick networks and training steps are on a device: tables in Markdown."""

import time
from collections.abc import Callable, Iterator
from itertools import islice
from statistics import median
from typing import Any

import torch
from torch import Tensor

from geoloupe.datasets.preparation.prepared import find
from geoloupe.models.model import load
from geoloupe.networks.acceleration.accelerate import accelerate
from geoloupe.training.batches import Share, batches
from geoloupe.training.hardware import Hardware, open_fabric
from geoloupe.training.loop import Loop
from geoloupe.training.recipe import Recipe
from geoloupe.training.setup import fresh_state, on_device, samples_of

_ROUNDS = 5
_STEPS = 20  # training steps in a round
HEADING = "| what | batch | a second | ms |\n|---|---:|---:|---:|"


def timed(run: Callable[[], Any], device: torch.device, rounds: int = _ROUNDS) -> float:
    """Return the median seconds of a run, the first two left out; a device is waited for."""
    seconds = []
    for _ in range(rounds + 2):
        _wait(device)
        began = time.perf_counter()
        run()
        _wait(device)
        seconds.append(time.perf_counter() - began)
    return median(seconds[2:])


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def forwards(
    names: list[str], device: torch.device, *, side: int, sizes: list[int], compiled: list[str]
) -> Iterator[str]:
    """Time models on tiles (side x side LR pixels) in both precisions and several batches."""
    for name in names:
        network: Any = load(name).network.to(device)
        signature = network.signature
        for precision in ("fp32", "bf16"):
            ready: Any = accelerate(network, precision=precision)
            forms = [("", ready)]
            if name in compiled:
                forms.append((", compiled", torch.compile(ready.run)))
            for (form, run), size in ((form, size) for form in forms for size in sizes):
                lr = torch.rand(size, signature.bands or 3, side, side, device=device)
                fine = side * signature.scale
                guide = None
                if signature.guide_bands:
                    guide = torch.rand(size, signature.guide_bands, fine, fine, device=device)
                yield _row(f"{name}, {precision}{form}", size, _forward(run, lr, guide, device))


def _forward(run: Any, lr: Tensor, guide: Tensor | None, device: torch.device) -> float | None:
    """Return the seconds of one batch; None if it fails, for want of memory or another reason."""
    lr = lr.contiguous(memory_format=torch.channels_last)
    try:
        with torch.inference_mode():
            return timed(lambda: run(lr, guide), device)
    except RuntimeError as error:
        print(f"{error}"[:400])
        torch.cuda.empty_cache()
        return None


def _row(what: str, size: int, seconds: float | None) -> str:
    if seconds is None:
        return f"| {what} | {size} | failed | |"
    return f"| {what} | {size} | {size / seconds:,.1f} | {seconds * 1e3:.2f} |"


def learning(recipe: Recipe, hardware: Hardware, *, steps: int = _STEPS) -> Iterator[str]:
    """Time the samples of a recipe, and its training steps with all that belongs to one.

    The compiled step is the one that training will run, so what is compiled here is found there.
    """
    fabric = open_fabric(hardware)
    device, size = fabric.device, recipe.batch
    state, objective = fresh_state(recipe)

    def source() -> Iterator[dict[str, Tensor]]:
        samples = samples_of(recipe, state, [find(name) for name in recipe.data.sets])
        share = Share(first=0, last=None, batch=size)
        return batches(samples, share, hardware=hardware, fabric=fabric, seed=recipe.seed)

    made = source()
    began = time.perf_counter()
    next(made)
    yield f"first samples after {time.perf_counter() - began:.1f} s\n\n{HEADING}"
    seconds = timed(lambda: list(islice(made, steps)), device, 3) / steps
    yield _row(f"{recipe.name}, samples alone", size, seconds)
    ready = on_device(objective, state, hardware, fabric)
    loop = Loop(fabric=fabric, objective=ready, state=state, recipe=recipe, epoch=1000)
    began = time.perf_counter()
    loop.learn(next(made), recipe.optimiser.rate)
    first = time.perf_counter() - began

    def several() -> None:
        for batch in islice(made, steps):
            loop.learn(batch, recipe.optimiser.rate)
            state.step += 1
            state.follow(recipe.optimiser.ema)

    seconds = timed(several, device, 3) / steps
    yield _row(f"{recipe.name}, training", size, seconds)
    pixels = size * recipe.patches.size**2 / seconds
    yield f"\n{pixels:.3g} LR pixels a second; the first step took {first:.1f} s"
    if device.type == "cuda":
        yield f"{torch.cuda.max_memory_allocated(device) / 2**30:.1f} GiB of the device at most"
