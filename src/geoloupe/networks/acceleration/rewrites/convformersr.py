"""ConvFormerSR's blocks: channel attention as one small matrix, scales inside weights."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from geoloupe.networks.acceleration.rewrites.folding import scale_output
from geoloupe.networks.acceleration.rewrites.residual import add_onto
from geoloupe.networks.convformersr import (
    GLOBAL_PATH_SCALE,
    RESIDUAL_SCALE,
    EnhancedAttentionBlock,
    ResidualBlock,
)
from geoloupe.networks.windows import to_map


class FusedBlock(nn.Module):
    """`EnhancedAttentionBlock` with its channel attention folded into one E x E matrix."""

    def __init__(self, plain: EnhancedAttentionBlock) -> None:
        super().__init__()
        self.norm1, self.norm2, self.mlp = plain.norm1, plain.norm2, plain.mlp
        self.squeeze, self.expand = plain.squeeze, plain.expand
        self.gamma = plain.channels.gamma
        self.windows = plain.windows

    def forward(self, t: Tensor) -> Tensor:
        n = self.norm1(t)
        whole = self.expand(F.gelu(self.squeeze(to_map(n))))
        tokens = whole.permute(0, 2, 3, 1).flatten(1, 2)
        energy = tokens.mT @ tokens
        mix = (energy.amax(-1, keepdim=True) - energy).softmax(-1) * self.gamma
        mix.diagonal(dim1=1, dim2=2).add_(1)
        t = torch.baddbmm(t.flatten(1, 2), tokens, mix.mT, alpha=GLOBAL_PATH_SCALE).view(t.shape)
        t += self.windows(n)
        hidden = F.gelu(self.mlp[0](self.norm2(t)))
        return add_onto(t, self.mlp[2](hidden))


class FoldedResidual(nn.Module):
    """`ResidualBlock` with its scale inside the second convolution (N,E,H,W)."""

    def __init__(self, plain: ResidualBlock) -> None:
        super().__init__()
        self.conv1, self.conv2 = plain.conv1, scale_output(plain.conv2, RESIDUAL_SCALE)

    def forward(self, x: Tensor) -> Tensor:
        return add_onto(x, self.conv2(F.leaky_relu_(self.conv1(x), 0.2)))
