"""SRCNN: three convolutions on the enlarged image. Dong et al., IEEE TPAMI 2016."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import Tensor

from geoloupe.networks.convolution import conv
from geoloupe.networks.ranges import check_ranges
from geoloupe.networks.resize import bicubic_up
from geoloupe.networks.signature import Network, Reference, Signature


@dataclass(frozen=True, kw_only=True)
class SRCNNSettings:
    """The published 9-5-5 configuration."""

    scale: int = 4
    bands: int = 3

    def __post_init__(self) -> None:
        check_ranges(self)

    @classmethod
    def tiny(cls) -> Self:
        """Make the settings that tests use."""
        return cls(scale=2)


class SRCNN(Network):
    """(N,bands,H,W) in [0, 1] -> (N,bands,H*scale,W*scale)."""

    Settings: ClassVar[type] = SRCNNSettings
    REFERENCE: ClassVar[Reference] = Reference(
        title="SRCNN",
        task="baseline: three convolutions after bicubic",
        scales=(2, 3, 4, 8),
        paper="Dong et al., IEEE TPAMI 2016",
    )
    PUBLISHED: ClassVar[Mapping[str, str | None]] = {
        "conv1": "extract",
        "conv2": "map",
        "conv3": "rebuild",
    }
    ASK: ClassVar[Mapping[str, str]] = {"scale": "it works on an image enlarged before"}

    def __init__(self, settings: SRCNNSettings) -> None:
        super().__init__(settings)
        self.signature = Signature(
            scale=settings.scale,
            bands=settings.bands,
            tile=64,
            margin=2 + -(-8 // settings.scale),  # 8 HR pixels of kernels, 2 LR pixels of bicubic
            reach="local",
        )
        self.extract = conv(9, settings.bands, 64)
        self.map = conv(5, 64, 32)
        self.rebuild = conv(5, 32, settings.bands)

    def stages(self, lr: Tensor, guide: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the answer as the only stage."""
        return (self.refine(bicubic_up(lr, self.settings.scale)),)

    def refine(self, upsampled: Tensor) -> Tensor:
        """Sharpen the enlarged image (N,bands,H,W)."""
        return self.rebuild(self.map(self.extract(upsampled).relu()).relu())

    @classmethod
    def infer(cls, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Read the settings that the shapes tell."""
        return {"bands": shapes["extract.weight"][1]}
