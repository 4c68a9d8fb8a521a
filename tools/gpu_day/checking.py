"""Whether networks and samples are on a device what they are on the processor."""

import math
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import default_collate

from geoloupe import catalog
from geoloupe.datasets.preparation.prepared import find
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT
from geoloupe.models.model import load
from geoloupe.models.shipped import shipped
from geoloupe.models.tuned import TunedModel
from geoloupe.networks import network_class
from geoloupe.networks.acceleration.accelerate import Precision, accelerate
from geoloupe.training.device_samples import DeviceImages, Maker
from geoloupe.training.recipe import Recipe
from geoloupe.training.sample_draws import draws_of
from geoloupe.training.setup import fresh_state, samples_of

_EXACT = 1e-4  # relative error of float32 beside float32
_HALF = 2e-2  # of bf16 beside float32
_COARSE = (
    5e-3  # of float32 rounded to 10 bits, which PyTorch's convolutions are on a GPU by default
)
_ROUNDED = 1.01 / 255  # a grey level: where the processor and the device round a tie
_SIDE = 48  # LR pixels, a multiple of all windows


@dataclass(frozen=True)
class Finding:
    """One comparison: its relative error and the largest that is right."""

    subject: str
    error: float
    most: float

    @property
    def sound(self) -> bool:
        """Whether the error is small enough; no number is not."""
        return self.error <= self.most


def findings(device: torch.device, recipe: Recipe | None) -> Iterator[Finding]:
    """Compare all networks, tiles with the whole, and samples of a recipe with loaded ones."""
    torch.backends.cudnn.allow_tf32 = False  # which rounds float32 to 10 bits
    for name, network in _networks():
        yield from _compared(name, network, device)
    yield _tiled(device)
    yield from _predicted(device)
    if recipe is not None:
        yield from _samples(recipe, device)
    torch.backends.cudnn.allow_tf32 = True
    for finding in _predicted(device):
        yield Finding(f"{finding.subject}, TF32", finding.error, _COARSE)


def _networks() -> Iterator[tuple[str, Any]]:
    """Yield every network of the catalog, small, and every model that ships."""
    torch.manual_seed(0)
    for name in catalog.names("network"):
        chosen = network_class(name)
        yield f"{name}, fresh", cast("Any", chosen)(cast("Any", chosen.Settings).tiny())
    for name in shipped():
        yield name, load(name).network


def _compared(name: str, network: Any, device: torch.device) -> Iterator[Finding]:
    signature = network.signature
    generator = torch.Generator().manual_seed(1)
    bands = signature.bands or 3
    lr = torch.rand(2, bands, _SIDE, _SIDE, generator=generator)
    fine = _SIDE * signature.scale
    guide = None
    if signature.guide_bands:
        guide = torch.rand(2, signature.guide_bands, fine, fine, generator=generator)
    plain = deepcopy(network).eval()
    with torch.inference_mode():
        truth = plain(lr, guide)
        there = [None if x is None else x.to(device) for x in (lr, guide)]
        moved: Any = plain.to(device)
        yield _finding(f"{name}, fp32", lambda: moved(*there), truth, _EXACT)
        quick: list[tuple[Precision, float]] = [("fp32", _EXACT), ("bf16", _HALF)]
        for precision, most in quick:

            def quick_answer(precision: Precision = precision) -> Tensor:
                return accelerate(moved, precision=precision)(*there)

            yield _finding(f"{name}, made quick, {precision}", quick_answer, truth, most)


def _finding(subject: str, run: Callable[[], Tensor], truth: Tensor, most: float) -> Finding:
    """Compare an answer with the truth; a fault of one network is not to hide the others."""
    try:
        return Finding(subject, _error(run(), truth), most)
    except RuntimeError as error:
        print(error)
        return Finding(subject, math.inf, most)


def _error(found: Tensor, truth: Tensor) -> float:
    """Return the relative error; what is not a number is infinitely far away."""
    away = float((found.float().cpu() - truth).norm() / truth.norm())
    return away if math.isfinite(away) else math.inf


def _tiled(device: torch.device) -> Finding:
    """Run a local network on a whole image and on its two halves with their margins."""
    network: Any = load("loupe-x4").network
    margin, scale = network.signature.margin, network.signature.scale
    lr = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(2)).to(device)
    run: Callable[[Tensor], Tensor] = accelerate(cast("Any", network.to(device)))
    whole = run(lr)
    left = run(lr[..., : 48 + margin].contiguous())[..., : 48 * scale]
    right = run(lr[..., 48 - margin :].contiguous())[..., margin * scale :]
    halves = torch.cat([left, right], dim=-1)
    return Finding("loupe-x4, tiles beside the whole", _error(halves, whole.cpu()), 1e-5)


def _predicted(device: torch.device) -> Iterator[Finding]:
    """Predict an image as validation does, told the MTF of each band, free and consistent."""
    values = np.random.default_rng(3).random((3, 40, 40)).astype(np.float32)
    image = Image.of(values, radiometry=UNIT)
    for consistent in (False, True):
        answers = []
        for place in ("cpu", str(device)):
            telling = TunedModel(load("loupe-x4"), consistent=consistent, device=place)
            predictor = telling.predictor(image, (0.3, 0.25, 0.35))
            answers.append(torch.tensor(predictor.predict(image).values))
        form = "consistent" if consistent else "free"
        yield Finding(f"loupe-x4, predicted, {form}", _error(answers[1], answers[0]), _EXACT)


def _samples(recipe: Recipe, device: torch.device) -> Iterator[Finding]:
    """Compare samples that the device makes with those that the processor loads.

    Without noise they are the same ones: that of loaded samples comes from the rng of their turns.
    """
    quiet = replace(recipe, data=replace(recipe.data, degradation="mtf"))
    sets = [find(name) for name in recipe.data.sets]
    samples = samples_of(quiet, fresh_state(quiet)[0], sets)
    draws = draws_of(samples)
    numbers = range(min(recipe.batch, 32))
    loaded = default_collate([samples[number] for number in numbers])
    thrown = default_collate([draws[number] for number in numbers])
    scale = draws.parts[0].examples.scale
    make = Maker(images=DeviceImages.read(draws, device), scale=scale)
    field = torch.zeros(loaded["lr"].shape, device=device)
    made = make({name: tensor.to(device) for name, tensor in thrown.items()}, field)
    for name, most in (("lr", _ROUNDED), ("hr", 1e-6)):
        away = (made[name].cpu() - loaded[name]).abs()
        yield Finding(f"samples of {recipe.name}, {name}, largest", float(away.max()), most)
        yield Finding(f"samples of {recipe.name}, {name}, mean", float(away.mean()), 1e-5)
