"""Whether networks and samples are on a device what they are on the processor."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils.data import default_collate

from geoloupe import catalog
from geoloupe.inference.model import load
from geoloupe.inference.shipped import shipped
from geoloupe.networks import network_class
from geoloupe.networks.inference import prepare_for_inference
from geoloupe.training.device_samples import DeviceImages, Maker
from geoloupe.training.dice import dice_of
from geoloupe.training.recipe import Recipe
from geoloupe.training.run import samples_of

_EXACT = 1e-4  # relative error of float32 beside float32
_HALF = 2e-2  # of bf16 beside float32
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
    for name, network in _networks():
        yield from _compared(name, network, device)
    yield _tiled(device)
    if recipe is not None:
        yield from _samples(recipe, device)


def _networks() -> Iterator[tuple[str, Any]]:
    """Give every network of the catalog, small, and every model that ships."""
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
        moved = cast("nn.Module", plain).to(device)
        yield Finding(f"{name}, fp32", _error(moved(*there), truth), _EXACT)
        for precision, most in (("fp32", _EXACT), ("bf16", _HALF)):
            ready = prepare_for_inference(moved, precision=precision)  # type: ignore[arg-type]
            yield Finding(f"{name}, made quick, {precision}", _error(ready(*there), truth), most)


def _error(found: Tensor, truth: Tensor) -> float:
    """Return the relative error; what is not a number is infinitely far away."""
    away = float((found.float().cpu() - truth).norm() / truth.norm())
    return away if away == away else float("inf")


def _tiled(device: torch.device) -> Finding:
    """Run a local network on a whole image and on its two halves with their margins."""
    network: Any = load("loupe-x4").network
    margin, scale = network.signature.margin, network.signature.scale
    lr = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(2)).to(device)
    run: Callable[[Tensor], Tensor] = prepare_for_inference(cast("Any", network.to(device)))
    whole = run(lr)
    left = run(lr[..., : 48 + margin].contiguous())[..., : 48 * scale]
    right = run(lr[..., 48 - margin :].contiguous())[..., margin * scale :]
    halves = torch.cat([left, right], dim=-1)
    return Finding("loupe-x4, tiles beside the whole", _error(halves, whole.cpu()), 1e-6)


def _samples(recipe: Recipe, device: torch.device) -> Iterator[Finding]:
    """Compare samples that the device makes with loaded ones, without noise."""
    samples = samples_of(recipe)
    dice = dice_of(samples)
    scale = dice.parts[0].examples.scale
    count = min(recipe.batch, 32)
    thrown = default_collate([dice[number] for number in range(count)])
    thrown["std"] = torch.zeros_like(thrown["std"])
    size = recipe.patches.size
    field = torch.zeros((*thrown["bands"].shape, size, size))
    answers = []
    for place in (torch.device("cpu"), device):
        maker = Maker(images=DeviceImages.read(dice, place), size=size, scale=scale)
        made = maker({k: v.to(place) for k, v in thrown.items()}, field.to(place))
        answers.append({name: tensor.cpu() for name, tensor in made.items()})
    for name, most in (("lr", _ROUNDED), ("hr", 1e-6)):
        away = float((answers[0][name] - answers[1][name]).abs().max())
        yield Finding(f"samples of {recipe.name}, {name}", away, most)
    loaded = default_collate([samples[number] for number in range(count)])["hr"]
    yield Finding("loaded beside made, hr", float((answers[1]["hr"] - loaded).abs().max()), 1e-6)
