"""RCAN: residual blocks that weigh channels, in groups under skips. Zhang et al., ECCV 2018."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

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
    reduction: int = 16  # channels to each of those that weigh them
    mean: tuple[float, ...] | None = None  # None: zero
    value_range: float = 1.0

    def __post_init__(self) -> None:
        check_ranges(self)
        factors(self.scale)
        if self.features < self.reduction:
            raise ValueError(
                f"features {self.features} must be at least reduction, or {self.reduction}"
            )

    @classmethod
    def tiny(cls) -> Self:
        """Make the settings that tests use."""
        return cls(scale=2, features=8, groups=2, blocks=2, reduction=4)


class ChannelAttention(nn.Module):
    """Weigh channels (N,F,H,W) by what their means say of each other."""

    def __init__(self, features: int, reduction: int) -> None:
        super().__init__()
        self.squeeze = conv(1, features, features // reduction)
        self.expand = conv(1, features // reduction, features)

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean((2, 3), keepdim=True)
        return x * self.expand(self.squeeze(mean).relu()).sigmoid()


class Block(nn.Module):
    """RCAB: convolution, ReLU, convolution and channel attention under a skip (N,F,H,W)."""

    def __init__(self, features: int, reduction: int) -> None:
        super().__init__()
        self.conv1 = conv(3, features, features)
        self.conv2 = conv(3, features, features)
        self.attention = ChannelAttention(features, reduction)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.attention(self.conv2(self.conv1(x).relu()))


class Group(nn.Module):
    """Blocks and a convolution under a skip (N,F,H,W)."""

    def __init__(self, settings: RCANSettings) -> None:
        super().__init__()
        features = settings.features
        self.blocks = nn.ModuleList(
            Block(features, settings.reduction) for _ in range(settings.blocks)
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
        task="baseline: deep, with channel attention",
        scales=(2, 3, 4, 8),
        paper="Zhang et al., ECCV 2018",
    )
    PUBLISHED: ClassVar[Mapping[str, str | None]] = {
        "sub_mean": None,
        "add_mean": None,
        "head.0": "head",
        "body.{g}.body.{n}.body.0": "body.{g}.blocks.{n}.conv1",
        "body.{g}.body.{n}.body.2": "body.{g}.blocks.{n}.conv2",
        "body.{g}.body.{n}.body.3.conv_du.0": "body.{g}.blocks.{n}.attention.squeeze",
        "body.{g}.body.{n}.body.3.conv_du.2": "body.{g}.blocks.{n}.attention.expand",
        # The convolutions after the last block and the last group have no body of their own.
        "body.{g}.body.{n}": "body.{g}.after",
        "body.{n}": "after_body",
        "tail.0.{k}": "upsample.{k}",
        "tail.1": "tail",
    }

    def __init__(self, settings: RCANSettings) -> None:
        super().__init__(settings)
        self.signature = Signature(scale=settings.scale, bands=settings.bands, tile=128, margin=16)
        features = settings.features
        self.shift = MeanShift(settings.mean or (0.0,) * settings.bands, settings.value_range)
        self.head = conv(3, settings.bands, features)
        self.body = nn.ModuleList(Group(settings) for _ in range(settings.groups))
        self.after_body = conv(3, features, features)
        self.upsample = UpBlock(features, settings.scale)
        self.tail = conv(3, features, settings.bands)

    def stages(self, lr: Tensor, guide: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the answer as the only stage."""
        shallow = self.head(self.shift.remove(lr))
        deep = shallow
        for group in self.body:
            deep = group(deep)
        deep = self.after_body(deep) + shallow
        return (self.shift.add(self.tail(self.upsample(deep))),)

    @classmethod
    def infer(cls, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Read the settings that the shapes tell."""
        features, bands = shapes["head.weight"][:2]
        places = [name.split(".") for name in shapes if name.endswith("attention.squeeze.weight")]
        return {
            "scale": infer_scale(shapes, "upsample"),
            "bands": bands,
            "features": features,
            "groups": len({place[1] for place in places}),
            "blocks": len({place[3] for place in places}),
            "reduction": features // shapes["body.0.blocks.0.attention.squeeze.weight"][0],
        }

    @classmethod
    def constants(cls, published: Mapping[str, Tensor]) -> dict[str, Any]:
        """Read the mean and the value range from the published constant layers."""
        return infer_mean(published)
