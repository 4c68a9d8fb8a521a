"""MulSR: a hyperspectral cube sharpened by an image at the target size, two factors at once.

Li, Yuan & Wang, IEEE TGRS 2023, IEEE document 10242161.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from geoloupe.networks.ranges import check_ranges
from geoloupe.networks.signature import Network, Reference, Signature

ENCODERS = 4
DEPTH = 3  # a band is seen with its two neighbours; the fusion has as many slices
GPU_BANDS = 16  # bands run as one batch; on a CPU one at a time stays in its caches


@dataclass(frozen=True, kw_only=True)
class MulSRSettings:
    """The published configuration; the two switches are the paper's ablations."""

    scale: int = 8
    guide_bands: int = 3
    features: int = 64
    joint: bool = True  # False: the large factor alone, without its half
    context: bool = True  # False: no directional context in the exchange

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.scale < 2 or self.scale % 2:
            raise ValueError(f"scale must be even, since its half is learned too; not {self.scale}")
        if self.features % 3 != 1:
            raise ValueError(f"features + 8 must be a multiple of 3; {self.features} is not so")

    @classmethod
    def tiny(cls) -> Self:
        """Make the settings that tests use."""
        return cls(scale=4, features=4)


def normed(kernel: int, inputs: int, outputs: int, *, stride: int = 1) -> nn.Module:
    """Make a weight-normalised convolution (N,inputs,H,W) -> (N,outputs,H/stride,W/stride)."""
    layer = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2)
    return weight_norm(layer)


class Unit(nn.Module):
    """Two convolutions and a skip (N,F,H,W)."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.first = normed(3, features, features)
        self.second = normed(3, features, features)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(self.first(x).relu())


class CrossFusion(nn.Module):
    """What cube and guide share and where they differ, mixed in space and across three slices."""

    def __init__(self, features: int) -> None:
        super().__init__()
        slices = 2 * (features + 8)
        self.difference = normed(3, features, features + 8)
        self.together = normed(3, 2 * features, features + 8)
        self.gamma = nn.Parameter(torch.ones(DEPTH))
        size = slices // DEPTH
        self.in_slice = weight_norm(nn.Conv3d(size, size, (1, 3, 3), padding=(0, 1, 1)))
        self.across = weight_norm(nn.Conv3d(size, size, (3, 1, 1), padding=(1, 0, 0)))
        self.out = normed(3, slices, features)

    def forward(self, h: Tensor, r: Tensor) -> Tensor:
        """(N,F,H,W) twice -> (N,F,H,W)."""
        both = torch.cat([self.together(torch.cat([h, r], dim=1)), self.difference(h - r)], dim=1)
        slices = both.chunk(DEPTH, dim=1)
        v = torch.stack([g * part for g, part in zip(self.gamma, slices, strict=True)], dim=2)
        v = v + self.across(self.in_slice(v))
        return self.out(torch.cat(v.unbind(2), dim=1))


class GuidedEncoder(nn.Module):
    """RDE: cube and guide exchange what they have, symmetrically (N,F,H,W) each."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.cube_before, self.guide_before = Unit(features), Unit(features)
        self.fusion = CrossFusion(features)
        self.cube_after, self.guide_after = Unit(features), Unit(features)

    def forward(self, cube: Tensor, guide: Tensor) -> tuple[Tensor, Tensor]:
        r, h = self.guide_before(guide), self.cube_before(cube)
        m = self.fusion(h, r)
        return self.cube_after(h + m) + cube, self.guide_after(r + m) + guide


class DirectionalContext(nn.Module):
    """DSCA: every pixel hears from all rows above and below, then from all columns (N,F,H,W)."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.vertical = nn.Conv2d(features, features, (1, 7), padding=(0, 3))
        self.vertical_act = nn.PReLU()
        self.horizontal = nn.Conv2d(features, features, (7, 1), padding=(3, 0))
        self.horizontal_act = nn.PReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.sweep(x, 2, self.vertical, self.vertical_act)
        return self.sweep(x, 3, self.horizontal, self.horizontal_act)

    @staticmethod
    def sweep(x: Tensor, axis: int, layer: nn.Module, act: nn.Module) -> Tensor:
        """Carry context along an axis, forth and then back over the result."""
        lines = list(x.split(1, dim=axis))
        for i in range(1, len(lines)):
            lines[i] = act(layer(lines[i - 1])) + lines[i]
        for i in reversed(range(len(lines) - 1)):
            lines[i] = act(layer(lines[i + 1])) + lines[i]
        return torch.cat(lines, dim=axis)


class Branch(nn.Module):
    """One factor: heads, four guided encoders, and their merging (N,F,H,W)."""

    def __init__(self, settings: MulSRSettings) -> None:
        super().__init__()
        features = settings.features
        self.cube_head = normed(3, DEPTH, features)
        self.guide_head = normed(3, settings.guide_bands, features)
        self.encoders = nn.ModuleList(GuidedEncoder(features) for _ in range(ENCODERS))
        self.merge = normed(1, 2 * features, features)
        self.unit = Unit(features)

    def forward(self, bands: Tensor, guide: Tensor) -> Tensor:
        """Bands (N,3,h,w) at any smaller size and the guide (N,G,H,W) -> (N,F,H,W)."""
        near = F.interpolate(bands, size=guide.shape[-2:], mode="nearest")
        x, y = self.cube_head(near), self.guide_head(guide)
        for encoder in self.encoders:
            x, y = encoder(x, y)
        return self.merge(torch.cat([x, y], dim=1))


class MulSR(Network):
    """A cube (N,B,h,w) and a guide (N,G,h*scale,w*scale) in [0, 1] -> (N,B,h*scale,w*scale)."""

    Settings: ClassVar[type] = MulSRSettings
    REFERENCE: ClassVar[Reference] = Reference(
        title="MulSR",
        task="hyperspectral cube guided by RGB",
        scales=(2, 4, 8, 16),
        paper="Li, Yuan & Wang, IEEE TGRS 2023",
    )
    PUBLISHED: ClassVar[Mapping[str, str | None]] = {
        **{
            f"{theirs}{mark}": f"{branch}.{ours}"
            for mark, branch in (("", "small"), ("_x2", "large"))
            for theirs, ours in (
                ("hsi_head", "cube_head"),
                ("rgb_head", "guide_head"),
                ("reduce", "merge"),
            )
        },
        **{
            f"{theirs}{mark}.{block}": f"{branch}.{ours}.{leaf}"
            for mark, branch in (("", "small"), ("_x2", "large"))
            for theirs, ours, names in (
                ("uint", "unit", {"m.0": "first", "m.2": "second"}),
                (
                    "inter_body",
                    "encoders",
                    {
                        "{k}.crossFusion.gamma": "{k}.fusion.gamma",
                        "{k}.crossFusion.conv_diff": "{k}.fusion.difference",
                        "{k}.crossFusion.reduce_D": "{k}.fusion.together",
                        "{k}.crossFusion.conv3D.0": "{k}.fusion.in_slice",
                        "{k}.crossFusion.conv3D.1": "{k}.fusion.across",
                        "{k}.crossFusion.conv": "{k}.fusion.out",
                    }
                    | {
                        f"{{k}}.{who}_{when}.m.{i}": f"{{k}}.{side}_{place}.{order}"
                        for who, side in (("hsi", "cube"), ("rgb", "guide"))
                        for when, place in (("first", "before"), ("end", "after"))
                        for i, order in ((0, "first"), (2, "second"))
                    },
                ),
            )
            for block, leaf in names.items()
        },
        "cross_reduce": "exchange",
        "down": "exchange_down",
        "up.0": "exchange_up",
        "DULR.0.conv.0": "context.vertical",
        "DULR.0.conv.1": "context.vertical_act",
        "DULR.1.conv.0": "context.horizontal",
        "DULR.1.conv.1": "context.horizontal_act",
        "optimize_down": "correct_down",
        "optimize_up.0": "correct_up",
        "end_x2.{k}": "tail.{k}",
    }
    ASK: ClassVar[Mapping[str, str]] = {"scale": "its weights are the same at every factor"}
    ANY_SCALE: ClassVar[bool] = True

    def __init__(self, settings: MulSRSettings) -> None:
        super().__init__(settings)
        self.signature = Signature(
            scale=settings.scale,
            bands=None,
            guide_bands=settings.guide_bands,
            tile=max(128 // settings.scale, 8),
            margin=max(16 // settings.scale, 2),
        )
        features = settings.features
        self.large = Branch(settings)
        if settings.joint:
            self.small = Branch(settings)
            self.exchange_down = nn.Conv2d(features, features, 3, stride=2, padding=1)
            self.exchange = normed(1, 2 * features, features)
            self.exchange_up = normed(1, features, 4 * features)
            self.correct_down = normed(3, features, features, stride=2)
            self.correct_up = normed(1, features, 4 * features)
        self.context = DirectionalContext(features) if settings.context else nn.Identity()
        self.tail = nn.Sequential(normed(3, features, features), normed(3, features, 1))

    def stages(self, lr: Tensor, guide: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the answer as the only stage."""
        if guide is None:
            raise ValueError("MulSR needs a guide image at the target size")
        at_once = 1 if lr.device.type == "cpu" else GPU_BANDS
        bands = range(lr.shape[1])
        found = [
            self.bands(lr, guide, bands[start : start + at_once])
            for start in range(0, len(bands), at_once)
        ]
        return (torch.cat(found, dim=1),)

    def bands(self, lr: Tensor, guide: Tensor, chosen: range | list[int]) -> Tensor:
        """Sharpen the chosen bands of a cube (N,B,h,w) as one batch: (N,chosen,H,W)."""
        index = torch.tensor([neighbours(i, lr.shape[1]) for i in chosen], device=lr.device)
        return self.triplets(lr[:, index.flatten()], guide)

    def triplets(self, lr: Tensor, guide: Tensor) -> Tensor:
        """Sharpen the last band of every three (N,3k,h,w), which it is seen with: (N,k,H,W)."""
        count = lr.shape[1] // DEPTH
        guides = guide.repeat_interleave(count, dim=0)
        one = self.one_band(lr.reshape(-1, DEPTH, *lr.shape[-2:]), guides)[1]
        return one.view(lr.shape[0], count, *guide.shape[-2:])

    @staticmethod
    def around(band: int, count: int) -> tuple[int, ...]:
        """Return the bands of a cube of `count` that a band is seen with, itself last."""
        return neighbours(band, count)

    def one_band(self, bands: Tensor, guide: Tensor) -> tuple[Tensor | None, Tensor]:
        """Sharpen the last of three neighbouring bands (N,3,h,w).

        Returns the correction features of the half size (N,F,H/2,W/2) and the band (N,1,H,W).
        """
        x2 = self.large(bands, guide)
        if not self.settings.joint:
            return None, self.tail(self.large.unit(self.context(x2)))
        x = self.small(bands, guide[..., ::2, ::2])
        f = self.exchange(torch.cat([self.exchange_down(x2), x], dim=1))
        f = self.context(f)
        x, x2 = x + f, x2 + F.pixel_shuffle(self.exchange_up(f), 2)
        x, x2 = self.small.unit(x), self.large.unit(x2)
        x = self.correct_down(x2) - x
        x2 = F.pixel_shuffle(self.correct_up(x), 2) + x2
        return x, self.tail(x2)

    @classmethod
    def infer(cls, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Read the settings that the shapes tell."""
        head = "large.guide_head.parametrizations.weight.original1"
        features, guide_bands = shapes.get(head, shapes.get("large.guide_head.weight", (0, 0)))[:2]
        return {
            "features": features,
            "guide_bands": guide_bands,
            "joint": "exchange_down.weight" in shapes,
            "context": "context.vertical.weight" in shapes,
        }


def neighbours(band: int, count: int) -> tuple[int, int, int]:
    """Choose the three bands that a band is seen with, itself last, in the published order."""
    last = count - 1
    if band == 0:
        return min(1, last), min(2, last), 0
    if band == last:
        return last - 1, max(last - 2, 0), last
    return band - 1, band + 1, band
