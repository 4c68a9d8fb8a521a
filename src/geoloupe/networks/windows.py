"""Self-attention inside square windows, plain or cyclically shifted, with relative positions."""

from functools import lru_cache

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

ACROSS_BORDER = -100.0  # added to a score between pixels that only the cyclic shift made neighbours


class WindowAttention(nn.Module):
    """Each pixel of (N,H,W,E) looks at the pixels of its window; H and W are whole windows."""

    def __init__(self, embed: int, heads: int, window: int, shift: int) -> None:
        super().__init__()
        self.heads, self.window, self.shift = heads, window, shift
        self.bias_table = nn.Parameter(torch.empty((2 * window - 1) ** 2, heads))
        nn.init.trunc_normal_(self.bias_table, std=0.02)
        self.qkv = nn.Linear(embed, 3 * embed)
        self.out = nn.Linear(embed, embed)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[1:3]
        if self.shift:
            x = x.roll((-self.shift, -self.shift), (1, 2))
        q, k, v = rearrange(
            self.qkv(x),
            "n (i h) (j w) (part heads d) -> part (n i j) heads (h w) d",
            part=3,
            heads=self.heads,
            h=self.window,
            w=self.window,
        )
        found = F.scaled_dot_product_attention(q, k, v, attn_mask=self.score_bias(x))
        x = rearrange(
            found,
            "(n i j) heads (h w) d -> n (i h) (j w) (heads d)",
            i=height // self.window,
            j=width // self.window,
            h=self.window,
        )
        x = self.out(x)
        return x.roll((self.shift, self.shift), (1, 2)) if self.shift else x

    def score_bias(self, x: Tensor) -> Tensor:
        """Return what is added to the scores: (1 or N*windows, heads, window**2, window**2)."""
        index = relative_index(self.window).to(x.device)
        bias = self.bias_table[index].permute(2, 0, 1).unsqueeze(0)
        if not self.shift:
            return bias
        mask = shift_mask(x.shape[1], x.shape[2], self.window, self.shift).to(bias)
        return (bias + mask).repeat(x.shape[0], 1, 1, 1)


# The caches outlive the call that fills them, and a tensor made in inference mode could never be
# trained with: hence inference_mode(False).
@lru_cache(maxsize=8)
@torch.inference_mode(False)
def relative_index(window: int) -> Tensor:
    """Row of the bias table for each pair of pixels of a window: (window**2, window**2)."""
    row, column = torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")
    row, column = row.flatten(), column.flatten()
    down = row[:, None] - row[None, :] + window - 1
    along = column[:, None] - column[None, :] + window - 1
    return down * (2 * window - 1) + along


@lru_cache(maxsize=8)
@torch.inference_mode(False)
def shift_mask(height: int, width: int, window: int, shift: int) -> Tensor:
    """What keeps pixels apart that a cyclic shift brought together: (windows, 1, P, P)."""

    def region(length: int) -> Tensor:
        position = torch.arange(length)
        return (position >= length - window).long() + (position >= length - shift).long()

    label = 3 * region(height)[:, None] + region(width)[None, :]
    label = rearrange(label, "(i h) (j w) -> (i j) (h w)", h=window, w=window)
    apart = label[:, :, None] != label[:, None, :]
    return (apart.float() * ACROSS_BORDER).unsqueeze(1)
