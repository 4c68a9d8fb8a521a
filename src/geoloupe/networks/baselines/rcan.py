"""RCAN: residual groups of channel attention, two hundred blocks deep on the LR image.

Zhang et al., ECCV 2018, arXiv 1807.02758.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from geoloupe.networks.convolution import conv
from geoloupe.networks.mean import MeanShift, infer_mean
from geoloupe.networks.ranges import check_ranges
from geoloupe.networks.signature import Network, Reference, Signature
from geoloupe.networks.upsample import UpBlock, factors, infer_scale


@dataclass(frozen=True, kw_only=True)
class RCANSettings:
    """The published configuration."""

    scale: int = 4
    bands: int = 3
    features: int = 64
    groups: int = 10
    blocks: int = 20  # of each group
    reduction: int = 16  # features to one of the attention's inner channels
    mean: tuple[float, ...] | None = None  # None: zero
    value_range: float = 1.0

    def __post_init__(self) -> None:
        check_ranges(self)
        factors(self.scale)
        if self.features % self.reduction:
            raise ValueError(
                f"features must be a multiple of reduction {self.reduction}, not {self.features}"
            )

    @classmethod
    def tiny(cls) -> Self:
        """Make the settings that tests use."""
        return cls(scale=2, features=16, groups=2, blocks=2, reduction=4)


class ChannelAttention(nn.Module):
    """CA: weigh every channel by what the whole image shows of all of them (N,F,H,W)."""

    def __init__(self, features: int, reduction: int) -> None:
        super().__init__()
        self.squeeze = conv(1, features, features // reduction)
        self.expand = conv(1, features // reduction, features)

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean((2, 3), keepdim=True)
        return x * torch.sigmoid(self.expand(self.squeeze(mean).relu()))


class AttentionBlock(nn.Module):
    """RCAB: two convolutions, channel attention, and a skip (N,F,H,W)."""

    def __init__(self, features: int, reduction: int) -> None:
        super().__init__()
        self.conv1 = conv(3, features, features)
        self.conv2 = conv(3, features, features)
        self.attention = ChannelAttention(features, reduction)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.attention(self.conv2(self.conv1(x).relu()))


class ResidualGroup(nn.Module):
    """RG: blocks and a convolution under a skip (N,F,H,W)."""

    def __init__(self, settings: RCANSettings) -> None:
        super().__init__()
        features = settings.features
        self.blocks = nn.ModuleList(
            AttentionBlock(features, settings.reduction) for _ in range(settings.blocks)
        )
        self.after = conv(3, features, features)

    def forward(self, x: Tensor) -> Tensor:
        deep = x
        for block in self.blocks:
            deep = block(deep)
        return x + self.after(deep)


class RCAN(Network):
    """(N,bands,H,W) in [0, 1] -> (N,bands,H*scale,W*scale)."""

    Settings: ClassVar[type] = RCANSettings
    REFERENCE: ClassVar[Reference] = Reference(
        title="RCAN",
        task="RGB or any fixed bands, very deep, channel attention",
        scales=(2, 3, 4, 8),
        paper="Zhang et al., ECCV 2018",
    )
    PUBLISHED: ClassVar[Mapping[str, str | None]] = {
        "sub_mean": None,
        "add_mean": None,
        "head.0": "head",
        "body.{g}.body.{b}.body.0": "groups.{g}.blocks.{b}.conv1",
        "body.{g}.body.{b}.body.2": "groups.{g}.blocks.{b}.conv2",
        "body.{g}.body.{b}.body.3.conv_du.0": "groups.{g}.blocks.{b}.attention.squeeze",
        "body.{g}.body.{b}.body.3.conv_du.2": "groups.{g}.blocks.{b}.attention.expand",
        # The last of a group, and the last of all, have no body of their own.
        "body.{g}.body.{n}": "groups.{g}.after",
        "body.{n}": "after_body",
        "tail.0.{k}": "upsample.{k}",
        "tail.1": "tail",
    }

    def __init__(self, settings: RCANSettings) -> None:
        super().__init__(settings)
        self.signature = Signature(scale=settings.scale, bands=settings.bands, tile=64, margin=8)
        features = settings.features
        self.shift = MeanShift(settings.mean or (0.0,) * settings.bands, settings.value_range)
        self.head = conv(3, settings.bands, features)
        self.groups = nn.ModuleList(ResidualGroup(settings) for _ in range(settings.groups))
        self.after_body = conv(3, features, features)
        self.upsample = UpBlock(features, settings.scale)
        self.tail = conv(3, features, settings.bands)

    def stages(self, lr: Tensor, guide: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the answer as the only stage."""
        shallow = self.head(self.shift.remove(lr))
        deep = shallow
        for group in self.groups:
            deep = group(deep)
        deep = self.after_body(deep) + shallow
        return (self.shift.add(self.tail(self.upsample(deep))),)

    @classmethod
    def infer(cls, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Read the settings that the shapes tell."""
        features, bands = shapes["head.weight"][:2]
        inner = shapes["groups.0.blocks.0.attention.squeeze.weight"][0]
        places = [name.split(".") for name in shapes if ".attention.squeeze.weight" in name]
        groups = {place[1] for place in places}
        return {
            "scale": infer_scale(shapes, "upsample"),
            "bands": bands,
            "features": features,
            "groups": len(groups),
            "blocks": len(places) // len(groups),
            "reduction": features // inner,
        }

    @classmethod
    def constants(cls, published: Mapping[str, Tensor]) -> dict[str, Any]:
        """Read the mean and the value range from the published constant layers."""
        return infer_mean(published)
