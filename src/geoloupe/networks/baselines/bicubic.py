"""Bicubic interpolation as a network without weights: the yardstick and the safe default."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from torch import Tensor

from geoloupe.networks.ranges import check_ranges
from geoloupe.networks.resize import bicubic_up
from geoloupe.networks.signature import Network, Reference, Signature


@dataclass(frozen=True, kw_only=True)
class BicubicSettings:
    """Only the factor."""

    scale: int = 4

    def __post_init__(self) -> None:
        check_ranges(self)

    @classmethod
    def tiny(cls) -> Self:
        """Make the settings that tests use."""
        return cls(scale=3)


class Bicubic(Network):
    """(N,C,H,W) -> (N,C,H*scale,W*scale), MATLAB-compatible, for any band count."""

    Settings: ClassVar[type] = BicubicSettings
    REFERENCE: ClassVar[Reference] = Reference(
        title="Bicubic",
        task="interpolation, any bands: the baseline",
        scales=(2, 3, 4, 8, 16),
        paper="Keys, IEEE TASSP 1981",
    )
    ASK: ClassVar[Mapping[str, str]] = {"scale": "interpolation has no weights"}

    def __init__(self, settings: BicubicSettings) -> None:
        super().__init__(settings)
        self.signature = Signature(
            scale=settings.scale, bands=None, tile=256, margin=4, reach="local"
        )

    def stages(self, lr: Tensor, guide: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the enlarged image as the only stage."""
        return (bicubic_up(lr, self.settings.scale),)
