"""The perceptual distance: how unlike two images are to a network that looks at them."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Self

import torch
from torch import Tensor, nn

from geoloupe.errors import InputError
from geoloupe.models.model import load
from geoloupe.networks.loupe import together
from geoloupe.networks.signature import Network

_FAINT = 0.1  # of the truth's usual strength: features below count little, or flat ground decides
_TINY = 1e-12  # keeps the gradient of black images finite


class PerceptualDistance(nn.Module):
    """The mean squared difference of normalised features, over a network's blocks (N,C,H,W).

    As in LPIPS (Zhang et al., CVPR 2018), without its learned weights, and with a network of ours.
    """

    def __init__(self, name: str, network: Network, blocks: nn.ModuleList) -> None:
        super().__init__()
        self.name = name
        self.network = network
        self._blocks = list(blocks)  # plain, as the network has them already
        self.requires_grad_(False)
        self.eval()

    @classmethod
    def of(cls, name: str) -> Self:
        """Load the network, a shipped model or a folder of weights, that looks at images."""
        network = load(name).network
        lists = [module for module in network.modules() if isinstance(module, nn.ModuleList)]
        if network.signature.guided or not lists:
            title = network.REFERENCE.title
            raise InputError(f"{name}: {title} cannot compare images; name a Loupe or an HSENet")
        return cls(name, network, max(lists, key=len))

    def train(self, mode: bool = True) -> Self:
        """Stay in evaluation mode: it judges and does not learn."""
        return super().train(False)

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Return the mean distance of two images (N,C,H,W) in unit values."""
        with torch.no_grad():
            wanted = self.features(hr)
        layers = zip(self.features(sr), wanted, strict=True)
        return torch.stack([_difference(one, truth) for one, truth in layers]).mean()

    def features(self, image: Tensor) -> list[Tensor]:
        """Return what each block makes of an image, (M,F,H,W), in threes of bands if it may."""
        bands = self.network.signature.bands
        if bands is None:
            image = torch.cat([image[:, group] for group in together(image.shape[1])])
        elif bands != image.shape[1]:
            raise InputError(
                f"{self.name} looks at {bands} bands, and the images have {image.shape[1]}; for "
                "any bands, set loss.looks to a Loupe, such as loupe-x2"
            )
        with _recorded(self._blocks) as found, suppress(_EnoughError):
            self.network.stages(image)
        if any(block.shape[2:] != image.shape[2:] for block in found):
            title = self.network.REFERENCE.title
            raise InputError(
                f"{self.name}: {title} cannot compare images; name a Loupe or an HSENet"
            )
        return found


class _EnoughError(Exception):
    """All blocks have answered; what a network does afterwards is not needed."""


@contextmanager
def _recorded(blocks: list[nn.Module]) -> Iterator[list[Tensor]]:
    """Keep what blocks answer, and stop their network after the last of them."""
    found: list[Tensor] = []

    def keep(_: nn.Module, __: Any, answer: Tensor) -> None:
        found.append(answer)
        if len(found) == len(blocks):
            raise _EnoughError

    hooks = [block.register_forward_hook(keep) for block in blocks]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def _difference(one: Tensor, truth: Tensor) -> Tensor:
    """Compare features (M,F,H,W), each pixel's normalised to length one, but for faint ones."""
    faint = _FAINT * truth.square().sum(1, keepdim=True).mean((2, 3), keepdim=True).sqrt()
    lengths = (side.square().sum(1, keepdim=True) + faint**2 + _TINY for side in (one, truth))
    first, second = (
        side / length.sqrt() for side, length in zip((one, truth), lengths, strict=True)
    )
    return (first - second).square().sum(1).mean()
