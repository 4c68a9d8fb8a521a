"""SwinIR: attention in shifted windows, in groups that end in a convolution.

Liang et al., ICCV Workshops 2021, arXiv 2108.10257: the form for classical super-resolution.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import Tensor, nn
from torch.nn import functional as F

from geoloupe.networks.convolution import conv
from geoloupe.networks.mean import MeanShift
from geoloupe.networks.padding import pad_to_multiple
from geoloupe.networks.ranges import check_ranges
from geoloupe.networks.signature import Network, Reference, Signature
from geoloupe.networks.upsample import UpBlock, factors, infer_scale
from geoloupe.networks.windows import (
    WindowAttention,
    drop_path,
    initialise,
    to_map,
    to_tokens,
)

UP_FEATURES = 64
DIV2K_MEAN = (0.4488, 0.4371, 0.4040)  # which its checkpoints take off RGB and do not hold


@dataclass(frozen=True, kw_only=True)
class SwinIRSettings:
    """The published configuration."""

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

    def __post_init__(self) -> None:
        check_ranges(self)
        factors(self.scale)
        if len(self.depths) != len(self.heads) or not self.depths:
            raise ValueError(f"depths {self.depths} and heads {self.heads} must be as many, from 1")
        if any(self.embed % heads for heads in self.heads):
            raise ValueError(f"embed {self.embed} is not a multiple of heads {self.heads}")
        if not 0 <= self.drop_path < 1:
            raise ValueError(f"drop_path must be from 0 to below 1, not {self.drop_path}")

    @classmethod
    def tiny(cls) -> Self:
        """Make the settings that tests use."""
        return cls(scale=2, embed=16, depths=(2, 2), heads=(2, 2), window=4)


class Layer(nn.Module):
    """STL: attention in windows, then a perceptron, each under a skip (N,H,W,E)."""

    def __init__(self, settings: SwinIRSettings, heads: int, shift: int, drop: float) -> None:
        super().__init__()
        embed = settings.embed
        hidden = int(embed * settings.mlp_ratio)
        self.norm1 = nn.LayerNorm(embed)
        self.windows = WindowAttention(embed, heads, settings.window, shift)
        self.norm2 = nn.LayerNorm(embed)
        self.mlp = nn.Sequential(nn.Linear(embed, hidden), nn.GELU(), nn.Linear(hidden, embed))
        self.drop = drop

    def forward(self, t: Tensor) -> Tensor:
        t = t + drop_path(self.windows(self.norm1(t)), self.drop, self.training)
        return t + drop_path(self.mlp(self.norm2(t)), self.drop, self.training)


class Group(nn.Module):
    """RSTB: layers, every second one shifted, then a convolution and a skip (N,H,W,E)."""

    def __init__(self, settings: SwinIRSettings, stage: int) -> None:
        super().__init__()
        first, last = sum(settings.depths[:stage]), sum(settings.depths) - 1
        step = settings.drop_path / max(last, 1)
        self.layers = nn.ModuleList(
            Layer(
                settings,
                settings.heads[stage],
                settings.window // 2 * (number % 2),
                step * (first + number),
            )
            for number in range(settings.depths[stage])
        )
        self.conv = conv(3, settings.embed, settings.embed)

    def forward(self, t: Tensor) -> Tensor:
        deep = t
        for layer in self.layers:
            deep = layer(deep)
        return t + to_tokens(self.conv(to_map(deep)))


class SwinIR(Network):
    """(N,bands,H,W) in [0, 1] -> (N,bands,H*scale,W*scale)."""

    Settings: ClassVar[type] = SwinIRSettings
    REFERENCE: ClassVar[Reference] = Reference(
        title="SwinIR",
        task="baseline: attention in shifted windows",
        scales=(2, 3, 4, 8),
        paper="Liang et al., ICCVW 2021",
    )
    PUBLISHED: ClassVar[Mapping[str, str | None]] = {
        "conv_first": "shallow",
        "patch_embed.norm": "patch_norm",
        **{
            f"layers.{{i}}.residual_group.blocks.{{j}}.{theirs}": ours
            and f"groups.{{i}}.layers.{{j}}.{ours}"
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
        self.signature = Signature(scale=settings.scale, bands=settings.bands, tile=96, margin=16)
        embed = settings.embed
        usual = DIV2K_MEAN if settings.bands == len(DIV2K_MEAN) else (0.0,) * settings.bands
        self.shift = MeanShift(settings.mean or usual, settings.value_range)
        self.shallow = conv(3, settings.bands, embed)
        self.patch_norm = nn.LayerNorm(embed)
        self.groups = nn.ModuleList(Group(settings, i) for i in range(len(settings.depths)))
        self.norm = nn.LayerNorm(embed)
        self.after_body = conv(3, embed, embed)
        self.before_upsample = conv(3, embed, UP_FEATURES)
        self.upsample = UpBlock(UP_FEATURES, settings.scale)
        self.tail = conv(3, UP_FEATURES, settings.bands)
        self.apply(initialise)

    def stages(self, lr: Tensor, guide: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the answer as the only stage."""
        height, width = (side * self.settings.scale for side in lr.shape[-2:])
        shallow = self.shallow(self.shift.remove(pad_to_multiple(lr, self.settings.window)))
        t = self.patch_norm(to_tokens(shallow))
        for group in self.groups:
            t = group(t)
        x = self.after_body(to_map(self.norm(t))) + shallow
        x = self.tail(self.upsample(F.leaky_relu(self.before_upsample(x), 0.01)))
        return (self.shift.add(x)[..., :height, :width],)

    @classmethod
    def infer(cls, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Read the settings that the shapes tell."""
        embed, bands = shapes["shallow.weight"][:2]
        tables = {
            (int(name.split(".")[1]), int(name.split(".")[3])): shape
            for name, shape in shapes.items()
            if name.endswith("bias_table")
        }
        count = 1 + max(stage for stage, _ in tables)
        return {
            "scale": infer_scale(shapes, "upsample"),
            "bands": bands,
            "embed": embed,
            "depths": tuple(sum(stage == i for stage, _ in tables) for i in range(count)),
            "heads": tuple(tables[i, 0][1] for i in range(count)),
            "window": (round(tables[0, 0][0] ** 0.5) + 1) // 2,
            "mlp_ratio": shapes["groups.0.layers.0.mlp.0.weight"][0] / embed,
        }
