"""TSFNet: two U-shaped stages that work on pixels and on frequencies, for large factors.

Wang et al., IEEE TGRS 2024, doi 10.1109/TGRS.2024.3357173.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import gcd
from typing import Any, ClassVar, Literal, Self

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from geoloupe.networks.convolution import conv, depthwise
from geoloupe.networks.padding import pad_to_multiple
from geoloupe.networks.ranges import check_ranges
from geoloupe.networks.signature import Network, Reference, Signature
from geoloupe.networks.spectrum import frequency_bands, from_spectrum, phase, to_spectrum

LEVELS = 3
HEADS = 8


@dataclass(frozen=True, kw_only=True)
class TSFNetSettings:
    """The published configuration; `stage_count` and `frequency` are the paper's ablations."""

    scale: int = 8
    bands: int = 3
    features: int = 64
    stage_count: Literal[1, 2] = 2
    frequency: bool = True  # False: both halves of the channels take the spatial path

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.features % HEADS:
            raise ValueError(f"features must be a multiple of {HEADS}, not {self.features}")

    @classmethod
    def tiny(cls) -> Self:
        """Make the settings that tests use."""
        return cls(scale=4, features=16)


class Rescale(nn.Module):
    """Multiply by one learned number, which starts at 1."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale


class SpatialBlock(nn.Module):
    """RSPB: two residual blocks and a convolution, plus the input rescaled (N,C,H,W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.inner = nn.ModuleList(conv(3, channels, channels, bias=False) for _ in range(4))
        self.tail = conv(3, channels, channels, bias=False)
        self.act = nn.PReLU()
        self.skip = Rescale()

    def forward(self, x: Tensor) -> Tensor:
        deep = x
        for first, second in zip(self.inner[::2], self.inner[1::2], strict=True):
            deep = (second(first(deep).relu()) + deep).relu()
        return self.act(self.tail(deep)) + self.skip(x)


class Gate(nn.Module):
    """Weigh every position by what the mean and the maximum over the channels show there."""

    def __init__(self) -> None:
        super().__init__()
        self.look = depthwise(3, 2)
        self.decide = conv(1, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        summary = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], dim=1)
        return x * torch.sigmoid(self.decide(self.look(summary).relu()))


class FrequencyFilter(nn.Module):
    """Filter the amplitude, let it guide the phase, and go back to pixels (N,C,H,W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.amplitude_look = depthwise(3, channels)
        self.amplitude_mix = conv(1, channels, channels)
        self.amplitude_gate = Gate()
        self.phase_look = depthwise(3, 2 * channels)
        self.phase_mix = conv(1, 2 * channels, channels)
        self.phase_gate = Gate()

    def forward(self, x: Tensor) -> Tensor:
        spectrum = to_spectrum(x)
        amplitude = spectrum.abs()
        a = self.amplitude_mix(self.amplitude_look(amplitude).relu()).relu()
        a = self.amplitude_gate(a)
        p = torch.cat([phase(spectrum), a - amplitude], dim=1)
        p = torch.sigmoid(self.phase_mix(self.phase_look(p).relu()))
        p = self.phase_gate(p) * (2 * torch.pi) - torch.pi
        return (from_spectrum(torch.polar(a, p)).abs() + x).relu()


class FrequencyBlock(nn.Module):
    """AGPF: the frequency filter and a convolution, plus the input rescaled (N,C,H,W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.filter = FrequencyFilter(channels)
        self.tail = conv(3, channels, channels)
        self.skip = Rescale()

    def forward(self, x: Tensor) -> Tensor:
        return self.tail(self.filter(x)) + self.skip(x)


class ChannelAttention(nn.Module):
    """MDTA: channels attend to channels, in heads, over the whole image (N,F,H,W)."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.temperature = nn.Parameter(torch.ones(HEADS, 1, 1))
        self.norm = nn.LayerNorm(features, eps=1e-6)
        self.qkv = conv(1, features, 3 * features, bias=False)
        self.local = depthwise(3, 3 * features, bias=False)
        self.out = conv(1, features, features, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        n = self.norm(x.movedim(1, -1)).movedim(-1, 1)
        q, k, v = rearrange(
            self.local(self.qkv(n)), "n (part m c) h w -> part n m c (h w)", part=3, m=HEADS
        )
        score = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-2, -1) * self.temperature
        found = score.softmax(-1) @ v
        return self.out(found.reshape(x.shape))


class Fuse(nn.Module):
    """A convolution and channel attention, then a skip from the encoder where there is one."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv = conv(3, features, features)
        self.attention = ChannelAttention(features)

    def forward(self, d: Tensor, skip: Tensor | None = None) -> Tensor:
        d = self.conv(d)
        d = d + self.attention(d)
        return d if skip is None else skip + d


class CrossFuse(nn.Module):
    """Stage two's encoder map meets stage one's decoder map of its size, each gated in space."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv = conv(3, features, features)
        self.attention = ChannelAttention(features)
        self.of_this = depthwise(3, features)
        self.of_first = depthwise(3, features)
        self.gates = conv(7, 2, 2)
        self.out = conv(3, features, features)

    def forward(self, d: Tensor, first: Tensor) -> Tensor:
        d = self.conv(d)
        d = d + self.attention(d)
        f, s = self.of_this(d), self.of_first(first)
        both = torch.cat([f, s], dim=1)
        summary = torch.cat([both.mean(1, keepdim=True), both.amax(1, keepdim=True)], dim=1)
        g0, g1 = torch.sigmoid(self.gates(summary)).chunk(2, dim=1)
        return self.out(f * g0 + s * g1)


class TwoPaths(nn.Module):
    """Half of the channels through the spatial path, half through the frequency path."""

    def __init__(self, features: int, *, frequency: bool) -> None:
        super().__init__()
        half = features // 2
        other = FrequencyBlock if frequency else SpatialBlock
        self.spatial = nn.Sequential(SpatialBlock(half), SpatialBlock(half))
        self.frequency = nn.Sequential(other(half), other(half))

    def forward(self, x: Tensor) -> Tensor:
        pixels, waves = x.chunk(2, dim=1)
        return torch.cat([self.spatial(pixels), self.frequency(waves)], dim=1)


class Stage(nn.Module):
    """A U-shaped network of three levels; stage two also fuses stage one's decoder maps in."""

    def __init__(self, settings: TSFNetSettings, *, second: bool) -> None:
        super().__init__()
        features = settings.features
        self.head = nn.Sequential(conv(3, settings.bands, features, bias=False), nn.PReLU())
        self.down = nn.ModuleList(
            nn.Sequential(
                conv(3, features, features, bias=False),
                nn.PixelUnshuffle(2),
                conv(1, 4 * features, features, bias=False),
            )
            for _ in range(LEVELS)
        )
        self.up = nn.ModuleList(
            nn.Sequential(conv(1, features, 4 * features), nn.PixelShuffle(2), nn.PReLU())
            for _ in range(LEVELS)
        )

        def paths(count: int) -> nn.ModuleList:
            return nn.ModuleList(
                TwoPaths(features, frequency=settings.frequency) for _ in range(count)
            )

        self.down_paths, self.neck_paths, self.up_paths = paths(LEVELS), paths(1), paths(LEVELS)
        encoder_fuse = CrossFuse if second else Fuse
        self.encoder_fuse = nn.ModuleList(encoder_fuse(features) for _ in range(LEVELS + 1))
        self.decoder_fuse = nn.ModuleList(Fuse(features) for _ in range(LEVELS + 1))
        self.tail = nn.Sequential(conv(3, features, settings.bands, bias=False), nn.PReLU())

    def forward(self, x: Tensor, first: list[Tensor] | None = None) -> tuple[Tensor, list[Tensor]]:
        """Return the image (N,bands,H,W) and the decoder maps from H/8 to H.

        `first` holds stage one's decoder maps in the same order.
        """
        enter = [(m,) for m in reversed(first)] if first else [()] * (LEVELS + 1)
        skips = [self.encoder_fuse[0](self.head(x), *enter[0])]
        for k in range(LEVELS):
            deep = self.down_paths[k](self.down[k](skips[-1]))
            skips.append(self.encoder_fuse[k + 1](deep, *enter[k + 1]))
        maps = [self.decoder_fuse[0](self.neck_paths[0](skips[-1]), skips[-1])]
        for k in range(LEVELS):
            deep = self.up_paths[k](self.up[k](maps[-1]))
            maps.append(self.decoder_fuse[k + 1](deep, skips[LEVELS - 1 - k]))
        return x + self.tail(maps[-1]), maps


class TSFNet(Network):
    """(N,bands,H,W) in [0, 1] -> two images (N,bands,H*scale,W*scale), the second the answer."""

    Settings: ClassVar[type] = TSFNetSettings
    REFERENCE: ClassVar[Reference] = Reference(
        title="TSFNet",
        task="large factors, pixels + frequencies",
        scales=(4, 8, 16),
        paper="Wang et al., IEEE TGRS 2024",
    )
    ASK: ClassVar[Mapping[str, str]] = {"scale": "its weights are the same at every factor"}

    def __init__(self, settings: TSFNetSettings) -> None:
        super().__init__(settings)
        step = 2 ** (LEVELS + 1)  # every level, and the spectra on it, must have even sides
        self.multiple = step // gcd(step, settings.scale)
        self.signature = Signature(
            scale=settings.scale,
            bands=settings.bands,
            tile=max(256 // settings.scale // self.multiple, 1) * self.multiple,
            margin=max(32 // settings.scale, 2),
        )
        self.first = Stage(settings, second=False)
        self.second = Stage(settings, second=True) if settings.stage_count == 2 else None

    def stages(self, lr: Tensor, guide: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return stage one's image and the answer (only the answer if there is one stage)."""
        height, width = (side * self.settings.scale for side in lr.shape[-2:])
        padded = pad_to_multiple(lr, self.multiple)
        x = F.interpolate(padded, scale_factor=float(self.settings.scale), mode="nearest")
        image, maps = self.first(x)
        images = [image]
        if self.second is not None:
            images.append(self.second(image, self.with_bands(maps))[0])
        return tuple(image[..., :height, :width] for image in images)

    def with_bands(self, maps: list[Tensor]) -> list[Tensor]:
        """Add the frequency bands of the largest map to the second half of every map."""
        if not self.settings.frequency:
            return maps
        half = self.settings.features // 2
        sizes = [(m.shape[-2], m.shape[-1]) for m in maps]
        bands = frequency_bands(maps[-1][:, half:], sizes)
        return [
            torch.cat([m[:, :half], m[:, half:] + band], dim=1)
            for m, band in zip(maps, bands, strict=True)
        ]

    @classmethod
    def infer(cls, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Read the settings that the shapes tell."""
        features, bands = shapes["first.head.0.weight"][:2]
        return {
            "bands": bands,
            "features": features,
            "stage_count": 2 if "second.head.0.weight" in shapes else 1,
            "frequency": "first.down_paths.0.frequency.0.filter.phase_mix.weight" in shapes,
        }


SPATIAL_NAMES = {
    "body.0.layers.0.layers": "inner.0",
    "body.0.layers.1.layers": "inner.1",
    "body.1.layers.0.layers": "inner.2",
    "body.1.layers.1.layers": "inner.3",
    "body.2.layers": "tail",
    "body.2.act": "act",
    "re_scale": "skip",
}
FREQUENCY_NAMES = {
    "body.0.dw_amp_conv.0": "filter.amplitude_look",
    "body.0.dw_amp_conv.2": "filter.amplitude_mix",
    "body.0.df1.0": "filter.amplitude_gate.look",
    "body.0.df1.2": "filter.amplitude_gate.decide",
    "body.0.dw_pha_conv.0": "filter.phase_look",
    "body.0.dw_pha_conv.2": "filter.phase_mix",
    "body.0.df2.0": "filter.phase_gate.look",
    "body.0.df2.2": "filter.phase_gate.decide",
    "body.1": "tail",
    "re_scale": "skip",
}
FUSE_NAMES = {
    "spa": "conv",
    "spa_att": "attention",
    "spa_att.norm": "attention.norm",
    "spa_att.qkv": "attention.qkv",
    "spa_att.qkv_dwconv": "attention.local",
    "spa_att.project_out": "attention.out",
    "cross_lsk.fre": "of_this",
    "cross_lsk.spa": "of_first",
    "cross_lsk.conv_squeeze": "gates",
    "cross_lsk.conv.0": "out",
}


def _published_names() -> Iterator[tuple[str, str]]:
    """Yield the published name of every module and ours; stage two's end in a 2."""
    for mark, stage in (("", "first"), ("2", "second")):
        for end in ("head", "tail"):
            yield f"{end}{mark}.0.layers", f"{stage}.{end}.0"
            yield f"{end}{mark}.0.act", f"{stage}.{end}.1"
        for k in range(LEVELS):
            yield f"down{k + 1}{mark}.layers.0.layers", f"{stage}.down.{k}.0"
            yield f"down{k + 1}{mark}.layers.2.layers", f"{stage}.down.{k}.2"
            yield f"up{k + 1}{mark}.0", f"{stage}.up.{k}.0"
            yield f"up{k + 1}{mark}.2", f"{stage}.up.{k}.2"
        places = [(f"{way}{k + 1}", f"{way}_paths.{k}") for way in ("down", "up") for k in range(3)]
        for theirs, ours in [*places, ("neck", "neck_paths.0")]:
            for block, leaf in SPATIAL_NAMES.items():
                yield f"{theirs}_spa{mark}.0.{block}", f"{stage}.{ours}.spatial.0.{leaf}"
                yield f"{theirs}_spamo{mark}.0.{block}", f"{stage}.{ours}.spatial.1.{leaf}"
            for block, leaf in FREQUENCY_NAMES.items():
                yield f"{theirs}_fre{mark}.{block}", f"{stage}.{ours}.frequency.0.{leaf}"
                yield f"{theirs}_fre_mo{mark}.0.{block}", f"{stage}.{ours}.frequency.1.{leaf}"
        for k in range(2 * (LEVELS + 1)):
            side = f"encoder_fuse.{k}" if k <= LEVELS else f"decoder_fuse.{k - LEVELS - 1}"
            for block, leaf in FUSE_NAMES.items():
                if block.startswith("cross") and not (mark and k <= LEVELS):
                    continue
                yield f"conv_fuse{mark}.{k}.{block}", f"{stage}.{side}.{leaf}"


TSFNet.PUBLISHED = dict(_published_names())
