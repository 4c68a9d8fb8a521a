"""ConvFormerSR's blocks: windows found by index, channel attention as one small matrix."""

from functools import lru_cache

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from geoloupe.networks.acceleration.rewrites.folding import scale_output
from geoloupe.networks.acceleration.rewrites.residual import add_onto
from geoloupe.networks.convformersr import (
    GLOBAL_PATH_SCALE,
    RESIDUAL_SCALE,
    EnhancedAttentionBlock,
    ResidualBlock,
    to_map,
)
from geoloupe.networks.windows import WindowAttention


class IndexedWindows(nn.Module):
    """`WindowAttention` whose shift and windows are one reordering of the pixels each way.

    The scores' bias depends on the size of the map alone and is kept for the last size seen.
    """

    def __init__(self, plain: WindowAttention) -> None:
        super().__init__()
        self.plain = plain
        self.known: tuple[tuple[int, ...], Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        n, height, width, embed = x.shape
        window, heads = self.plain.window, self.plain.heads
        order, back = window_order(height, width, window, self.plain.shift)
        tokens = x.flatten(1, 2).index_select(1, order.to(x.device)).view(-1, window**2, embed)
        q, k, v = rearrange(
            self.plain.qkv(tokens), "b p (part heads d) -> part b heads p d", part=3, heads=heads
        )
        found = F.scaled_dot_product_attention(q, k, v, attn_mask=self.score_bias(x))
        tokens = self.plain.out(rearrange(found, "b heads p d -> b p (heads d)"))
        return tokens.view(n, -1, embed).index_select(1, back.to(x.device)).view(x.shape)

    def score_bias(self, x: Tensor) -> Tensor:
        known = self.known  # another thread may put its own there meanwhile
        if known is None or known[0] != x.shape or known[1].dtype != x.dtype:
            known = self.known = (tuple(x.shape), self.plain.score_bias(x))
        return known[1]


class FusedBlock(nn.Module):
    """`EnhancedAttentionBlock` with its channel attention folded into one E x E matrix."""

    def __init__(self, plain: EnhancedAttentionBlock) -> None:
        super().__init__()
        self.norm1, self.norm2, self.mlp = plain.norm1, plain.norm2, plain.mlp
        self.squeeze, self.expand = plain.squeeze, plain.expand
        self.gamma = plain.channels.gamma
        self.windows = IndexedWindows(plain.windows)

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


@lru_cache(maxsize=8)
@torch.inference_mode(False)
def window_order(height: int, width: int, window: int, shift: int) -> tuple[Tensor, Tensor]:
    """The pixels of a map in the order of its shifted windows, and the way back: (H*W,) each."""
    pixel = torch.arange(height * width).view(height, width).roll((-shift, -shift), (0, 1))
    order = rearrange(pixel, "(i h) (j w) -> (i j h w)", h=window, w=window)
    return order, order.argsort()
