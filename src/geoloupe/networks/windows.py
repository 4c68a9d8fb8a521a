"""Self-attention inside square windows, plain or cyclically shifted, with relative positions."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

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


def to_map(tokens: Tensor) -> Tensor:
    """(N,H,W,E) -> (N,E,H,W)."""
    return rearrange(tokens, "n h w e -> n e h w")


def to_tokens(image: Tensor) -> Tensor:
    """(N,E,H,W) -> (N,H,W,E)."""
    return rearrange(image, "n e h w -> n h w e")


def initialise(module: nn.Module) -> None:
    """Fill a linear layer as transformers do; other modules stay as they are."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def check_depths(settings: Any) -> None:
    """Refuse groups of blocks whose depths, heads, embedding or drop rate do not fit together."""
    depths, heads, embed = settings.depths, settings.heads, settings.embed
    if len(depths) != len(heads) or not depths:
        raise ValueError(f"depths {depths} and heads {heads} must be as many, from 1")
    if not 0 <= settings.drop_path < 1:
        raise ValueError(f"drop_path must be from 0 to below 1, not {settings.drop_path}")
    if settings.mlp_ratio * embed < 1:
        raise ValueError(f"mlp_ratio must be 1/embed or more, not {settings.mlp_ratio}")
    if any(embed % count for count in heads):
        raise ValueError(f"embed {embed} is not a multiple of heads {heads}")


def infer_depths(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """Read depths, heads and window of `groups.I.blocks.J.windows` from the tables' shapes."""
    tables = {
        (int(name.split(".")[1]), int(name.split(".")[3])): shape
        for name, shape in shapes.items()
        if name.endswith(".windows.bias_table")
    }
    count = 1 + max(stage for stage, _ in tables)
    return {
        "depths": tuple(sum(stage == i for stage, _ in tables) for i in range(count)),
        "heads": tuple(tables[i, 0][1] for i in range(count)),
        "window": (round(tables[0, 0][0] ** 0.5) + 1) // 2,
    }
