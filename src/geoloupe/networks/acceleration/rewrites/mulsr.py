"""MulSR's fusion without its third dimension, and its last two convolutions as one."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from geoloupe.networks.acceleration.rewrites.folding import scale_output
from geoloupe.networks.acceleration.rewrites.residual import add_onto
from geoloupe.networks.acceleration.rewrites.tail import MergedTail
from geoloupe.networks.mulsr import DEPTH, CrossFusion, MulSR, Unit


class LeanUnit(nn.Module):
    """`Unit` that writes over its own intermediate maps (N,F,H,W)."""

    def __init__(self, plain: Unit) -> None:
        super().__init__()
        self.first, self.second = plain.first, plain.second

    def forward(self, x: Tensor) -> Tensor:
        return add_onto(x, self.second(self.first(x).relu_()))


class FlatFusion(nn.Module):
    """`CrossFusion` with its depth of three laid out as channels (N,F,H,W).

    The convolution inside the slices is one of three groups; the one across them is a 1 x 1
    convolution whose matrix is block-tridiagonal; the scalars go into what they multiply.
    """

    def __init__(self, plain: CrossFusion) -> None:
        super().__init__()
        gamma = plain.gamma.detach().repeat_interleave(plain.in_slice.in_channels)
        width = plain.together.out_channels
        self.together = scale_output(plain.together, gamma[:width])
        self.difference = scale_output(plain.difference, gamma[width:])
        inside, across = plain.in_slice, plain.across
        self.in_slice = nn.Parameter(inside.weight.detach()[:, :, 0].repeat(DEPTH, 1, 1, 1))
        self.in_slice_bias = nn.Parameter(inside.bias.detach().repeat(DEPTH))
        size = inside.out_channels
        matrix = torch.zeros(DEPTH, size, DEPTH, size)
        for to in range(DEPTH):
            for tap in range(3):
                if 0 <= to + tap - 1 < DEPTH:
                    matrix[to, :, to + tap - 1] = across.weight.detach()[:, :, tap, 0, 0]
        self.across = nn.Parameter(matrix.view(DEPTH * size, DEPTH * size))
        self.across_bias = nn.Parameter(across.bias.detach().repeat(DEPTH))
        self.out = plain.out

    def forward(self, h: Tensor, r: Tensor) -> Tensor:
        both = torch.cat([self.together(torch.cat([h, r], dim=1)), self.difference(h - r)], dim=1)
        mixed = F.conv2d(both, self.in_slice, self.in_slice_bias, padding=1, groups=DEPTH)
        mixed = F.linear(mixed.permute(0, 2, 3, 1), self.across, self.across_bias)
        return self.out(mixed.permute(0, 3, 1, 2).add_(both))


def merge_last(network: nn.Module) -> nn.Module:
    """Make one of the two convolutions at the network's end, which have nothing between them."""
    assert isinstance(network, MulSR)
    first, second = network.tail
    assert isinstance(first, nn.Conv2d)
    assert isinstance(second, nn.Conv2d)
    setattr(network, "tail", MergedTail(first, second, scale=1))  # noqa: B010 (another type)
    return network
