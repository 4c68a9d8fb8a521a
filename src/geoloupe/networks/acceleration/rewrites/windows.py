"""Windowed attention whose windows are found by index."""

from functools import lru_cache

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

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


@lru_cache(maxsize=8)
@torch.inference_mode(False)
def window_order(height: int, width: int, window: int, shift: int) -> tuple[Tensor, Tensor]:
    """The pixels of a map in the order of its shifted windows, and the way back: (H*W,) each."""
    pixel = torch.arange(height * width).view(height, width).roll((-shift, -shift), (0, 1))
    order = rearrange(pixel, "(i h) (j w) -> (i j h w)", h=window, w=window)
    return order, order.argsort()
