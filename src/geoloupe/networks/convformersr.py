"""ConvFormerSR: a transformer and a CNN side by side, for cross-sensor super-resolution.

Li et al., IEEE TGRS 2024, doi 10.1109/TGRS.2023.3340043.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import torch
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
RESIDUAL_BLOCKS = 16
RESIDUAL_SCALE = 0.2
GLOBAL_PATH_SCALE = 0.01


@dataclass(frozen=True, kw_only=True)
class ConvFormerSRSettings:
    """The configuration of the published example; `branches` is for ablations."""

    scale: int = 3
    bands: int = 3
    embed: int = 60
    depths: tuple[int, ...] = (6, 6, 6, 6)
    heads: tuple[int, ...] = (6, 6, 6, 6)
    window: int = 8
    mlp_ratio: float = 4.0
    drop_path: float = 0.1
    mean: tuple[float, ...] | float = 0.0  # one number stands for every band
    value_range: float = 1.0
    shifted: bool = True  # False where the training input was no larger than a window
    branches: Literal["both", "cnn", "transformer"] = "both"

    def __post_init__(self) -> None:
        check_ranges(self)
        factors(self.scale)
        check_depths(self)
        if self.embed < 16:
            raise ValueError(f"embed must be 16 or more, not {self.embed}")

    @classmethod
    def tiny(cls) -> Self:
        """Make the settings that tests use."""
        return cls(scale=2, embed=16, depths=(2, 2), heads=(2, 2), window=4)


class ChannelMatrixAttention(nn.Module):
    """CAM: channels attend to channels over the whole image; a free scalar starts it at nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(2)
        energy = flat @ flat.transpose(-2, -1)
        energy = energy.amax(-1, keepdim=True) - energy
        return self.gamma * (energy.softmax(-1) @ flat).view_as(x) + x


class EnhancedAttentionBlock(nn.Module):
    """Windowed attention beside a convolutional path over the whole image (N,H,W,E)."""

    def __init__(self, settings: ConvFormerSRSettings, heads: int, shift: int, drop: float) -> None:
        super().__init__()
        embed = settings.embed
        hidden = round(embed * settings.mlp_ratio)
        self.norm1 = nn.LayerNorm(embed)
        self.squeeze = conv(3, embed, embed // 3)
        self.expand = conv(3, embed // 3, embed)
        self.channels = ChannelMatrixAttention()
        self.windows = WindowAttention(embed, heads, settings.window, shift)
        self.norm2 = nn.LayerNorm(embed)
        self.mlp = nn.Sequential(nn.Linear(embed, hidden), nn.GELU(), nn.Linear(hidden, embed))
        self.drop = drop

    def forward(self, t: Tensor) -> Tensor:
        n, drop = self.norm1(t), self.drop if self.training else 0.0
        whole = self.channels(self.expand(F.gelu(self.squeeze(to_map(n)))))
        t = t + drop_path(self.windows(n), drop) + GLOBAL_PATH_SCALE * to_tokens(whole)
        return t + drop_path(self.mlp(self.norm2(t)), drop)


class AttentionGroup(nn.Module):
    """RAG: attention blocks, every second one shifted, then a convolution and a skip (N,H,W,E)."""

    def __init__(self, settings: ConvFormerSRSettings, stage: int, drops: list[float]) -> None:
        super().__init__()
        heads = settings.heads[stage]
        half = settings.window // 2 if settings.shifted else 0
        self.blocks = nn.ModuleList(
            EnhancedAttentionBlock(settings, heads, half * (j % 2), drop)
            for j, drop in enumerate(drops)
        )
        self.conv = conv(3, settings.embed, settings.embed)

    def forward(self, t: Tensor) -> Tensor:
        deep = t
        for block in self.blocks:
            deep = block(deep)
        return t + to_tokens(self.conv(to_map(deep)))


class ResidualBlock(nn.Module):
    """Two convolutions and a skip (N,E,H,W)."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv1 = conv(3, features, features)
        self.conv2 = conv(3, features, features)

    def forward(self, x: Tensor) -> Tensor:
        return x + RESIDUAL_SCALE * self.conv2(F.leaky_relu(self.conv1(x), 0.2))


class Fusion(nn.Module):
    """FFM: the CNN map gated in space plus the transformer map gated in channels (N,E,H,W)."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.where = conv(7, 2, 1, bias=False)
        self.which = nn.Sequential(
            conv(1, features, features // 16, bias=False),
            nn.ReLU(),
            conv(1, features // 16, features, bias=False),
        )
        self.from_cnn = conv(3, features, features)
        self.from_transformer = conv(3, features, features)

    def forward(self, c: Tensor, u: Tensor) -> Tensor:
        summary = torch.cat([c.mean(1, keepdim=True), c.amax(1, keepdim=True)], dim=1)
        spatial = torch.sigmoid(self.where(summary))
        mean, peak = u.mean((2, 3), keepdim=True), u.amax((2, 3), keepdim=True)
        channel = torch.sigmoid(self.which(mean) + self.which(peak))
        return self.from_cnn(spatial * c) + self.from_transformer(channel * u)


class ConvFormerSR(Network):
    """(N,bands,H,W) reflectance in [0, 1] -> (N,bands,H*scale,W*scale)."""

    Settings: ClassVar[type] = ConvFormerSRSettings
    REFERENCE: ClassVar[Reference] = Reference(
        title="ConvFormerSR",
        task="multispectral across sensors, transformer + CNN",
        scales=(2, 3, 4, 8),
        paper="Li et al., IEEE TGRS 2024",
    )
    PUBLISHED: ClassVar[Mapping[str, str | None]] = {
        "conv_first": "shallow",
        "patch_embed.norm": "patch_norm",
        **{
            f"RAG_Layers.{{i}}.attn.blocks.{{j}}.{theirs}": ours
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
                ("conv_block.conv1.0", "squeeze"),
                ("conv_block.conv1.2", "expand"),
                ("conv_block.cam.gamma", "channels.gamma"),
            )
        },
        "RAG_Layers.{i}.conv": "groups.{i}.conv",
        "norm": "norm",
        "layers_after_RAG.{i}": "to_cnn.{i}",
        "RCG_Layers.{i}.{k}.conv1": "residual.{i}.{k}.conv1",
        "RCG_Layers.{i}.{k}.conv2": "residual.{i}.{k}.conv2",
        "FFM_Layers.{i}.spat_attn.conv1": "fusion.{i}.where",
        "FFM_Layers.{i}.chan_attn.fc.{k}": "fusion.{i}.which.{k}",
        "FFM_Layers.{i}.conv1": "fusion.{i}.from_cnn",
        "FFM_Layers.{i}.conv2": "fusion.{i}.from_transformer",
        "conv_after_body": "after_body",
        "conv_before_upsample.0": "before_upsample",
        "upsample.{k}": "upsample.{k}",
        "conv_last": "tail",
    }
    ASK: ClassVar[Mapping[str, str]] = {
        "mean": "what was taken off their input, one number or one for each band: 0 unless their "
        "training was given another",
    }

    def __init__(self, settings: ConvFormerSRSettings) -> None:
        super().__init__(settings)
        self.signature = Signature(
            scale=settings.scale,
            bands=settings.bands,
            tile=64,
            margin=8,
        )
        embed, stages = settings.embed, len(settings.depths)
        mean = settings.mean
        means = mean if isinstance(mean, tuple) else (mean,) * settings.bands
        self.shift = MeanShift(means, settings.value_range)
        self.shallow = conv(3, settings.bands, embed)
        self.after_body = conv(3, embed, embed)
        self.before_upsample = conv(3, embed, UP_FEATURES)
        self.upsample = UpBlock(UP_FEATURES, settings.scale)
        self.tail = conv(3, UP_FEATURES, settings.bands)
        if settings.branches != "cnn":
            self.patch_norm = nn.LayerNorm(embed)
            drops = rates(settings.drop_path, settings.depths)
            self.groups = nn.ModuleList(
                AttentionGroup(settings, i, part) for i, part in enumerate(drops)
            )
            self.norm = nn.LayerNorm(embed)  # one for all stages, as published
            # Without the CNN only the last stage's map is used.
            self.to_cnn = nn.ModuleList(
                conv(3, embed, embed)
                if settings.branches == "both" or i == stages - 1
                else nn.Identity()
                for i in range(stages)
            )
        if settings.branches != "transformer":
            self.residual = nn.ModuleList(
                nn.Sequential(*(ResidualBlock(embed) for _ in range(RESIDUAL_BLOCKS)))
                for _ in range(stages)
            )
        if settings.branches == "both":
            self.fusion = nn.ModuleList(Fusion(embed) for _ in range(stages))
        self.apply(initialise)

    def stages(self, lr: Tensor, guide: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the answer as the only stage."""
        height, width = (side * self.settings.scale for side in lr.shape[-2:])
        x = self.shift.remove(pad_to_multiple(lr, self.settings.window))
        s = self.shallow(x)
        x = self.after_body(self.deep(s)) + s
        x = self.tail(self.upsample(F.leaky_relu(self.before_upsample(x), 0.01)))
        return (self.shift.add(x)[..., :height, :width],)

    def deep(self, s: Tensor) -> Tensor:
        """Run both branches stage by stage; only the CNN's map receives the fusion (N,E,H,W)."""
        c = s
        t = self.patch_norm(to_tokens(s)) if self.settings.branches != "cnn" else s
        for i in range(len(self.settings.depths)):
            if self.settings.branches != "cnn":
                t = self.groups[i](t)
                u = self.to_cnn[i](to_map(self.norm(t)))
            if self.settings.branches != "transformer":
                c = self.residual[i](c)
            if self.settings.branches == "both":
                c = self.fusion[i](c, u)
        return u if self.settings.branches == "transformer" else c

    @classmethod
    def infer(cls, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Read the settings that the shapes tell."""
        embed, bands = shapes["shallow.weight"][:2]
        found: dict[str, Any] = {
            "scale": infer_scale(shapes, "upsample"),
            "bands": bands,
            "embed": embed,
        }
        if "patch_norm.weight" not in shapes:
            count = len({name.split(".")[1] for name in shapes if name.startswith("residual.")})
            return found | {"branches": "cnn", "depths": (1,) * count, "heads": (1,) * count}
        return found | {
            "branches": "both" if "fusion.0.where.weight" in shapes else "transformer",
            **infer_depths(shapes),
            "mlp_ratio": shapes["groups.0.blocks.0.mlp.0.weight"][0] / embed,
        }
