"""The networks that the contract is tried on: all of the catalog, and more of some of them."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any, cast

import torch
from torch import Tensor

from geoloupe.catalog import CATALOG
from geoloupe.networks import network_class

NAMES = sorted(CATALOG["network"])

# Beside the tiny settings of every network: other factors, other band counts, every switch.
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "convformersr": [
        {"scale": 3, "bands": 1},
        {"scale": 4, "bands": 4, "mean": (0.3, 0.2, 0.1, 0.4), "value_range": 255.0},
        {"scale": 8, "bands": 7, "depths": (1,), "heads": (4,), "window": 8},
        {"shifted": False},
        {"branches": "cnn"},
        {"branches": "transformer"},
    ],
    "dcm": [{"scale": 3, "bands": 4}],
    "edsr": [{"scale": 3, "bands": 4, "mean": (0.3, 0.2, 0.1, 0.4)}, {"scale": 8, "blocks": 3}],
    "essaformer": [
        {"scale": 3, "bands": 4, "features": 9},
        {"scale": 4, "bands": 1, "dropout": 0.0},
        {"scale": 8, "bands": 7, "features": 12},
    ],
    "haunet": [
        {"scale": 3, "bands": 1, "blocks": (2, 1, 1)},
        {"scale": 5, "bands": 4, "heads": (2, 1, 2)},
        {"scale": 8, "bands": 7},
    ],
    "hsenet": [
        {"scale": 3, "bands": 1},
        {"scale": 4, "bands": 7, "mean": (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)},
        {"scale": 8, "bands": 4, "value_range": 255.0, "modules": 2},
        {"attention": False},
        {"cross_scale": False},
        {"attention": False, "cross_scale": False},
    ],
    "lgcnet": [{"scale": 3, "bands": 4}],
    "loupe": [
        {"scale": 3, "features": 4},
        {"scale": 4, "blocks": 2},
        {"scale": 8},
        {"knots": 3, "growth": 2},
    ],
    "mulsr": [
        {"scale": 2, "guide_bands": 1},
        {"scale": 8, "guide_bands": 4},
        {"scale": 16, "guide_bands": 7},
        {"joint": False},
        {"context": False},
        {"joint": False, "context": False},
    ],
    "rcan": [
        {"scale": 3, "bands": 4, "mean": (0.3, 0.2, 0.1, 0.4), "value_range": 255.0},
        {"scale": 8, "bands": 1, "groups": 1, "blocks": 3, "reduction": 8},
    ],
    "srcnn": [{"scale": 3, "bands": 4}, {"scale": 8, "bands": 1}],
    "sspsr": [
        {"scale": 2, "bands": 8, "group": 4, "overlap": 2},
        {"scale": 3, "bands": 7, "group": 7, "overlap": 0},
        {"scale": 8, "bands": 4},
        {"bands": 1, "group": 1, "overlap": 0},
        {"shared": False},
    ],
    "swinir": [
        {"scale": 3, "bands": 1},
        {"scale": 4, "bands": 4, "mean": (0.3, 0.2, 0.1, 0.4), "value_range": 255.0},
        {"scale": 8, "bands": 7, "depths": (1,), "heads": (4,), "window": 8},
        {"scale": 3, "bands": 2, "end": "light"},
    ],
    "transenet": [
        {"scale": 3, "bands": 1, "heads": 2},
        {"scale": 4, "bands": 4, "mean": (0.3, 0.2, 0.1, 0.4), "value_range": 255.0},
        {"scale": 8, "bands": 7, "patch": 8, "encoder_depth": 2, "decoder_depth": 2},
    ],
    "tsfnet": [
        {"scale": 2, "bands": 1},
        {"scale": 3, "bands": 4},
        {"scale": 8, "bands": 7},
        {"scale": 16},
        {"stage_count": 1},
        {"frequency": False},
        {"stage_count": 1, "frequency": False},
    ],
    "ttst": [
        {"scale": 3, "bands": 1, "depths": (1, 1), "heads": (4, 2)},
        {"scale": 4, "bands": 4, "mean": (0.3, 0.2, 0.1, 0.4), "value_range": 255.0},
        {"scale": 8, "bands": 7, "window": 8},
    ],
    "vdsr": [{"scale": 3, "bands": 4, "layers": 3}],
}
# What a network's settings must refuse.
NONSENSE: list[tuple[str, dict[str, Any]]] = [
    ("hsenet", {"scale": 5}),
    ("convformersr", {"scale": 7}),
    ("sspsr", {"scale": 5}),
    ("sspsr", {"scale": 1}),
    ("dcm", {"scale": 10}),
    ("edsr", {"scale": 5}),
    ("essaformer", {"scale": 3}),
    ("essaformer", {"scale": 1}),
    ("essaformer", {"dropout": 1.0}),
    ("haunet", {"features": 90}),
    ("haunet", {"blocks": (5, 5)}),
    ("haunet", {"heads": (1, 0, 4)}),
    ("rcan", {"scale": 5}),
    ("rcan", {"features": 60}),
    ("rcan", {"mean": (0.1, 0.2)}),
    ("swinir", {"scale": 5}),
    ("swinir", {"heads": (6, 6)}),
    ("swinir", {"embed": 100}),
    ("swinir", {"drop_path": 1.0}),
    ("swinir", {"mlp_ratio": 0.0}),
    ("swinir", {"bands": 2, "mean": (0.1,) * 3}),
    ("transenet", {"features": 30}),
    ("transenet", {"scale": 7}),
    ("transenet", {"mean": (0.1,) * 4}),
    ("ttst", {"window": 6}),
    ("ttst", {"heads": (180,) * 6}),
    ("ttst", {"heads": (7,) * 6}),
    ("mulsr", {"scale": 3}),
    ("mulsr", {"features": 63}),
    ("tsfnet", {"features": 12}),
    ("hsenet", {"mean": (0.1, 0.2)}),
    ("edsr", {"mean": (0.1,) * 4}),
    ("convformersr", {"bands": 4, "mean": (0.1,) * 3}),
    ("convformersr", {"heads": (6, 6)}),
    ("convformersr", {"embed": 62}),
    ("convformersr", {"heads": (0, 6, 6, 6)}),
    ("convformersr", {"depths": (), "heads": ()}),
    ("convformersr", {"embed": 12}),
    ("convformersr", {"drop_path": 1.5}),
    ("sspsr", {"overlap": 8}),
    ("sspsr", {"group": 8, "overlap": 9}),
    ("sspsr", {"overlap": -1}),
    ("sspsr", {"group": 129}),
    ("sspsr", {"group": 0}),
    ("sspsr", {"features": 8}),
    ("hsenet", {"features": 1}),
    ("hsenet", {"value_range": 0.0}),
    ("hsenet", {"mean": (float("nan"),) * 3}),
]
SAMPLES = [
    (name, tuple(sorted(changes.items())))
    for name in NAMES
    for changes in ({}, *VARIANTS.get(name, ()))
]


def label(sample: tuple[str, tuple[tuple[str, Any], ...]]) -> str:
    """Name a sample for the test report."""
    name, changes = sample
    return " ".join([name, *(f"{key}={value}" for key, value in changes)]).replace(", ", ",")


def make(name: str, changes: Sequence[tuple[str, Any]] = (), *, seed: int = 0) -> Any:
    """Make a network in which no parameter is zero, so that each of them counts."""
    chosen = cast("Any", network_class(name))
    torch.manual_seed(seed)
    network = chosen(replace(chosen.Settings.tiny(), **dict(changes)))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return network


@cache
def ready(name: str, changes: tuple[tuple[str, Any], ...] = ()) -> Any:
    """Return a network for use; shared between tests, which leave it as it is."""
    return make(name, changes).eval().requires_grad_(requires_grad=False)


def pixels(network: Any, size: tuple[int, int, int], *, bands: int = 3) -> tuple[Tensor, ...]:
    """Make an input of a size (N, height, width), and the guide if there is one.

    `bands` counts where the network takes any number.
    """
    signature, (batch, height, width) = network.signature, size
    generator = torch.Generator().manual_seed(height * 1000 + width)
    lr = torch.rand(batch, signature.bands or bands, height, width, generator=generator)
    if not signature.guide_bands:
        return (lr,)
    height, width = height * signature.scale, width * signature.scale
    return lr, torch.rand(batch, signature.guide_bands, height, width, generator=generator)


@cache
def promise(name: str, changes: tuple[tuple[str, Any], ...] = ()) -> Any:
    """Read a sample's signature without spending memory or time on its weights."""
    chosen = cast("Any", network_class(name))
    with torch.device("meta"):
        return chosen(replace(chosen.Settings.tiny(), **dict(changes))).signature
