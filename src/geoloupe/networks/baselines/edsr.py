"""EDSR baseline: residual blocks without normalisation on the LR image. Lim et al., CVPRW 2017."""

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
class EDSRSettings:
    """The published baseline configuration."""

    scale: int = 4
    bands: int = 3
    features: int = 64
    blocks: int = 16
    residual_scale: float = 1.0
    mean: tuple[float, ...] | None = None  # None: zero
    value_range: float = 1.0

    def __post_init__(self) -> None:
        check_ranges(self)
        factors(self.scale)

    @classmethod
    def tiny(cls) -> Self:
        """Make the settings that tests use."""
        return cls(scale=2, features=8, blocks=2)


class ResidualBlock(nn.Module):
    """Convolution, ReLU, convolution under a skip (N,F,H,W)."""

    def __init__(self, features: int, residual_scale: float) -> None:
        super().__init__()
        self.conv1 = conv(3, features, features)
        self.conv2 = conv(3, features, features)
        self.residual_scale = residual_scale

    def forward(self, x: Tensor) -> Tensor:
        return x + self.residual_scale * self.conv2(self.conv1(x).relu())


class EDSR(Network):
    """(N,bands,H,W) in [0, 1] -> (N,bands,H*scale,W*scale)."""

    Settings: ClassVar[type] = EDSRSettings
    REFERENCE: ClassVar[Reference] = Reference(
        title="EDSR",
        task="baseline: residual blocks on LR",
        scales=(2, 3, 4, 8),
        paper="Lim et al., CVPRW 2017",
    )
    PUBLISHED: ClassVar[Mapping[str, str | None]] = {
        "sub_mean": None,
        "add_mean": None,
        "head.0": "head",
        "body.{n}.body.0": "body.{n}.conv1",
        "body.{n}.body.2": "body.{n}.conv2",
        "body.{n}": "after_body",  # the convolution after the last block has no body of its own
        "tail.0.{k}": "upsample.{k}",
        "tail.1": "tail",
    }

    def __init__(self, settings: EDSRSettings) -> None:
        super().__init__(settings)
        self.signature = Signature(
            scale=settings.scale,
            bands=settings.bands,
            tile=64,
            margin=2 * settings.blocks + 3 + len(factors(settings.scale)),
            reach="local",
        )
        features = settings.features
        self.shift = MeanShift(settings.mean or (0.0,) * settings.bands, settings.value_range)
        self.head = conv(3, settings.bands, features)
        self.body = nn.ModuleList(
            ResidualBlock(features, settings.residual_scale) for _ in range(settings.blocks)
        )
        self.after_body = conv(3, features, features)
        self.upsample = UpBlock(features, settings.scale)
        self.tail = conv(3, features, settings.bands)

    def stages(self, lr: Tensor, guide: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the answer as the only stage."""
        shallow = self.head(self.shift.remove(lr))
        deep = shallow
        for block in self.body:
            deep = block(deep)
        deep = self.after_body(deep) + shallow
        return (self.shift.add(self.tail(self.upsample(deep))),)

    @classmethod
    def infer(cls, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Read the settings that the shapes tell."""
        features, bands = shapes["head.weight"][:2]
        blocks = {name.split(".")[1] for name in shapes if name.startswith("body.")}
        return {
            "scale": infer_scale(shapes, "upsample"),
            "bands": bands,
            "features": features,
            "blocks": len(blocks),
        }

    @classmethod
    def constants(cls, published: Mapping[str, Tensor]) -> dict[str, Any]:
        """Read the mean and the value range from the published constant layers."""
        return infer_mean(published)
