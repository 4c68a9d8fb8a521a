"""ESSAformer: a cube refined up and down, by attention to spectra that correlate.

Zhang et al., ICCV 2023, arXiv 2307.14010.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from geoloupe.networks.convolution import conv
from geoloupe.networks.ranges import check_ranges
from geoloupe.networks.signature import Network, Reference, Signature
from geoloupe.networks.upsample import UpBlock, factors, infer_scale

REFINEMENTS = 2  # times that the enlarged map goes down and up again, through the same weights
EPSILON = 1e-7


@dataclass(frozen=True, kw_only=True)
class ESSAformerSettings:
    """The published configuration for Chikusei."""

    scale: int = 4
    bands: int = 128
    features: int = 256
    dropout: float = 0.2  # share of whole channels, while training

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.scale < 2:
            raise ValueError(f"scale must be 2 or more, not {self.scale}")
        for step in factors(self.scale):
            if self.features % step**2:
                raise ValueError(
                    f"features must be a multiple of {step**2} for scale {self.scale}, "
                    f"not {self.features}"
                )
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be from 0 to below 1, not {self.dropout}")

    @classmethod
    def tiny(cls) -> Self:
        """Make the settings that tests use."""
        return cls(scale=2, bands=5, features=8)


class SpectralAttention(nn.Module):
    """ESSA: pixels (N,H,W,F) attend to pixels whose spectra correlate, in linear time."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(features, 3 * features)
        self.out = nn.Linear(features, features)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (part.flatten(1, 2) for part in self.qkv(x).chunk(3, dim=-1))
        # Published network: one is normed over its channels, the other over all pixels.
        q, k = F.normalize(shares(q), dim=-1), F.normalize(shares(k), dim=-2)
        found = v + q @ (k.mT @ v) / v.shape[1] ** 0.5
        return self.out(found.view(x.shape))


class Refinement(nn.Module):
    """Attention, then convolutions over its result and the input side by side (N,F,H,W)."""

    def __init__(self, settings: ESSAformerSettings) -> None:
        super().__init__()
        features, wide = settings.features, 2 * settings.features
        self.norm = nn.LayerNorm(features)
        self.attention = SpectralAttention(features)
        self.drop = nn.Dropout2d(settings.dropout)
        self.convs = nn.ModuleList(
            [conv(1, wide, wide), conv(3, wide, wide), conv(1, wide, features)]
        )

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.attention(self.norm(x.movedim(1, -1)))
        y = torch.cat([self.drop(tokens.movedim(-1, 1)), x], dim=1)
        for layer in self.convs[:-1]:
            y = self.drop(F.leaky_relu(layer(y), 0.2))
        return x + self.convs[-1](y)


class DownBlock(nn.Sequential):
    """(N,F,H*scale,W*scale) -> (N,F,H,W); convolutions at even places, their inverse shuffles."""

    def __init__(self, features: int, scale: int) -> None:
        layers: list[nn.Module] = []
        for step in factors(scale):
            layers += [conv(3, features, features // step**2), nn.PixelUnshuffle(step)]
        super().__init__(*layers)


class ESSAformer(Network):
    """(N,bands,H,W) reflectance in [0, 1] -> (N,bands,H*scale,W*scale)."""

    Settings: ClassVar[type] = ESSAformerSettings
    REFERENCE: ClassVar[Reference] = Reference(
        title="ESSAformer",
        task="single hyperspectral cube, attention to like spectra",
        scales=(2, 4, 8),
        paper="Zhang et al., ICCV 2023",
    )
    PUBLISHED: ClassVar[Mapping[str, str | None]] = {
        "conv_first": "head",
        **{
            f"blockup.{theirs}.{part}": f"{ours}.{name}"
            for theirs, ours, convs in (
                ("convup", "fine", "convu"),
                ("convdown", "coarse", "convd"),
            )
            for part, name in (
                ("norm", "norm"),
                ("attn.lnqkv", "attention.qkv"),
                ("attn.ln", "attention.out"),
                *((f"{convs}.{3 * k}", f"convs.{k}") for k in range(3)),
            )
        },
        "blockup.convupsample.{k}": "upsample.{k}",
        "blockup.convdownsample.{k}": "downsample.{k}",
        "conv_last": "tail",
    }

    def __init__(self, settings: ESSAformerSettings) -> None:
        super().__init__(settings)
        self.signature = Signature(scale=settings.scale, bands=settings.bands, tile=32, margin=4)
        features, bands = settings.features, settings.bands
        self.head = conv(3, bands, features)
        self.fine, self.coarse = Refinement(settings), Refinement(settings)
        self.upsample = UpBlock(features, settings.scale)
        self.downsample = DownBlock(features, settings.scale)
        self.tail = conv(3, features, bands)

    def stages(self, lr: Tensor, guide: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the answer as the only stage."""
        small = self.head(lr)
        large = self.fine(self.upsample(small))
        for _ in range(REFINEMENTS):
            small = self.coarse(self.downsample(large) + small)
            large = self.fine(self.upsample(small) + large)
        return (self.tail(large),)

    @classmethod
    def infer(cls, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Read the settings that the shapes tell."""
        features, bands = shapes["head.weight"][:2]
        return {
            "scale": infer_scale(shapes, "upsample"),
            "bands": bands,
            "features": features,
        }


def shares(x: Tensor) -> Tensor:
    """Square each spectrum (N,P,F) about its mean, as shares of its sum of squares."""
    squares = (x - x.mean(-1, keepdim=True)).square()
    return squares / (squares.sum(-1, keepdim=True) + EPSILON)
