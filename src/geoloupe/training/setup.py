"""What a recipe is turned into before training: network, optimiser, samples, device."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from geoloupe.datasets.preparation.prepared import PreparedDataset
from geoloupe.datasets.samples.examples import Examples
from geoloupe.datasets.samples.patches import Mix, Patches, Scales, SomeBands
from geoloupe.degradations.loading import load_degradation
from geoloupe.errors import InputError
from geoloupe.imagery.response import SpectralResponse
from geoloupe.models.model import load, plain_settings
from geoloupe.networks import build
from geoloupe.training.adversary import LEAST, Adversary
from geoloupe.training.hardware import Hardware
from geoloupe.training.losses import Objective
from geoloupe.training.perceptual import PerceptualDistance
from geoloupe.training.recipe import Recipe
from geoloupe.training.run_folder import CHECKPOINTS, RECIPE_FILE
from geoloupe.training.state import State


def fresh_state(recipe: Recipe) -> tuple[State, Objective]:
    """Return untrained weights with their optimiser, and the training loss."""
    torch.manual_seed(recipe.seed)
    network = build(recipe.network, **recipe.settings)
    module = network
    to_channels_last(module)
    chosen = recipe.optimiser
    optimiser = torch.optim.AdamW(
        [weight for weight in module.parameters() if weight.requires_grad],
        lr=chosen.rate,
        betas=chosen.betas,
        eps=chosen.eps,
        weight_decay=chosen.weight_decay,
    )
    state = State(
        network=network,
        optimiser=optimiser,
        average={name: tensor.clone() for name, tensor in module.state_dict().items()}
        if chosen.ema
        else None,
    )
    try:
        objective = Objective.of(network, recipe.loss, recipe.data.bands_at_once)
        objective.last_settings = recipe.last_loss or recipe.loss
        objective.distance = _distance(recipe)
        objective.mixed = recipe.precision == "bf16"
    except ValueError as error:
        raise InputError(f"{recipe.name}: {error}") from None
    _refuse_parts(recipe, network)
    if recipe.data.scales and not network.ANY_SCALE:
        title = network.REFERENCE.title
        raise InputError(
            f"{recipe.name}: {title} has weights for one factor; leave out data.scales"
        )
    return state, objective


def _distance(recipe: Recipe) -> PerceptualDistance | None:
    """Return what compares images by features, if the recipe asks for it."""
    names = {loss.looks for loss in recipe.losses if loss.perceptual}
    if len(names) > 1:
        raise InputError(f"{recipe.name}: loss and last_loss name two networks that look; name one")
    return PerceptualDistance.of(names.pop()) if names else None


def _refuse_parts(recipe: Recipe, network: nn.Module) -> None:
    """Refuse parts of a batch to a network that measures whole batches."""
    if recipe.parts > 1 and any(isinstance(part, nn.BatchNorm2d) for part in network.modules()):
        raise InputError(
            f"{recipe.name}: {recipe.network} normalises by the whole batch: leave parts at 1"
        )


def add_adversary(recipe: Recipe, state: State, samples: Patches | Mix | Scales) -> None:
    """Add a fresh discriminator for the recipe's samples, if it asks for one."""
    if not any(loss.adversarial for loss in recipe.losses):
        return
    bands, height, width = samples[0]["hr"].shape
    if min(height, width) < LEAST:
        raise InputError(
            f"{recipe.name}: HR patches of {width} x {height} are too small for a discriminator; "
            f"it needs {LEAST} pixels"
        )
    state.adversary = Adversary.of(recipe.discriminator, bands, recipe.seed + 1)


def begin_with(recipe: Recipe, state: State) -> None:
    """Start a fresh run from the weights its recipe names, or from another run's state."""
    if recipe.start is None:
        return
    folder = Path(recipe.start)
    if (folder / RECIPE_FILE).is_file():
        state.branch(folder / CHECKPOINTS)
        return
    begun = load(recipe.start)
    module, other = (net for net in (state.network, begun.network))
    theirs, ours = plain_settings(begun.network), plain_settings(state.network)
    # A plain network is a good start for one with extra parts that change nothing at first,
    # and one of another factor where the network can start from it.
    added = {key: 0 for key in getattr(state.network, "ADDED", ()) if theirs.get(key) == 0}
    begins = getattr(state.network, "begun_with", None)
    other_scale = {"scale": theirs.get("scale")} if begins else {}
    if begun.card.network != recipe.network or theirs != ours | added | other_scale:
        raise InputError(f"{recipe.start}: has other settings than the recipe's network")
    given = other.state_dict()
    weights = begins(given) if begins else {**module.state_dict(), **given}
    module.load_state_dict(weights)
    if state.average is not None:
        for name, tensor in weights.items():
            state.average[name].copy_(tensor)


def on_device(objective: Objective, state: State, hardware: Hardware, fabric: Any) -> Any:
    """Move everything trained to the device; return the objective as the fabric wraps it."""
    state.move(fabric.device)
    if hardware.compiles(fabric.device):
        objective.answer = torch.compile(objective.stages)
    wrapped, state.optimiser = fabric.setup(objective, state.optimiser)
    adversary = state.adversary
    if adversary is not None:
        adversary.judge, adversary.optimiser = fabric.setup(adversary.network, adversary.optimiser)
    return wrapped


def samples_of(
    recipe: Recipe, state: State, sets: Sequence[PreparedDataset]
) -> Patches | Mix | Scales:
    """Return the training samples of a recipe."""
    parts = [_samples_at(scale, recipe, state, sets) for scale in scales_of(recipe, state)]
    return parts[0] if len(parts) == 1 else Scales(parts, recipe.seed, recipe.batch)


def scales_of(recipe: Recipe, state: State) -> tuple[int, ...]:
    """Return the factors that a recipe trains for."""
    return recipe.data.scales or (state.network.signature.scale,)


def _samples_at(
    scale: int, recipe: Recipe, state: State, sets: Sequence[PreparedDataset]
) -> Patches | Mix:
    """Return the training samples of one factor."""
    takes_mtf = state.network.signature.takes_mtf
    parts = [
        Patches(
            replace(examples_of(prepared, recipe, recipe.data.train, state), scale=scale),
            recipe.patches,
            recipe.seed,
            some=_some_bands(recipe, state),
            gives_mtf=takes_mtf,
            batch=recipe.batch,
        )
        for prepared in sets
    ]
    shares = recipe.data.shares or (1.0,) * len(parts)
    return parts[0] if len(parts) == 1 else Mix(parts, shares, recipe.seed)


def to_channels_last(module: nn.Module) -> None:
    """Store the weights of convolutions in the fastest layout."""
    for weight in module.parameters():
        if weight.dim() == 4:  # MulSR has convolutions in three dimensions, which stay as they are
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)


def examples_of(prepared: PreparedDataset, recipe: Recipe, split: str, state: State) -> Examples:
    """Return the images of a split as a recipe degrades them."""
    signature = state.network.signature
    guide = SpectralResponse.named(recipe.data.guide) if signature.guided else None
    return Examples(
        prepared=prepared,
        entries=prepared.split(split)[: _limit(recipe, split)],
        scale=signature.scale,
        degradation=load_degradation(recipe.data.degradation),
        seed=recipe.seed,
        guide=guide,
        guided=guide is not None,
        matched=recipe.data.matched,
    )


def _some_bands(recipe: Recipe, state: State) -> SomeBands | None:
    if recipe.data.bands_at_once is None:
        return None
    around = cast("Any", state.network).around
    return SomeBands(recipe.data.bands_at_once, around)


def _limit(recipe: Recipe, split: str) -> int | None:
    return recipe.validation.images if split == recipe.data.val else None
