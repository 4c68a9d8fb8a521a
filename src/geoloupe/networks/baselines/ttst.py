"""TTST: windowed attention beside attention to the most alike channels alone.

Xiao et al., IEEE TIP 2024, doi 10.1109/TIP.2023.3349004; as its published code and weights have it,
which leave out the paper's multi-scale feed-forward layer and global context attention.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Self

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from geoloupe.networks.convolution import conv, depthwise
from geoloupe.networks.drop_path import drop_path, rates
from geoloupe.networks.mean import MeanShift
from geoloupe.networks.padding import pad_to_multiple
from geoloupe.networks.ranges import check_ranges
from geoloupe.networks.signature import Network, Reference, Signature
from geoloupe.networks.upsample import UpBlock, factors, infer_scale
from geoloupe.networks.windows import (
    WindowAttention,
    check_depths,
    infer_depths,
    initialise,
    to_map,
    to_tokens,
)

UP_FEATURES = 64
CHANNEL_PATH_SCALE = 0.01
SHARES = ((1, 2), (2, 3), (3, 4), (4, 5))  # of the channels that each of four attentions sees


@dataclass(frozen=True, kw_only=True)
class TTSTSettings:
    """The published configuration."""

    scale: int = 4
    bands: int = 3
    embed: int = 180
    depths: tuple[int, ...] = (6, 6, 6, 6, 6, 6)
    heads: tuple[int, ...] = (6, 6, 6, 6, 6, 6)
    window: int = 8
    mlp_ratio: float = 2.0
    drop_path: float = 0.1
    mean: tuple[float, ...] | None = None  # None: zero
    value_range: float = 1.0

    def __post_init__(self) -> None:
        check_ranges(self)
        factors(self.scale)
        check_depths(self)
        if self.window % 4:
            raise ValueError(f"window must be a multiple of 4, not {self.window}")
        if any(self.embed // heads < 2 for heads in self.heads):
            raise ValueError(f"embed must be twice heads {self.heads} or more, not {self.embed}")

    @classmethod
    def tiny(cls) -> Self:
        """Make the settings that tests use."""
        return cls(scale=2, embed=16, depths=(2,), heads=(2,), window=4)


class SelectiveAttention(nn.Module):
    """TTSA: every channel attends to those most like it, to four shares of them (N,E,H,W)."""

    def __init__(self, embed: int, heads: int) -> None:
        super().__init__()
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.qkv = nn.Sequential(conv(1, embed, 3 * embed), depthwise(3, 3 * embed))
        self.out = conv(1, embed, embed)
        self.weights = nn.ParameterList(torch.full((1,), 0.2) for _ in SHARES)

    def forward(self, x: Tensor) -> Tensor:
        heads, (height, width) = len(self.temperature), x.shape[-2:]
        q, k, v = rearrange(
            self.qkv(x), "n (part heads c) h w -> part n heads c (h w)", part=3, heads=heads
        )
        scores = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).mT * self.temperature
        # The values are mixed but once: the four mixtures are weighed and added before.
        mix = torch.zeros_like(scores)
        for weight, (part, whole) in zip(self.weights, SHARES, strict=True):
            mix = mix + weight * softmax_of_largest(scores, scores.shape[-1] * part // whole)
        found = rearrange(mix @ v, "n heads c (h w) -> n (heads c) h w", h=height, w=width)
        return self.out(found)


class HybridBlock(nn.Module):
    """HAB: windowed attention and, faintly, the selective one; then a perceptron (N,H,W,E)."""

    def __init__(self, settings: TTSTSettings, heads: int, shift: int, drop: float) -> None:
        super().__init__()
        embed = settings.embed
        self.norm1 = nn.LayerNorm(embed)
        self.windows = WindowAttention(embed, heads, settings.window, shift)
        self.channels = SelectiveAttention(embed, heads)
        self.norm2 = nn.LayerNorm(embed)
        self.mlp = perceptron(settings)
        self.drop = drop

    def forward(self, t: Tensor) -> Tensor:
        n, drop = self.norm1(t), self.drop if self.training else 0.0
        whole = to_tokens(self.channels(to_map(n)))
        t = t + drop_path(self.windows(n), drop) + CHANNEL_PATH_SCALE * whole
        return t + drop_path(self.mlp(self.norm2(t)), drop)


class OverlappingBlock(nn.Module):
    """OCAB: each window looks at itself and a quarter of its width around it (N,H,W,E)."""

    def __init__(self, settings: TTSTSettings, heads: int) -> None:
        super().__init__()
        embed, self.heads, self.window = settings.embed, heads, settings.window
        self.reach = settings.window // 4  # pixels around a window
        wide = self.window + 2 * self.reach
        self.norm1 = nn.LayerNorm(embed)
        self.qkv = nn.Linear(embed, 3 * embed)
        self.bias_table = nn.Parameter(torch.empty((self.window + wide - 1) ** 2, heads))
        nn.init.trunc_normal_(self.bias_table, std=0.02)
        self.out = nn.Linear(embed, embed)
        self.norm2 = nn.LayerNorm(embed)
        self.mlp = perceptron(settings)

    def forward(self, t: Tensor) -> Tensor:
        n, height = t.shape[:2]
        q, k, v = self.qkv(self.norm1(t)).chunk(3, dim=-1)
        q = rearrange(
            q,
            "n (i h) (j w) (heads d) -> (n i j) heads (h w) d",
            h=self.window,
            w=self.window,
            heads=self.heads,
        )
        wide = self.window + 2 * self.reach
        index = wide_index(self.window, wide).to(t.device)
        bias = self.bias_table[index].permute(2, 0, 1).unsqueeze(0)
        found = F.scaled_dot_product_attention(q, self.around(k), self.around(v), attn_mask=bias)
        found = rearrange(
            found,
            "(n i j) heads (h w) d -> n (i h) (j w) (heads d)",
            n=n,
            i=height // self.window,
            h=self.window,
        )
        t = t + self.out(found)
        return t + self.mlp(self.norm2(t))

    def around(self, x: Tensor) -> Tensor:
        """Cut (N,H,W,E) into windows and what lies around them: (N*windows, heads, pixels, D)."""
        wide, reach = self.window + 2 * self.reach, self.reach
        # Beyond the image are zeros, which take part in the softmax.
        x = F.pad(x, (0, 0, reach, reach, reach, reach))
        x = x.unfold(1, wide, self.window).unfold(2, wide, self.window)
        return rearrange(x, "n i j (heads d) h w -> (n i j) heads (h w) d", heads=self.heads)


class SelectiveGroup(nn.Module):
    """RTSG: blocks, every second one shifted, an overlapping one, a convolution (N,H,W,E)."""

    def __init__(self, settings: TTSTSettings, stage: int, drops: list[float]) -> None:
        super().__init__()
        half, heads = settings.window // 2, settings.heads[stage]
        self.blocks = nn.ModuleList(
            HybridBlock(settings, heads, half * (j % 2), drop) for j, drop in enumerate(drops)
        )
        self.overlap = OverlappingBlock(settings, heads)
        self.conv = conv(3, settings.embed, settings.embed)

    def forward(self, t: Tensor) -> Tensor:
        deep = t
        for block in self.blocks:
            deep = block(deep)
        return t + to_tokens(self.conv(to_map(self.overlap(deep))))


class TTST(Network):
    """(N,bands,H,W) in [0, 1] -> (N,bands,H*scale,W*scale)."""

    Settings: ClassVar[type] = TTSTSettings
    REFERENCE: ClassVar[Reference] = Reference(
        title="TTST",
        task="RGB or any fixed bands, windows + selected channels",
        scales=(2, 3, 4, 8),
        paper="Xiao et al., IEEE TIP 2024",
    )
    PUBLISHED: ClassVar[Mapping[str, str | None]] = {
        "relative_position_index_SA": None,
        "relative_position_index_OCA": None,
        "conv_first": "shallow",
        "patch_embed.norm": "patch_norm",
        **{
            f"layers.{{i}}.residual_group.blocks.{{j}}.{theirs}": (
                f"groups.{{i}}.blocks.{{j}}.{ours}"
            )
            for theirs, ours in (
                ("norm1", "norm1"),
                ("norm2", "norm2"),
                ("attn.relative_position_bias_table", "windows.bias_table"),
                ("attn.qkv", "windows.qkv"),
                ("attn.proj", "windows.out"),
                ("conv_block.temperature", "channels.temperature"),
                ("conv_block.qkv", "channels.qkv.0"),
                ("conv_block.qkv_dwconv", "channels.qkv.1"),
                ("conv_block.project_out", "channels.out"),
                *((f"conv_block.attn{k + 1}", f"channels.weights.{k}") for k in range(4)),
                ("mlp.fc1", "mlp.0"),
                ("mlp.fc2", "mlp.2"),
            )
        },
        **{
            f"layers.{{i}}.residual_group.overlap_attn.{theirs}": f"groups.{{i}}.overlap.{ours}"
            for theirs, ours in (
                ("norm1", "norm1"),
                ("norm2", "norm2"),
                ("relative_position_bias_table", "bias_table"),
                ("qkv", "qkv"),
                ("proj", "out"),
                ("mlp.fc1", "mlp.0"),
                ("mlp.fc2", "mlp.2"),
            )
        },
        "layers.{i}.conv": "groups.{i}.conv",
        "norm": "norm",
        "conv_after_body": "after_body",
        "conv_before_upsample.0": "before_upsample",
        "upsample.{k}": "upsample.{k}",
        "conv_last": "tail",
    }

    def __init__(self, settings: TTSTSettings) -> None:
        super().__init__(settings)
        window = settings.window
        self.signature = Signature(
            scale=settings.scale, bands=settings.bands, tile=8 * window, margin=window
        )
        embed, bands = settings.embed, settings.bands
        self.shift = MeanShift(settings.mean or (0.0,) * bands, settings.value_range)
        self.shallow = conv(3, bands, embed)
        self.patch_norm = nn.LayerNorm(embed)
        drops = rates(settings.drop_path, settings.depths)
        self.groups = nn.ModuleList(
            SelectiveGroup(settings, i, part) for i, part in enumerate(drops)
        )
        self.norm = nn.LayerNorm(embed)
        self.after_body = conv(3, embed, embed)
        self.before_upsample = conv(3, embed, UP_FEATURES)
        self.upsample = UpBlock(UP_FEATURES, settings.scale)
        self.tail = conv(3, UP_FEATURES, bands)
        self.apply(initialise)

    def stages(self, lr: Tensor, guide: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the answer as the only stage."""
        height, width = (side * self.settings.scale for side in lr.shape[-2:])
        x = self.shallow(self.shift.remove(pad_to_multiple(lr, self.settings.window)))
        t = self.patch_norm(to_tokens(x))
        for group in self.groups:
            t = group(t)
        x = self.after_body(to_map(self.norm(t))) + x
        x = self.tail(self.upsample(F.leaky_relu(self.before_upsample(x), 0.01)))
        return (self.shift.add(x)[..., :height, :width],)

    @classmethod
    def infer(cls, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Read the settings that the shapes tell."""
        embed, bands = shapes["shallow.weight"][:2]
        return {
            "scale": infer_scale(shapes, "upsample"),
            "bands": bands,
            "embed": embed,
            **infer_depths(shapes),
            "mlp_ratio": shapes["groups.0.blocks.0.mlp.0.weight"][0] / embed,
        }


def softmax_of_largest(scores: Tensor, count: int) -> Tensor:
    """Softmax over the `count` largest of each row, zero for the others."""
    kept, places = scores.topk(count, dim=-1)
    return torch.zeros_like(scores).scatter(-1, places, kept.softmax(-1))


def perceptron(settings: TTSTSettings) -> nn.Sequential:
    """Make two linear layers with a GELU between them (...,E) -> (...,E)."""
    embed, hidden = settings.embed, int(settings.embed * settings.mlp_ratio)
    return nn.Sequential(nn.Linear(embed, hidden), nn.GELU(), nn.Linear(hidden, embed))


# Not in inference mode, since the cache outlives the call that fills it.
@lru_cache(maxsize=8)
@torch.inference_mode(False)
def wide_index(window: int, wide: int) -> Tensor:
    """Row of the bias table for a pixel of a window and one around it: (window**2, wide**2)."""
    inner, outer = torch.arange(window), torch.arange(wide)
    apart = outer[None, :] - inner[:, None] + window - wide + 1
    # Published network: the sum may be negative, and then counts from the table's end.
    side = window + wide - 1
    index = apart[:, None, :, None] * side + apart[None, :, None, :]
    return index.reshape(window**2, wide**2) % side**2
