"""The adversary: a small network that learns to tell answers from truths while another learns.

The relativistic average form (Jolicoeur-Martineau, ICLR 2019; ESRGAN, ECCVW 2018) on patches:
every patch of a truth should look truer than the answer's patches do on average, and the reverse.
Averages are over the patches of one sample, not over the batch, so that a batch split in parts or
shared by processes teaches the same.
"""

from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm
from torch.optim import AdamW, Optimizer

LEAST = 8  # pixels along a side of what it can judge
_SLOPE = 0.2


@dataclass(frozen=True, kw_only=True)
class AdversarySettings:
    """The discriminator behind `loss.adversarial`."""

    features: int = 32
    rate: float = 1e-4  # of Adam, following the schedule of the network's rate
    begin: int = 0  # steps before it takes part, in which the network learns its other terms

    def __post_init__(self) -> None:
        if self.features < 1 or self.begin < 0 or not self.rate > 0:
            raise ValueError("features must be 1 or more, begin 0 or more, and rate above 0")


class Discriminator(nn.Module):
    """Images (N,C,H,W) -> how true each patch looks (N,1,H/4,W/4); a patch is 28 pixels wide."""

    def __init__(self, bands: int, features: int) -> None:
        super().__init__()
        wide = 4 * features
        self.layers = nn.ModuleList(
            spectral_norm(layer)
            for layer in (
                nn.Conv2d(bands, features, 3, padding=1),
                nn.Conv2d(features, 2 * features, 4, stride=2, padding=1),
                nn.Conv2d(2 * features, wide, 4, stride=2, padding=1),
                nn.Conv2d(wide, wide, 3, padding=1),
                nn.Conv2d(wide, 1, 3, padding=1, bias=False),  # only differences count
            )
        )
        self.eval()

    def forward(self, image: Tensor) -> Tensor:
        *inner, last = self.layers
        for layer in inner:
            image = F.leaky_relu(layer(image), _SLOPE)
        return last(image)

    @torch.no_grad()
    def follow(self) -> None:
        """Estimate the layers' norms anew; in between they stay, whatever is judged how often."""
        self.train()
        for layer in self.layers:
            _ = layer.weight  # reading it takes a step of the power iteration
        self.eval()


@dataclass(kw_only=True)
class Adversary:
    """The discriminator with its optimiser: it learns in the same loop, step by step."""

    network: Discriminator
    optimiser: Optimizer
    settings: AdversarySettings
    judge: Any  # the network as the fabric wraps it
    total: Tensor | float = 0.0  # of its losses since the last row of the log
    count: int = 0

    @classmethod
    def of(cls, settings: AdversarySettings, bands: int, seed: int) -> Self:
        """Make a fresh one for images of a number of bands."""
        torch.manual_seed(seed)
        network = Discriminator(bands, settings.features)
        return cls(
            network=network,
            optimiser=AdamW(
                network.parameters(), lr=settings.rate, betas=(0.9, 0.99), weight_decay=0.0
            ),
            settings=settings,
            judge=network,
        )

    def begin_step(self, share: float) -> None:
        """Get ready to learn, at a share of the rate."""
        self.network.follow()
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.rate * share
        self.optimiser.zero_grad(set_to_none=True)

    def complaint(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Return the loss of whoever made `sr`: how surely it is told from the truth."""
        self.network.requires_grad_(False)
        try:
            return _relativistic(self.network(torch.cat([hr, sr])), truer=False)
        finally:
            self.network.requires_grad_(True)

    def loss(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Return its own loss: how badly it tells answers from truths."""
        loss = _relativistic(self.judge(torch.cat([hr, sr.detach()])), truer=True)
        self.total, self.count = self.total + loss.detach(), self.count + 1
        return loss

    def take(self) -> float:
        """Return its mean loss since the last call: log 2 where it cannot tell them apart."""
        mean = float(self.total) / max(self.count, 1)
        self.total, self.count = 0.0, 0
        return mean

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "total": float(self.total),
            "count": self.count,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take what a checkpoint kept."""
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.total, self.count = state["total"], state["count"]


def _relativistic(judged: Tensor, *, truer: bool) -> Tensor:
    """Return the loss of truths and then answers (2N,1,h,w) if truths should look truer, or not."""
    real, made = judged.chunk(2)
    above = real - made.mean((1, 2, 3), keepdim=True)
    below = made - real.mean((1, 2, 3), keepdim=True)
    sign = 1 if truer else -1
    return (F.softplus(-sign * above).mean() + F.softplus(sign * below).mean()) / 2
