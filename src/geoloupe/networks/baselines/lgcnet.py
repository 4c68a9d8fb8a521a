"""LGCNet: local and global features combined on the enlarged image. Lei et al., IEEE GRSL 2017."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from geoloupe.networks.convolution import conv
from geoloupe.networks.ranges import check_ranges
from geoloupe.networks.resize import bicubic_up
from geoloupe.networks.signature import Network, Reference, Signature

FEATURES = 32
LAYERS = 5
COMBINED = 3  # the last layers whose maps are joined


@dataclass(frozen=True, kw_only=True)
class LGCNetSettings:
    """The published configuration."""

    scale: int = 4
    bands: int = 3

    def __post_init__(self) -> None:
        check_ranges(self)

    @classmethod
    def tiny(cls) -> Self:
        """Make the settings that tests use."""
        return cls(scale=2)


class LGCNet(Network):
    """(N,bands,H,W) in [0, 1] -> (N,bands,H*scale,W*scale)."""

    Settings: ClassVar[type] = LGCNetSettings
    REFERENCE: ClassVar[Reference] = Reference(
        title="LGCNet",
        task="baseline: joined depths after bicubic",
        scales=(2, 3, 4, 8),
        paper="Lei et al., IEEE GRSL 2017",
    )
    PUBLISHED: ClassVar[Mapping[str, str | None]] = {
        **{f"conv{k + 1}": f"layers.{k}" for k in range(LAYERS)},
        "conv6": "combine",
        "conv7": "tail",
    }
    ASK: ClassVar[Mapping[str, str]] = {"scale": "it works on an image enlarged before"}

    def __init__(self, settings: LGCNetSettings) -> None:
        super().__init__(settings)
        self.signature = Signature(
            scale=settings.scale,
            bands=settings.bands,
            tile=64,
            margin=2 + -(-(LAYERS + 3) // settings.scale),
            reach="local",
        )
        widths = [settings.bands] + [FEATURES] * LAYERS
        self.layers = nn.ModuleList(conv(3, widths[k], widths[k + 1]) for k in range(LAYERS))
        self.combine = conv(5, COMBINED * FEATURES, 2 * FEATURES)
        self.tail = conv(3, 2 * FEATURES, settings.bands)

    def stages(self, lr: Tensor, guide: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the answer as the only stage."""
        return (self.refine(bicubic_up(lr, self.settings.scale)),)

    def refine(self, upsampled: Tensor) -> Tensor:
        """Add the missing detail to the enlarged image (N,bands,H,W)."""
        maps = [upsampled]
        for layer in self.layers:
            maps.append(layer(maps[-1]).relu())
        joined = self.combine(torch.cat(maps[-COMBINED:], dim=1)).relu()
        return upsampled + self.tail(joined)

    @classmethod
    def infer(cls, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Read the settings that the shapes tell."""
        return {"bands": shapes["layers.0.weight"][1]}
