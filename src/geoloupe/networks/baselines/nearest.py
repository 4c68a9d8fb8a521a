"""Pixel repetition as a network without weights: what costs nothing, to measure all else by."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from torch import Tensor

from geoloupe.networks.ranges import check_ranges
from geoloupe.networks.signature import Network, Reference, Signature


@dataclass(frozen=True, kw_only=True)
class NearestSettings:
    """Only the factor."""

    scale: int = 4

    def __post_init__(self) -> None:
        check_ranges(self)

    @classmethod
    def tiny(cls) -> Self:
        """Make the settings that tests use."""
        return cls(scale=3)


class Nearest(Network):
    """(N,C,H,W) -> (N,C,H*scale,W*scale): every pixel scale x scale times, for any band count."""

    Settings: ClassVar[type] = NearestSettings
    REFERENCE: ClassVar[Reference] = Reference(
        title="Nearest",
        task="pixel repetition, any bands",
        scales=(2, 3, 4, 8, 16),
        paper="none: the yardstick of speed",
    )
    ASK: ClassVar[Mapping[str, str]] = {"scale": "repetition has no weights"}

    def __init__(self, settings: NearestSettings) -> None:
        super().__init__(settings)
        self.signature = Signature(
            scale=settings.scale, bands=None, tile=256, margin=0, reach="local"
        )

    def stages(self, lr: Tensor, guide: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the enlarged image as the only stage."""
        count, bands, height, width = lr.shape
        scale = self.settings.scale
        wide = lr[..., :, None, :, None].expand(count, bands, height, scale, width, scale)
        return (wide.reshape(count, bands, height * scale, width * scale),)
