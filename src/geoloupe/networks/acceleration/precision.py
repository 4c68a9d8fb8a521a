"""Half precision inside, full precision where pixels enter and leave."""

from typing import Any

import torch
from torch import Tensor, nn

from geoloupe.networks.acceleration.rewrites.tail import MergedTail


def mixed(device: torch.device, precision: str) -> torch.autocast:
    """Return a `with` statement in which layers compute in a precision."""
    low = precision == "bf16"
    return torch.autocast(device.type, torch.bfloat16, enabled=low, cache_enabled=False)


class Exact(nn.Module):
    """Run a layer in float32 whatever the precision around it."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return self.layer(x.float())


def keep_ends_exact(network: Any) -> None:
    """Keep the first and the last convolutions of a network in float32.

    The first make the sum that all residuals are added to, the last the answer: eight bits would
    be the limit of either.
    """
    signature = network.signature
    ends = {signature.bands or 1, signature.guide_bands or signature.bands or 1}
    _wrap(network, ends)


def _wrap(module: nn.Module, ends: set[int]) -> None:
    for name, part in list(module.named_children()):
        if isinstance(part, MergedTail) or (
            isinstance(part, nn.Conv2d)
            and part.groups == 1
            and (part.in_channels in ends or part.out_channels in ends)
        ):
            setattr(module, name, Exact(part))
        else:
            _wrap(part, ends)
