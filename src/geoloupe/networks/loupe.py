"""Loupe: our own small default, made for the processor and for any bands. No paper; this is it.

It sees differences only. The first filters sum to zero and nothing has a bias, so a gain or an
offset of a scene is one of its answer: reflectance, radiance and raw counts are alike to it, and it
needs to know neither the sensor nor the stretch. What it adds to bicubic interpolation is learned.
Bands go through it in threes, neighbours together; where threes overlap their mean counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from geoloupe.networks.ranges import check_ranges
from geoloupe.networks.resize import bicubic_up
from geoloupe.networks.signature import Reference, Signature

_TOGETHER = 3  # bands that are looked at together


@dataclass(frozen=True, kw_only=True)
class LoupeSettings:
    """The size that ships: fewer than 300,000 parameters."""

    scale: int = 4
    features: int = 48
    blocks: int = 6

    def __post_init__(self) -> None:
        check_ranges(self)

    @classmethod
    def tiny(cls) -> Self:
        """Make the settings that tests use."""
        return cls(scale=2, features=8, blocks=1)


def _plain(before: int, after: int) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, padding=1, bias=False)


class Differences(nn.Conv2d):
    """A convolution (N,3,H,W) -> (N,F,H,W) whose filters sum to zero in every band."""

    def __init__(self, features: int) -> None:
        super().__init__(_TOGETHER, features, 3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight - self.weight.mean((2, 3), keepdim=True)
        return F.conv2d(F.pad(x, (1, 1, 1, 1), "replicate"), weight)


class LoupeBlock(nn.Module):
    """Two convolutions under a skip (N,F,H,W)."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv1 = _plain(features, features)
        self.conv2 = _plain(features, features)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(self.conv1(x).relu())


class Loupe(nn.Module):
    """(N,C,H,W) -> (N,C,H*scale,W*scale) for any band count and any value range."""

    Settings: ClassVar[type] = LoupeSettings
    REFERENCE: ClassVar[Reference] = Reference(
        title="Loupe",
        task="any bands, any range, quick on a processor",
        scales=(2, 3, 4, 8),
        paper="geoloupe's own",
    )
    PUBLISHED: ClassVar[Mapping[str, str | None]] = {}
    ASK: ClassVar[Mapping[str, str]] = {}

    def __init__(self, settings: LoupeSettings) -> None:
        super().__init__()
        self.settings = settings
        self.signature = Signature(
            scale=settings.scale,
            bands=None,
            tile=256,
            margin=2 * settings.blocks + 3,
            reach="local",
        )
        features = settings.features
        self.head = Differences(features)
        self.body = nn.ModuleList(LoupeBlock(features) for _ in range(settings.blocks))
        self.after_body = _plain(features, features)
        self.tail = _plain(features, _TOGETHER * settings.scale**2)
        self.shuffle = nn.PixelShuffle(settings.scale)

    def stages(self, lr: Tensor, guide: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the answer as the only stage."""
        answer = bicubic_up(lr, self.settings.scale)
        groups = _groups(lr.shape[1])
        if groups == [[0, 1, 2]]:
            return (answer + self.detail(lr),)
        detail, count = torch.zeros_like(answer), [0] * lr.shape[1]
        for group in groups:
            seen = self.detail(lr[:, group])
            for place, band in enumerate(group):
                detail[:, band] += seen[:, place]
                count[band] += 1
        return (answer + detail / detail.new_tensor(count)[:, None, None],)

    def detail(self, lr: Tensor) -> Tensor:
        """Give what three bands (N,3,H,W) lack after interpolation, (N,3,H*scale,W*scale)."""
        shallow = self.head(lr)
        deep = shallow
        for block in self.body:
            deep = block(deep)
        found: Tensor = self.shuffle(self.tail(self.after_body(deep) + shallow))
        return found

    def forward(self, lr: Tensor, guide: Tensor | None = None) -> Tensor:
        """Return the last stage."""
        return self.stages(lr, guide)[-1]

    @classmethod
    def infer(cls, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Read all settings, which the shapes tell."""
        made = shapes["tail.weight"][0]
        return {
            "scale": round((made / _TOGETHER) ** 0.5),
            "features": shapes["head.weight"][0],
            "blocks": len({name.split(".")[1] for name in shapes if name.startswith("body.")}),
        }


def _groups(bands: int) -> list[list[int]]:
    """List which bands go together: threes of neighbours, the last pushed back to be whole."""
    if bands < _TOGETHER:
        return [[min(place, bands - 1) for place in range(_TOGETHER)]]
    starts = [min(start, bands - _TOGETHER) for start in range(0, bands, _TOGETHER)]
    return [list(range(start, start + _TOGETHER)) for start in starts]
