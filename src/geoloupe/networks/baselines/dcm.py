"""DCM: deep compendium model, features of all depths on the LR image. Haut et al., TGRS 2019."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from geoloupe.networks.convolution import conv
from geoloupe.networks.ranges import check_ranges
from geoloupe.networks.signature import Network, Reference, Signature
from geoloupe.networks.upsample import UpBlock, factors, infer_scale

WIDTHS = (196, 166, 148, 133, 120, 108, 97, 86, 76, 66, 57, 48)
WIDE, NARROW = 64, 32


@dataclass(frozen=True, kw_only=True)
class DCMSettings:
    """The published configuration."""

    scale: int = 4
    bands: int = 3

    def __post_init__(self) -> None:
        check_ranges(self)
        factors(self.scale)

    @classmethod
    def tiny(cls) -> Self:
        """Make the settings that tests use."""
        return cls(scale=2)


class Layer(nn.Sequential):
    """Convolution and a one-slope PReLU (N,inputs,H,W) -> (N,outputs,H,W)."""

    def __init__(self, kernel: int, inputs: int, outputs: int) -> None:
        super().__init__(conv(kernel, inputs, outputs), nn.PReLU())


class DCM(Network):
    """(N,bands,H,W) in [0, 1] -> (N,bands,H*scale,W*scale)."""

    Settings: ClassVar[type] = DCMSettings
    REFERENCE: ClassVar[Reference] = Reference(
        title="DCM",
        task="baseline: compendium of depths on LR",
        scales=(2, 3, 4, 8),
        paper="Haut et al., IEEE TGRS 2019",
    )
    PUBLISHED: ClassVar[Mapping[str, str | None]] = {
        **{f"fe_conv{k + 1}.{{i}}": f"extract.{k}.{{i}}" for k in range(len(WIDTHS))},
        "re_a.{i}": "wide.{i}",
        "re_b1.{i}": "narrow.0.{i}",
        "re_b2.{i}": "narrow.1.{i}",
        "re_u.{i}": "upsample.{i}",
        "re_r": "tail",
    }

    def __init__(self, settings: DCMSettings) -> None:
        super().__init__(settings)
        self.signature = Signature(
            scale=settings.scale,
            bands=settings.bands,
            tile=64,
            margin=len(WIDTHS) + 2 + len(factors(settings.scale)),
            reach="local",
        )
        steps = pairwise((settings.bands, *WIDTHS))
        self.extract = nn.ModuleList(Layer(3, before, after) for before, after in steps)
        joined = WIDTHS[0] + WIDTHS[-1]
        self.wide = Layer(3, joined, WIDE)
        self.narrow = nn.Sequential(Layer(3, joined, NARROW), Layer(3, NARROW, NARROW))
        self.upsample = UpBlock(WIDE + NARROW, settings.scale)
        self.tail = conv(1, WIDE + NARROW, settings.bands)

    def stages(self, lr: Tensor, guide: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the answer as the only stage."""
        maps = [lr]
        for layer in self.extract:
            maps.append(layer(maps[-1]))
        joined = torch.cat([maps[1], maps[-1]], dim=1)
        joined = torch.cat([self.wide(joined), self.narrow(joined)], dim=1)
        # The published skip is PyTorch's bicubic (a = -0.75), not MATLAB's.
        scale = float(self.settings.scale)
        skip = F.interpolate(lr, scale_factor=scale, mode="bicubic", align_corners=False)
        return (self.tail(self.upsample(joined)) + skip,)

    @classmethod
    def infer(cls, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Read the settings that the shapes tell."""
        return {
            "scale": infer_scale(shapes, "upsample"),
            "bands": shapes["extract.0.0.weight"][1],
        }
