"""What networks cost: parameters, operations, time and memory by image size, on this machine."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from geoloupe import catalog
from geoloupe.errors import InputError, OutOfMemoryError
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT
from geoloupe.models.card import Card
from geoloupe.models.model import Model, load
from geoloupe.models.predictor import Predictor
from geoloupe.networks import build
from geoloupe.networks.acceleration.accelerate import Engine, Precision
from geoloupe.networks.summary import multiply_adds, parameter_count
from geoloupe.reports.drawings import curves
from geoloupe.reports.pages import Figure, Table
from geoloupe.reports.study import Study
from geoloupe.scenes.local import use_threads
from geoloupe.system.allocator import keep_freed_memory
from geoloupe.system.measuring import OwnProcess, PeakMemory, Stopwatch
from geoloupe.system.progress import Progress

NUMBERS = ("costs.csv", "exponents.csv")


@dataclass(frozen=True, kw_only=True)
class CostSettings:
    """What is run, and for how long."""

    sizes: tuple[int, ...] = (32, 64, 128, 256)  # LR pixels along a side
    scale: int | None = None  # of networks named without weights; None: their default
    bands: int = 3  # of networks that take any number
    threads: int | None = None
    precision: Precision = "fp32"
    engine: Engine = "torch"
    device: str = "cpu"
    repeats: int = 3
    limit: float = 60.0  # seconds; a network that took longer is not asked for a larger image

    def __post_init__(self) -> None:
        if not self.sizes or min(self.sizes) < 8:
            raise ValueError("sizes must be 8 or more")
        if self.repeats < 1 or self.bands < 1:
            raise ValueError("repeats and bands must be 1 or more")


@dataclass(frozen=True, kw_only=True)
class Cost:
    """One network on one image size."""

    model: str
    side: int
    pixels: int  # of the output
    parameters: int
    multiply_adds: int
    seconds: float
    peak_bytes: int


def costs(
    models: Sequence[str], chosen: CostSettings, *, progress: Progress | None = None
) -> list[Cost]:
    """Measure each case in a process of its own: what one left in memory hides what another takes.

    Networks of the catalog need no weights here; time does not depend on them.
    """
    for name in models:
        _model(name, chosen)  # mistakes are refused before minutes of measuring
    found, done = [], 0
    sizes = sorted(set(chosen.sizes))
    for name in models:
        for side in sizes:
            try:
                with OwnProcess() as process:
                    found.append(process.run(measured, name, side, chosen))
            except OutOfMemoryError:
                break
            finally:
                done += 1
                if progress is not None:
                    progress(done, len(models) * len(sizes))
            if found[-1].seconds > chosen.limit:
                break
    return found


def study_of(found: Sequence[Cost], chosen: CostSettings) -> Study:
    """Arrange what was measured for people and for programs."""
    rows = [
        [
            f"{cost.model}, {cost.side} x {cost.side}",
            f"{cost.parameters:,}",
            f"{cost.multiply_adds / 1e9:.2f}",
            f"{cost.seconds:.4f}",
            f"{cost.pixels / 1e6 / cost.seconds:.2f}",
            f"{cost.peak_bytes / 1e6:.0f}",
        ]
        for cost in found
    ]
    slopes = exponents(found)
    table = Table(
        title="Cost",
        note="One image of this side in LR pixels; median of N runs after a warm-up. Operations "
        "are multiply-adds without Fourier transforms; a pixel of the output "
        "counts once, however many bands it has; memory is what a fresh process takes beyond the "
        "loaded network.",
        headings=["model and LR size", "parameters", "Gmadd", "seconds", "Mpx/s", "peak MB"],
        rows=rows,
    )
    growth = Table(
        title="Growth",
        note="Time grows as this power of the number of pixels: 1 where each pixel costs the same, "
        "2 where every pixel looks at all others.",
        headings=["model", "power"],
        rows=[[name, f"{slope:.2f}"] for name, slope in slopes.items()],
    )
    lines = [["model", "side", "pixels", "parameters", "multiply-adds", "seconds", "peak bytes"]]
    lines += [
        [
            cost.model,
            *(str(n) for n in (cost.side, cost.pixels, cost.parameters, cost.multiply_adds)),
            f"{cost.seconds:.6f}",
            str(cost.peak_bytes),
        ]
        for cost in found
    ]
    return Study(
        title="What networks cost",
        lead=_lead(found, slopes),
        made=f"{chosen.device}, {chosen.precision}, engine {chosen.engine}, "
        f"{chosen.threads or 'as many as there are'} threads, {platform.machine()}; "
        f"{chosen.repeats} runs each.",
        tables=[table, growth],
        drawings={
            "time": Figure(
                title="Time", svg=_lines(found, "seconds", "seconds of an image", divisor=1.0)
            ),
            "memory": Figure(
                title="Memory", svg=_lines(found, "peak_bytes", "peak MB", divisor=1e6)
            ),
        },
        numbers={
            "costs.csv": lines,
            "exponents.csv": [["model", "power"], *([n, f"{s:.6f}"] for n, s in slopes.items())],
        },
    )


def exponents(found: Sequence[Cost]) -> dict[str, float]:
    """Fit time = a * pixels^b on logarithms; the power b of each model with three sizes or more."""
    slopes = {}
    for name in dict.fromkeys(cost.model for cost in found):
        mine = [cost for cost in found if cost.model == name]
        if len(mine) >= 3:
            pixels = np.log([cost.pixels for cost in mine])
            slopes[name] = float(np.polyfit(pixels, np.log([c.seconds for c in mine]), 1)[0])
    return slopes


def measured(name: str, side: int, chosen: CostSettings) -> Cost:
    """Measure one case in this process."""
    keep_freed_memory()
    if chosen.threads is not None:
        use_threads(chosen.threads)
    model = _model(name, chosen)
    signature = model.network.signature
    predictor = Predictor.of(
        model, device=chosen.device, precision=chosen.precision, engine=chosen.engine
    )
    rng = np.random.default_rng(0)
    lr = _noise(rng, signature.bands or chosen.bands, side)
    guide = None
    if signature.guided:
        guide = _noise(rng, signature.guide_bands or 1, side * signature.scale)
    with PeakMemory(predictor.device) as memory:
        predictor.predict(lr, guide)
    seconds: list[float] = []
    while len(seconds) < chosen.repeats and (not seconds or seconds[-1] <= chosen.limit):
        with Stopwatch() as clock:
            predictor.predict(lr, guide)
        seconds.append(clock.wall)
    return Cost(
        model=model.card.name,
        side=side,
        pixels=(side * signature.scale) ** 2,
        parameters=parameter_count(model.network),
        multiply_adds=multiply_adds(model.network, side, side, len(lr.bands)),
        seconds=median(seconds),
        peak_bytes=memory.peak,
    )


def _model(name: str, chosen: CostSettings) -> Model:
    if name not in catalog.names("network"):
        return load(name)
    network: Any = build(name, **({} if chosen.scale is None else {"scale": chosen.scale}))
    return Model(network.requires_grad_(False).eval(), Card(name=name, network=name, settings={}))


def _noise(rng: np.random.Generator, bands: int, side: int) -> Image:
    return Image.of(rng.random((bands, side, side), np.float32), radiometry=UNIT)


def _lines(found: Sequence[Cost], field: str, up: str, *, divisor: float) -> str:
    lines = {}
    for name in dict.fromkeys(cost.model for cost in found):
        mine = [cost for cost in found if cost.model == name]
        pixels = np.array([cost.pixels / 1e6 for cost in mine])
        lines[name] = (pixels, np.array([getattr(cost, field) / divisor for cost in mine]))
    return curves(lines, "output, megapixels", up, logarithmic="xy")


def _lead(found: Sequence[Cost], slopes: dict[str, float]) -> str:
    if not found:
        raise InputError("no network could be run in the memory at hand; choose smaller sizes")
    side = max(cost.side for cost in found)
    largest = {cost.model: cost for cost in found if cost.side == side}
    times = ", ".join(f"{name} {cost.seconds:.2f} s" for name, cost in largest.items())
    steep = [f"{name} (power {slope:.2f})" for name, slope in slopes.items() if slope > 1.2]
    more = f" Steeper than the number of pixels: {', '.join(steep)}." if steep else ""
    return f"An image of {side} x {side} LR pixels takes {times}.{more}"
