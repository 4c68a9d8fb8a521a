"""VDSR: a deep residual on the enlarged image. Kim et al., CVPR 2016."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import Tensor, nn

from geoloupe.networks.convolution import conv
from geoloupe.networks.ranges import check_ranges
from geoloupe.networks.resize import bicubic_up
from geoloupe.networks.signature import Network, Reference, Signature


@dataclass(frozen=True, kw_only=True)
class VDSRSettings:
    """The published configuration: 18 layers between the first and the last."""

    scale: int = 4
    bands: int = 3
    features: int = 64
    layers: int = 18

    def __post_init__(self) -> None:
        check_ranges(self)

    @classmethod
    def tiny(cls) -> Self:
        """Make the settings that tests use."""
        return cls(scale=2, features=8, layers=2)


class NormedLayer(nn.Sequential):
    """Convolution, batch norm, ReLU (N,inputs,H,W) -> (N,outputs,H,W)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(conv(3, inputs, outputs), nn.BatchNorm2d(outputs), nn.ReLU())


class VDSR(Network):
    """(N,bands,H,W) in [0, 1] -> (N,bands,H*scale,W*scale)."""

    Settings: ClassVar[type] = VDSRSettings
    REFERENCE: ClassVar[Reference] = Reference(
        title="VDSR",
        task="baseline: deep residual after bicubic",
        scales=(2, 3, 4, 8),
        paper="Kim et al., CVPR 2016",
    )
    PUBLISHED: ClassVar[Mapping[str, str | None]] = {
        "head.0.{k}": "head.{k}",
        "body.{n}.{k}": "body.{n}.{k}",
        "tail.0": "tail",
    }
    ASK: ClassVar[Mapping[str, str]] = {"scale": "it works on an image enlarged before"}

    def __init__(self, settings: VDSRSettings) -> None:
        super().__init__(settings)
        self.signature = Signature(
            scale=settings.scale,
            bands=settings.bands,
            tile=64,
            margin=2 + -(-(settings.layers + 2) // settings.scale),
            reach="local",
        )
        features = settings.features
        self.head = NormedLayer(settings.bands, features)
        self.body = nn.Sequential(
            *(NormedLayer(features, features) for _ in range(settings.layers))
        )
        self.tail = conv(3, features, settings.bands)

    def stages(self, lr: Tensor, guide: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the answer as the only stage."""
        return (self.refine(bicubic_up(lr, self.settings.scale)),)

    def refine(self, upsampled: Tensor) -> Tensor:
        """Add the missing detail to the enlarged image (N,bands,H,W)."""
        return upsampled + self.tail(self.body(self.head(upsampled)))

    @classmethod
    def infer(cls, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Read the settings that the shapes tell."""
        features, bands = shapes["head.0.weight"][:2]
        layers = {name.split(".")[1] for name in shapes if name.startswith("body.")}
        return {"bands": bands, "features": features, "layers": len(layers)}
