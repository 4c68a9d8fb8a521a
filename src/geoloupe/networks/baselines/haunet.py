"""HAUNet: attention over channels and over pixels in a U of three sizes, joined across them.

Wang et al., IEEE TGRS 2023, volume 61, article 5612515.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isqrt
from typing import Any, ClassVar, Self

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from geoloupe.networks.convolution import conv, depthwise
from geoloupe.networks.padding import pad_to_multiple
from geoloupe.networks.ranges import check_ranges
from geoloupe.networks.signature import Network, Reference, Signature

ACROSS_HEADS = 2
HALVINGS = 2
QUERIES_AT_ONCE = 1024  # pixels whose scores with all pixels are in memory together


@dataclass(frozen=True, kw_only=True)
class HAUNetSettings:
    """The published configuration; blocks and heads are those of full, half and quarter size."""

    scale: int = 4
    bands: int = 3
    features: int = 96
    blocks: tuple[int, ...] = (5, 5, 5)  # on each side of the U
    heads: tuple[int, ...] = (1, 2, 4)

    def __post_init__(self) -> None:
        check_ranges(self)
        if len(self.blocks) != HALVINGS + 1 or len(self.heads) != HALVINGS + 1:
            raise ValueError(f"blocks {self.blocks} and heads {self.heads} must be three each")
        if any(self.features % heads for heads in (*self.heads, ACROSS_HEADS)):
            raise ValueError(
                f"features must be a multiple of {ACROSS_HEADS} and of heads {self.heads}, "
                f"not {self.features}"
            )

    @classmethod
    def tiny(cls) -> Self:
        """Make the settings that tests use."""
        return cls(scale=2, features=8, blocks=(1, 1, 1))


class ChannelNorm(nn.Module):
    """Norm every pixel over its channels (N,F,H,W)."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(features))
        self.bias = nn.Parameter(torch.zeros(features))

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.movedim(1, -1)
        return F.layer_norm(tokens, self.weight.shape, self.weight, self.bias, 1e-6).movedim(-1, 1)


class Projection(nn.Sequential):
    """A pointwise and a depthwise convolution (N,inputs,H,W) -> (N,outputs,H,W)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(conv(1, inputs, outputs), depthwise(3, outputs))


class GatedFeedForward(nn.Module):
    """Norm, widen, multiply one half by the other, and add what was learned (N,F,H,W)."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.norm = ChannelNorm(features)
        self.widen = conv(1, features, 2 * features)
        self.narrow = conv(1, features, features)
        self.gain = nn.Parameter(torch.zeros(1, features, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        one, other = self.widen(self.norm(x)).chunk(2, dim=1)
        return x + self.narrow(one * other) * self.gain


class AttentionBlock(nn.Module):
    """CEM: channels attend to channels; with `spatial`, S-CEM: pixels to pixels too (N,F,H,W)."""

    def __init__(self, features: int, heads: int, *, spatial: bool) -> None:
        super().__init__()
        self.norm = ChannelNorm(features)
        self.qkv = Projection(features, 3 * features)
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.out = conv(1, features, features)
        self.gain = nn.Parameter(torch.zeros(1, features, 1, 1))
        self.spatial = spatial
        if spatial:
            self.pixel_temperature = nn.Parameter(torch.ones(heads, 1, 1))
            self.pixel_out = conv(1, features, features)
            self.pixel_gain = nn.Parameter(torch.zeros(1, features, 1, 1))
        self.feed = GatedFeedForward(features)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            by_heads(part, len(self.temperature)) for part in self.qkv(self.norm(x)).chunk(3, dim=1)
        )
        size = x.shape[-2:]
        found = attend(q, k, v, self.temperature)
        y = x + self.out(to_image(found, size)) * self.gain
        if self.spatial:
            found = attend(q.mT, k.mT, v.mT, self.pixel_temperature).mT
            y = y + self.pixel_out(to_image(found, size)) * self.pixel_gain
        return self.feed(y)


class CrossScale(nn.Module):
    """CIM: each of three sizes attends to the channels of all; maps (N,F,H/2^i,W/2^i)."""

    def __init__(self, features: int) -> None:
        super().__init__()
        sizes = range(HALVINGS + 1)
        self.norms = nn.ModuleList(ChannelNorm(features) for _ in sizes)
        self.key_value = Projection(3 * features, 6 * features)
        self.queries = nn.ModuleList(Projection(features, features) for _ in sizes)
        self.temperatures = nn.ParameterList(torch.ones(ACROSS_HEADS, 1, 1) for _ in sizes)
        self.outs = nn.ModuleList(conv(1, features, features) for _ in range(2))
        self.gains = nn.ParameterList(torch.zeros(1, features, 1, 1) for _ in sizes)
        self.feeds = nn.ModuleList(GatedFeedForward(features) for _ in sizes)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        full = [
            F.interpolate(x, scale_factor=2.0**i, mode="nearest") if i else x
            for i, x in enumerate(maps)
        ]
        normed = [norm(x) for norm, x in zip(self.norms, full, strict=True)]
        k, v = (
            by_heads(part, ACROSS_HEADS)
            for part in self.key_value(torch.cat(normed, dim=1)).chunk(2, dim=1)
        )
        joined = []
        for i, x in enumerate(full):
            q = by_heads(self.queries[i](normed[i]), ACROSS_HEADS)
            found = to_image(attend(q, k, v, self.temperatures[i]), x.shape[-2:])
            # Published network: the third size shares the second's output. A weight file's own
            # projection for it (project_out2) is never used.
            y = self.feeds[i](x + self.outs[min(i, 1)](found) * self.gains[i])
            joined.append(F.interpolate(y, scale_factor=0.5**i, mode="nearest") if i else y)
        return joined


class HAUNet(Network):
    """(N,bands,H,W) in [0, 1] -> (N,bands,H*scale,W*scale)."""

    Settings: ClassVar[type] = HAUNetSettings
    REFERENCE: ClassVar[Reference] = Reference(
        title="HAUNet",
        task="RGB or any fixed bands, U of attention",
        scales=(2, 3, 4, 8),
        paper="Wang et al., IEEE TGRS 2023",
    )
    PUBLISHED: ClassVar[Mapping[str, str | None]] = {
        "intro": "shallow",
        **{
            f"{theirs}.{part}": f"{ours}.{name}"
            for theirs, ours in (
                ("encoders.{i}.{j}", "encoders.{i}.{j}"),
                ("enc_middle_blks.{j}", "middle.0.{j}"),
                ("dec_middle_blks.{j}", "middle.1.{j}"),
                ("decoders.{i}.{j}", "decoders.{i}.{j}"),
            )
            for part, name in (
                ("norm1", "norm"),
                ("qkv", "qkv.0"),
                ("qkv_dwconv", "qkv.1"),
                ("temperature", "temperature"),
                ("project_out", "out"),
                ("beta", "gain"),
                *(
                    ()
                    if "middle" in ours
                    else (
                        ("temperature2", "pixel_temperature"),
                        ("project_out2", "pixel_out"),
                        ("beta2", "pixel_gain"),
                    )
                ),
                ("norm2", "feed.norm"),
                ("conv4", "feed.widen"),
                ("conv5", "feed.narrow"),
                ("gamma", "feed.gain"),
            )
        },
        "downs.{i}": "downs.{i}",
        "ups.{i}.0": "ups.{i}",
        "lateral_nafblock.qkv.0.kv": "across.key_value.0",
        "lateral_nafblock.qkv.0.kv_dwconv": "across.key_value.1",
        "lateral_nafblock.qkv.0.project_out2": None,
        **{
            f"lateral_nafblock.qkv.0.{theirs}": f"across.{ours}"
            for i, tag in enumerate(("", "1", "2"))
            for theirs, ours in (
                (f"q{tag}", f"queries.{i}.0"),
                (f"q{tag}_dwconv", f"queries.{i}.1"),
                (f"normq{tag}", f"norms.{i}"),
                (f"temperature{tag}", f"temperatures.{i}"),
                *(((f"project_out{tag}", f"outs.{i}"),) if i < 2 else ()),
                (f"beta{tag}", f"gains.{i}"),
                (f"norm2{tag and '_' + tag}", f"feeds.{i}.norm"),
                (f"conv4{tag and '_' + tag}", f"feeds.{i}.widen"),
                (f"conv5{tag and '_' + tag}", f"feeds.{i}.narrow"),
                (f"gamma{tag}", f"feeds.{i}.gain"),
            )
        },
        "up.0": "tail",
    }

    def __init__(self, settings: HAUNetSettings) -> None:
        super().__init__(settings)
        self.signature = Signature(
            scale=settings.scale, bands=settings.bands, minimum=2, tile=64, margin=8
        )
        features, bands = settings.features, settings.bands
        self.shallow = conv(3, bands, features)
        self.encoders = nn.ModuleList(blocks_of(settings, size) for size in (0, 1))
        self.downs = nn.ModuleList(
            nn.Conv2d(features, features, 2, stride=2) for _ in range(HALVINGS)
        )
        self.across = CrossScale(features)
        self.middle = nn.ModuleList(blocks_of(settings, HALVINGS) for _ in range(2))
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d(features, features, 2, stride=2) for _ in range(HALVINGS)
        )
        self.decoders = nn.ModuleList(blocks_of(settings, size) for size in (1, 0))
        self.tail = conv(3, features, bands * settings.scale**2)

    def stages(self, lr: Tensor, guide: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the answer as the only stage."""
        scale = self.settings.scale
        height, width = (side * scale for side in lr.shape[-2:])
        maps, x = [], self.shallow(pad_to_multiple(lr, 2**HALVINGS))
        for encoder, down in zip(self.encoders, self.downs, strict=True):
            maps.append(encoder(x))
            x = down(maps[-1])
        *skips, x = self.across([*maps, self.middle[0](x)])
        x = self.middle[1](x)
        for up, skip, decoder in zip(self.ups, reversed(skips), self.decoders, strict=True):
            x = decoder(up(x) + skip)
        x = F.pixel_shuffle(self.tail(x), scale)[..., :height, :width]
        base = F.interpolate(lr, scale_factor=float(scale), mode="bilinear", align_corners=False)
        return (x + base,)

    @classmethod
    def infer(cls, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Read the settings that the shapes tell."""
        features, bands = shapes["shallow.weight"][:2]
        places = [f"encoders.{size}" for size in range(HALVINGS)] + ["middle.0"]
        return {
            "scale": isqrt(shapes["tail.weight"][0] // bands),
            "bands": bands,
            "features": features,
            "blocks": tuple(
                sum(f"{place}.{j}.gain" in shapes for j in range(len(shapes))) for place in places
            ),
            "heads": tuple(shapes[f"{place}.0.temperature"][0] for place in places),
        }


def blocks_of(settings: HAUNetSettings, size: int) -> nn.Sequential:
    """Make the blocks of one side of the U at a size; only at full size do pixels attend."""
    heads = settings.heads[size]
    return nn.Sequential(
        *(
            AttentionBlock(settings.features, heads, spatial=size == 0)
            for _ in range(settings.blocks[size])
        )
    )


def attend(query: Tensor, key: Tensor, value: Tensor, temperature: Tensor) -> Tensor:
    """Rows (N,heads,R,D) attend to keys (N,heads,S,D) by cosine, for values (N,heads,S,E)."""
    query, key = F.normalize(query, dim=-1), F.normalize(key, dim=-1).mT
    # Published network: scores below zero count as zero, which softmax does not leave out.
    parts = [
        (rows @ key * temperature).relu().softmax(-1) @ value
        for rows in query.split(QUERIES_AT_ONCE, dim=-2)
    ]
    return torch.cat(parts, dim=-2)


def by_heads(x: Tensor, heads: int) -> Tensor:
    """(N,heads*F,H,W) -> (N,heads,F,H*W)."""
    return rearrange(x, "n (heads f) h w -> n heads f (h w)", heads=heads)


def to_image(rows: Tensor, size: torch.Size) -> Tensor:
    """(N,heads,F,H*W) -> (N,heads*F,H,W)."""
    return rows.flatten(1, 2).unflatten(-1, size)
