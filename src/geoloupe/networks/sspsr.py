"""SSPSR: a hyperspectral cube alone, by groups of neighbouring bands and then all together.

Jiang, Sun, Liu & Ma, IEEE TCI 2020, arXiv 2005.08752.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from geoloupe.networks.convolution import conv
from geoloupe.networks.ranges import check_ranges
from geoloupe.networks.resize import bicubic_up
from geoloupe.networks.signature import Network, Reference, Signature
from geoloupe.networks.upsample import UpBlock, factors, infer_scale

RESIDUAL_SCALE = 0.1
ATTENTION_REDUCTION = 16
PIXELS_AT_ONCE = 32 * 32  # of all groups run as one batch; larger batches leave the CPU's caches


@dataclass(frozen=True, kw_only=True)
class SSPSRSettings:
    """The published configuration for Chikusei; group = bands, overlap = 0 switches groups off."""

    scale: int = 4
    bands: int = 128
    group: int = 8
    overlap: int = 2
    features: int = 256
    blocks: int = 3
    shared: bool = True  # False: a branch of its own for each group

    def __post_init__(self) -> None:
        check_ranges(self, zero=("overlap",))
        factors(self.scale)
        if self.scale < 2:
            raise ValueError("scale must be 2 or more")
        if not 1 <= self.group <= self.bands:
            raise ValueError(f"group must be 1 to {self.bands} (the bands), not {self.group}")
        if not 0 <= self.overlap < self.group:
            raise ValueError(f"overlap must be 0 to {self.group - 1}, not {self.overlap}")
        if self.features < ATTENTION_REDUCTION:
            raise ValueError(f"features must be {ATTENTION_REDUCTION} or more, not {self.features}")

    @classmethod
    def tiny(cls) -> Self:
        """Make the settings that tests use."""
        return cls(scale=4, bands=7, group=3, overlap=1, features=16, blocks=1)


class ChannelGate(nn.Module):
    """CA: weigh every channel by what the whole image shows of all of them (N,F,H,W)."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.squeeze = conv(1, features, features // ATTENTION_REDUCTION)
        self.expand = conv(1, features // ATTENTION_REDUCTION, features)

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean((2, 3), keepdim=True)
        return x * torch.sigmoid(self.expand(self.squeeze(mean).relu()))


class SpatialSpectralBlock(nn.Module):
    """A residual in space, then a residual in the spectrum with channel attention (N,F,H,W)."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.space1, self.space2 = conv(3, features, features), conv(3, features, features)
        self.spectrum1, self.spectrum2 = conv(1, features, features), conv(1, features, features)
        self.gate = ChannelGate(features)

    def forward(self, x: Tensor) -> Tensor:
        x = x + RESIDUAL_SCALE * self.space2(self.space1(x).relu())
        return x + RESIDUAL_SCALE * self.gate(self.spectrum2(self.spectrum1(x).relu()))


class Unit(nn.Module):
    """Blocks under a skip, then enlargement: (N,inputs,H,W) -> (N,F or outputs,H*scale,W*scale)."""

    def __init__(self, settings: SSPSRSettings, inputs: int, outputs: int | None, scale: int):
        super().__init__()
        features = settings.features
        self.head = conv(3, inputs, features)
        self.blocks = nn.ModuleList(SpatialSpectralBlock(features) for _ in range(settings.blocks))
        self.upsample = UpBlock(features, scale)
        self.tail = conv(3, features, outputs) if outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(x)
        deep = x
        for block in self.blocks:
            deep = block(deep)
        return self.tail(self.upsample(deep + x))


class SSPSR(Network):
    """(N,bands,H,W) reflectance in [0, 1] -> (N,bands,H*scale,W*scale)."""

    Settings: ClassVar[type] = SSPSRSettings
    REFERENCE: ClassVar[Reference] = Reference(
        title="SSPSR",
        task="single hyperspectral cube",
        scales=(2, 3, 4, 8),
        paper="Jiang et al., IEEE TCI 2020",
    )
    PUBLISHED: ClassVar[Mapping[str, str | None]] = {
        **{
            f"{unit}.{theirs}": f"{unit}.{ours}"
            for unit in ("branch", "trunk")
            for theirs, ours in (
                ("head", "head"),
                ("body.net.{r}.spa.body.0", "blocks.{r}.space1"),
                ("body.net.{r}.spa.body.2", "blocks.{r}.space2"),
                ("body.net.{r}.spc.body.0", "blocks.{r}.spectrum1"),
                ("body.net.{r}.spc.body.2", "blocks.{r}.spectrum2"),
                ("body.net.{r}.spc.body.3.conv_du.0", "blocks.{r}.gate.squeeze"),
                ("body.net.{r}.spc.body.3.conv_du.2", "blocks.{r}.gate.expand"),
                ("upsample.{k}", "upsample.{k}"),
            )
        },
        "branch.tail": "branch.tail",
        "skip_conv": "skip",
        "final": "final",
    }
    ASK: ClassVar[Mapping[str, str]] = {
        "overlap": "the shapes do not show how many bands neighbouring groups share",
    }

    members: Tensor

    def __init__(self, settings: SSPSRSettings) -> None:
        super().__init__(settings)
        self.signature = Signature(scale=settings.scale, bands=settings.bands, tile=32, margin=4)
        self.starts = group_starts(settings.bands, settings.group, settings.overlap)
        last = 2 if settings.scale % 2 == 0 else 3
        group, bands = settings.group, settings.bands
        if settings.shared:
            self.branch: nn.Module = Unit(settings, group, group, settings.scale // last)
        else:
            self.branch = nn.ModuleList(
                Unit(settings, group, group, settings.scale // last) for _ in self.starts
            )
        self.trunk = Unit(settings, bands, None, last)
        self.skip = conv(3, bands, settings.features)
        self.final = conv(3, settings.features, bands)
        # How many groups hold each band; derived, so that weights hold nothing but weights.
        members = torch.zeros(bands)
        for start in self.starts:
            members[start : start + group] += 1
        self.register_buffer("members", members.view(-1, 1, 1), persistent=False)

    def stages(self, lr: Tensor, guide: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the answer as the only stage."""
        return (self.refine(lr, bicubic_up(lr, self.settings.scale)),)

    def refine(self, lr: Tensor, upsampled: Tensor) -> Tensor:
        """Sharpen a cube given its bicubic enlargement."""
        features = self.trunk(self.by_groups(lr))
        return self.final(features + self.skip(upsampled))

    def by_groups(self, lr: Tensor) -> Tensor:
        """Enlarge each group of bands alone and average where groups overlap."""
        groups = self.run_branches(
            torch.stack([lr[:, s : s + self.settings.group] for s in self.starts])
        )
        whole = groups.new_zeros(lr.shape[0], self.settings.bands, *groups.shape[-2:])
        for start, group in zip(self.starts, groups, strict=True):
            whole[:, start : start + self.settings.group] += group
        return whole / self.members

    def run_branches(self, groups: Tensor) -> Tensor:
        """(G,N,group,H,W) -> the same enlarged, as many groups at once as the size allows."""
        if isinstance(self.branch, nn.ModuleList):
            return torch.stack([run(x) for run, x in zip(self.branch, groups, strict=True)])
        count, n = groups.shape[:2]
        at_once = max(n, len(self.starts) * PIXELS_AT_ONCE // groups[0, 0, 0].numel())
        done = torch.cat([self.branch(part) for part in groups.flatten(0, 1).split(at_once)])
        return done.unflatten(0, (count, n))

    @classmethod
    def infer(cls, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Read the settings that the shapes tell."""
        features, bands = shapes["trunk.head.weight"][:2]
        shared = "branch.head.weight" in shapes
        branch = "branch" if shared else "branch.0"
        blocks = {name.split(".")[2] for name in shapes if name.startswith("trunk.blocks.")}
        return {
            "scale": infer_scale(shapes, f"{branch}.upsample")
            * infer_scale(shapes, "trunk.upsample"),
            "bands": bands,
            "group": shapes[f"{branch}.head.weight"][1],
            "features": features,
            "blocks": len(blocks),
            "shared": shared,
        }


def group_starts(bands: int, group: int, overlap: int) -> list[int]:
    """First band of each group; the last group is moved back so that it ends at the last band."""
    step = group - overlap
    count = -(-(bands - overlap) // step)
    return [min(i * step, bands - group) for i in range(count)]
