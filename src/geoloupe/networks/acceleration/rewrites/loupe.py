"""Loupe for inference: blocks that write over their own maps, filters and factors made once."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from geoloupe.networks.acceleration.rewrites.fused import computes_low, conv_onto, conv_relu
from geoloupe.networks.acceleration.rewrites.residual import add_onto
from geoloupe.networks.loupe import Differences, Loupe, LoupeBlock
from geoloupe.networks.signature import UNKNOWN_MTF


class LeanBlock(nn.Module):
    """`LoupeBlock` without maps and factors of its own (N,F,H,W)."""

    def __init__(self, plain: LoupeBlock) -> None:
        super().__init__()
        self.conv1, self.conv2 = plain.conv1, plain.conv2

    def forward(self, x: Tensor, inner: None = None, outer: None = None) -> Tensor:
        if not computes_low(x):
            return add_onto(x, self.conv2(self.conv1(x).relu_()))
        # The first block gets single precision, whose copy in bf16 is this block's own.
        return conv_onto(self.conv2, conv_relu(self.conv1, x), x.to(torch.bfloat16))


class FixedDifferences(nn.Module):
    """`Differences` whose filters are centred once (N,3,H,W) -> (N,F,H,W)."""

    def __init__(self, plain: Differences) -> None:
        super().__init__()
        weight = plain.weight
        self.conv = nn.Conv2d(weight.shape[1], weight.shape[0], 3, bias=False)
        with torch.no_grad():
            self.conv.weight.copy_(weight - weight.mean((2, 3), keepdim=True))
        self.conv.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        # In mixed precision too: differences of pixels that are rounded to 8 bits are mostly noise.
        with torch.autocast("cpu" if x.is_meta else x.device.type, enabled=False):
            found: Tensor = self.conv(F.pad(x.float(), (1, 1, 1, 1), "replicate"))
        return found


def merge_factors(plain: Loupe) -> Loupe:
    """Build what an untold `Loupe` assumes into the weights of its rewritten parts."""
    plain.merge([UNKNOWN_MTF] * 3)
    return plain
