"""SwinIR: residual groups of shifted-window attention on the LR image.

Liang et al., ICCVW 2021, arXiv 2108.10257.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isqrt
from typing import Any, ClassVar, Literal, Self

from torch import Tensor, nn
from torch.nn import functional as F

from geoloupe.networks.convolution import conv
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
DIV2K_MEAN = (0.4488, 0.4371, 0.4040)


@dataclass(frozen=True, kw_only=True)
class SwinIRSettings:
    """The published configuration for classical SR; `light()` has that of the lightweight one."""

    scale: int = 4
    bands: int = 3
    embed: int = 180
    depths: tuple[int, ...] = (6, 6, 6, 6, 6, 6)
    heads: tuple[int, ...] = (6, 6, 6, 6, 6, 6)
    window: int = 8
    mlp_ratio: float = 2.0
    drop_path: float = 0.1
    mean: tuple[float, ...] | None = None  # None: DIV2K's for three bands, else zero
    value_range: float = 1.0
    end: Literal["classical", "light"] = "classical"  # light: a single convolution and shuffle

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.end == "classical":
            factors(self.scale)
        check_depths(self)

    @classmethod
    def tiny(cls) -> Self:
        """Make the settings that tests use."""
        return cls(scale=2, embed=16, depths=(2, 2), heads=(2, 2), window=4)

    @classmethod
    def light(cls, scale: int = 4) -> Self:
        """Make the published lightweight configuration."""
        four = (6, 6, 6, 6)
        return cls(scale=scale, embed=60, depths=four, heads=four, end="light")


class SwinBlock(nn.Module):
    """STL: windowed attention, then a perceptron, each normed before and skipped (N,H,W,E)."""

    def __init__(self, settings: SwinIRSettings, heads: int, shift: int, drop: float) -> None:
        super().__init__()
        embed, hidden = settings.embed, int(settings.embed * settings.mlp_ratio)
        self.norm1 = nn.LayerNorm(embed)
        self.windows = WindowAttention(embed, heads, settings.window, shift)
        self.norm2 = nn.LayerNorm(embed)
        self.mlp = nn.Sequential(nn.Linear(embed, hidden), nn.GELU(), nn.Linear(hidden, embed))
        self.drop = drop

    def forward(self, t: Tensor) -> Tensor:
        drop = self.drop if self.training else 0.0
        t = t + drop_path(self.windows(self.norm1(t)), drop)
        return t + drop_path(self.mlp(self.norm2(t)), drop)


class SwinGroup(nn.Module):
    """RSTB: blocks, every second one shifted, then a convolution and a skip (N,H,W,E)."""

    def __init__(self, settings: SwinIRSettings, stage: int, drops: list[float]) -> None:
        super().__init__()
        half, heads = settings.window // 2, settings.heads[stage]
        self.blocks = nn.ModuleList(
            SwinBlock(settings, heads, half * (j % 2), drop) for j, drop in enumerate(drops)
        )
        self.conv = conv(3, settings.embed, settings.embed)

    def forward(self, t: Tensor) -> Tensor:
        deep = t
        for block in self.blocks:
            deep = block(deep)
        return t + to_tokens(self.conv(to_map(deep)))


class SwinIR(Network):
    """(N,bands,H,W) in [0, 1] -> (N,bands,H*scale,W*scale)."""

    Settings: ClassVar[type] = SwinIRSettings
    REFERENCE: ClassVar[Reference] = Reference(
        title="SwinIR",
        task="RGB or any fixed bands, shifted windows",
        scales=(2, 3, 4, 8),
        paper="Liang et al., ICCVW 2021",
    )
    PUBLISHED: ClassVar[Mapping[str, str | None]] = {
        "conv_first": "shallow",
        "patch_embed.norm": "patch_norm",
        **{
            f"layers.{{i}}.residual_group.blocks.{{j}}.{theirs}": ours
            and f"groups.{{i}}.blocks.{{j}}.{ours}"
            for theirs, ours in (
                ("norm1", "norm1"),
                ("norm2", "norm2"),
                ("attn_mask", None),
                ("attn.relative_position_index", None),
                ("attn.relative_position_bias_table", "windows.bias_table"),
                ("attn.qkv", "windows.qkv"),
                ("attn.proj", "windows.out"),
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

    def __init__(self, settings: SwinIRSettings) -> None:
        super().__init__(settings)
        # Tiles a whole number of windows apart see the windows that the whole image has.
        window = settings.window
        self.signature = Signature(
            scale=settings.scale, bands=settings.bands, tile=8 * window, margin=window
        )
        embed, bands = settings.embed, settings.bands
        default = DIV2K_MEAN if bands == 3 else (0.0,) * bands
        self.shift = MeanShift(settings.mean or default, settings.value_range)
        self.shallow = conv(3, bands, embed)
        self.patch_norm = nn.LayerNorm(embed)
        drops = rates(settings.drop_path, settings.depths)
        self.groups = nn.ModuleList(SwinGroup(settings, i, part) for i, part in enumerate(drops))
        self.norm = nn.LayerNorm(embed)
        self.after_body = conv(3, embed, embed)
        if settings.end == "classical":
            self.before_upsample = conv(3, embed, UP_FEATURES)
            self.upsample: nn.Module = UpBlock(UP_FEATURES, settings.scale)
            self.tail: nn.Module = conv(3, UP_FEATURES, bands)
        else:
            shuffle = nn.PixelShuffle(settings.scale)
            self.upsample = nn.Sequential(conv(3, embed, bands * settings.scale**2), shuffle)
            self.tail = nn.Identity()
        self.apply(initialise)

    def stages(self, lr: Tensor, guide: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the answer as the only stage."""
        height, width = (side * self.settings.scale for side in lr.shape[-2:])
        x = self.shallow(self.shift.remove(pad_to_multiple(lr, self.settings.window)))
        t = self.patch_norm(to_tokens(x))
        for group in self.groups:
            t = group(t)
        x = self.after_body(to_map(self.norm(t))) + x
        if self.settings.end == "classical":
            x = F.leaky_relu(self.before_upsample(x), 0.01)
        x = self.tail(self.upsample(x))
        return (self.shift.add(x)[..., :height, :width],)

    @classmethod
    def infer(cls, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Read the settings that the shapes tell."""
        embed, bands = shapes["shallow.weight"][:2]
        light = "tail.weight" not in shapes
        scale = infer_scale(shapes, "upsample")
        if light:
            scale = isqrt(shapes["upsample.0.weight"][0] // bands)
        return {
            "scale": scale,
            "bands": bands,
            "embed": embed,
            **infer_depths(shapes),
            "mlp_ratio": shapes["groups.0.blocks.0.mlp.0.weight"][0] / embed,
            "end": "light" if light else "classical",
        }
