"""Loupe: our own small default, made for the processor and for any bands. No paper; this is it.

It sees differences only. The first filters sum to zero and nothing has a bias, so a gain or an
offset of a scene is one of its answer: reflectance, radiance and raw counts are alike to it, and it
needs to know neither the sensor's units nor the stretch. What it adds to bicubic interpolation is
learned. Bands go through it in threes, neighbours together; where threes overlap their mean counts.

How much to sharpen is an input, not a guess: the MTF, the share of contrast that the sensor
passes at Nyquist of the LR pixels. Every convolution's channels have a factor that depends on it,
read from a learned table. Once a sensor is known the factors are part of the weights and cost
nothing: `for_sensor` makes that network.

While it learns, its convolutions may be grown: each is the sum of itself and of a product of wider
ones, which has no bias and nothing in between and so is one convolution again. It learns better so,
at the cost of a product of small matrices a step; `for_sensor` leaves plain convolutions.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Any, ClassVar, Self, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from geoloupe.networks.ranges import check_ranges
from geoloupe.networks.resize import bicubic_up
from geoloupe.networks.signature import UNKNOWN_MTF, Network, Reference, Signature

_TOGETHER = 3  # bands that are looked at together
_MTF = (0.1, 0.7)  # of the first and the last knot of the table; beyond them the end's row counts


@dataclass(frozen=True, kw_only=True)
class LoupeSettings:
    """The size that ships: fewer than 300,000 parameters."""

    scale: int = 4
    features: int = 48
    blocks: int = 6
    knots: int = 0  # rows of the table of factors; 0: a network without an MTF input
    growth: int = 0  # how many times wider convolutions are inside while they learn; 0: plain

    def __post_init__(self) -> None:
        check_ranges(self, zero=("knots", "growth"))
        if self.knots == 1:
            raise ValueError("knots must be 0, or 2 or more")

    @classmethod
    def tiny(cls) -> Self:
        """Make the settings that tests use."""
        return cls(scale=2, features=8, blocks=1)


def _plain(before: int, after: int) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, padding=1, bias=False)


class GrownConv(nn.Conv2d):
    """A 3 x 3 convolution (N,F,H,W) whose weight is W0 + W3 W2 W1, W3 being zero at first."""

    def __init__(self, features: int, growth: int) -> None:
        super().__init__(features, features, 3, padding=1, bias=False)
        wide = growth * features
        self.first = nn.Parameter(torch.empty(wide, features).uniform_(-1, 1) / features**0.5)
        self.middle = nn.Parameter(torch.empty(9, wide, wide).uniform_(-1, 1) / (9 * wide) ** 0.5)
        self.last = nn.Parameter(torch.zeros(features, wide))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.whole(), padding=1)

    def whole(self) -> Tensor:
        """Return the weight that it has as one convolution (F,F,3,3)."""
        taps = (self.last @ self.middle) @ self.first
        weight = self.weight + taps.permute(1, 2, 0).unflatten(2, (3, 3))
        return weight.contiguous(memory_format=torch.channels_last)


class Differences(nn.Conv2d):
    """A convolution (N,3,H,W) -> (N,F,H,W) whose filters sum to zero in every band."""

    def __init__(self, features: int) -> None:
        super().__init__(_TOGETHER, features, 3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight - self.weight.mean((2, 3), keepdim=True)
        # In mixed precision too: differences of pixels that are rounded to 8 bits are mostly noise.
        with torch.autocast("cpu" if x.is_meta else x.device.type, enabled=False):
            return F.conv2d(F.pad(x, (1, 1, 1, 1), "replicate"), weight)


def _convolution(features: int, growth: int) -> nn.Conv2d:
    return GrownConv(features, growth) if growth else _plain(features, features)


class LoupeBlock(nn.Module):
    """Two convolutions under a skip (N,F,H,W), each perhaps with a factor for every channel."""

    def __init__(self, features: int, growth: int = 0) -> None:
        super().__init__()
        self.conv1 = _convolution(features, growth)
        self.conv2 = _convolution(features, growth)

    def forward(
        self, x: Tensor, inner: Tensor | None = None, outer: Tensor | None = None
    ) -> Tensor:
        return x + _scaled(self.conv2(_scaled(self.conv1(x), inner).relu()), outer)


class Loupe(Network):
    """(N,C,H,W) -> (N,C,H*scale,W*scale) for any band count and any value range."""

    Settings: ClassVar[type] = LoupeSettings
    REFERENCE: ClassVar[Reference] = Reference(
        title="Loupe",
        task="any bands, any range, quick on a processor",
        scales=(2, 3, 4, 8),
        paper="geoloupe's own",
    )
    ADDED: ClassVar[tuple[str, ...]] = ("knots", "growth")  # what a fresh one adds changes nothing

    def __init__(self, settings: LoupeSettings) -> None:
        super().__init__(settings)
        self.signature = Signature(
            scale=settings.scale,
            bands=None,
            tile=256,
            margin=2 * settings.blocks + 3,
            reach="local",
            takes_mtf=settings.knots > 0,
        )
        features, growth = settings.features, settings.growth
        self.head: nn.Module = Differences(features)
        self.body = nn.ModuleList(LoupeBlock(features, growth) for _ in range(settings.blocks))
        self.after_body = _convolution(features, growth)
        self.tail = _plain(features, _TOGETHER * settings.scale**2)
        self.shuffle = nn.PixelShuffle(settings.scale)
        self.factors: nn.Parameter | None = None
        if settings.knots:
            channels = sum(layer.out_channels for layer in self.layers())
            self.factors = nn.Parameter(torch.ones(settings.knots, channels))

    def stages(
        self, lr: Tensor, guide: Tensor | None = None, mtf: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        """Return the answer as the only stage; `mtf` (N,) or (N,C) defaults to UNKNOWN_MTF."""
        if self.factors is None:
            return (add_details(lr, self.settings.scale, lambda _, seen: self.detail(seen)),)
        if mtf is None:
            mtf = lr.new_full(lr.shape[:1], UNKNOWN_MTF)
        each = mtf if mtf.ndim == 2 else mtf[:, None].expand(-1, lr.shape[1])
        groups = together(lr.shape[1])
        return (
            add_details(
                lr, self.settings.scale, lambda n, seen: self.detail(seen, each[:, groups[n]])
            ),
        )

    def detail(self, lr: Tensor, mtf: Tensor | None = None) -> Tensor:
        """Return what three bands (N,3,H,W) lack after interpolation, (N,3,H*scale,W*scale)."""
        factor: Iterator[Tensor | None] = repeat(None)
        if mtf is not None:
            factor = self._sensor_factors(mtf, lr)
        shallow = _scaled(self.head(lr), next(factor))
        deep = shallow
        for block in self.body:
            deep = block(deep, next(factor), next(factor))
        deep = _scaled(self.after_body(deep), next(factor))
        found: Tensor = self.shuffle(_scaled(self.tail(deep + shallow), next(factor)))
        return found

    def forward(self, lr: Tensor, guide: Tensor | None = None, mtf: Tensor | None = None) -> Tensor:
        """Return the last stage."""
        return self.stages(lr, guide, mtf)[-1]

    def for_sensor(self, mtf: float | Sequence[float]) -> "Loupe | SensorBands":
        """Return the network for a known sensor, with the factors in its weights.

        With one number it still takes any number of bands; with several, exactly that many.
        """
        if not isinstance(mtf, float | int):
            each = [float(gain) for gain in mtf]
            if len(set(each)) > 1:
                return SensorBands(self, each)
            mtf = each[0]
        return self.merged([float(mtf)] * _TOGETHER)

    def merged(self, mtf: Sequence[float]) -> "Loupe":
        """Return a copy for three bands of known MTF, with the factors in its weights."""
        copy = deepcopy(self).requires_grad_(False)
        copy.merge(mtf)
        return copy

    @torch.no_grad()
    def merge(self, mtf: Sequence[float]) -> None:
        """Multiply the weights by the factors for three bands of known MTF, for good."""
        collapse(self)
        self.settings = replace(self.settings, growth=0)
        if self.factors is None:
            return
        gains = self.factors.new_tensor([list(mtf)])
        for layer, factor in zip(self.layers(), self._sensor_factors(gains, gains), strict=True):
            layer.weight.mul_(factor.view(-1, 1, 1, 1))
        self.factors = None
        self.settings = replace(self.settings, knots=0)
        self.signature = replace(self.signature, takes_mtf=False)

    def layers(self) -> list[nn.Conv2d]:
        """List the convolutions in the order in which they are run, rewritten or not."""
        head = self.head if isinstance(self.head, Differences) else self.head.conv
        blocks = (layer for block in self.body for layer in (block.conv1, block.conv2))
        return cast("list[nn.Conv2d]", [head, *blocks, self.after_body, self.tail])

    def _sensor_factors(self, mtf: Tensor, like: Tensor) -> Iterator[Tensor]:
        """Yield the factors of each convolution in turn (N,channels): of each band at the tail."""
        assert self.factors is not None
        widths = [layer.out_channels for layer in self.layers()]
        *inside, tail = self.factors.split(widths, dim=1)
        shared = _between_knots(mtf.mean(1), len(self.factors)).to(like)
        yield from (shared @ torch.cat(inside, dim=1)).split(widths[:-1], dim=1)
        each = _between_knots(mtf, len(self.factors)).to(like)  # (N,3,knots)
        bands = tail.unflatten(1, (_TOGETHER, -1))  # (knots,3,scale**2)
        yield torch.einsum("nbk,kbp->nbp", each, bands).flatten(1)

    def begun_with(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return weights to begin with: those of a Loupe alike, perhaps of another factor.

        What makes the pixels of one LR pixel is taken from the nearest places of the other's.
        """
        found = {**self.state_dict(), **weights}
        found["tail.weight"] = self._places(found["tail.weight"])
        if "factors" in weights and self.factors is not None:
            inside = self.factors.shape[1] - self.tail.out_channels
            table = weights["factors"]
            tail = self._places(table[:, inside:].T).T
            found["factors"] = torch.cat((table[:, :inside], tail), dim=1)
        return found

    def _places(self, filters: Tensor) -> Tensor:
        """Interpolate filters (3*s*s,...) of a factor s between the places of an LR pixel."""
        side = round((len(filters) / _TOGETHER) ** 0.5)
        places = filters.flatten(1).unflatten(0, (_TOGETHER, side, side)).permute(0, 3, 1, 2)
        ours = F.interpolate(places, (self.settings.scale,) * 2, mode="bilinear")
        return ours.permute(0, 2, 3, 1).reshape(self.tail.out_channels, *filters.shape[1:])

    @classmethod
    def infer(cls, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Read all settings, which the shapes tell."""
        made = shapes["tail.weight"][0]
        return {
            "scale": round((made / _TOGETHER) ** 0.5),
            "features": shapes["head.weight"][0],
            "blocks": len({name.split(".")[1] for name in shapes if name.startswith("body.")}),
            "knots": shapes["factors"][0] if "factors" in shapes else 0,
            "growth": shapes.get("after_body.first", (0,))[0] // shapes["head.weight"][0],
        }


def collapse(module: nn.Module) -> nn.Module:
    """Put plain convolutions in the place of all grown ones, from the parts upward."""
    for name, part in list(module.named_children()):
        setattr(module, name, collapse(part))
    if not isinstance(module, GrownConv):
        return module
    plain = _plain(module.in_channels, module.out_channels).to(module.weight)
    with torch.no_grad():
        plain.weight.copy_(module.whole())
    return plain.requires_grad_(module.weight.requires_grad).train(module.training)


class SensorBands(nn.Module):
    """Loupe for bands of known and different MTF: a network with its own weights for each three."""

    def __init__(self, network: Loupe, mtf: Sequence[float]) -> None:
        super().__init__()
        self.settings = replace(network.settings, knots=0, growth=0)
        self.signature = replace(network.signature, bands=len(mtf), takes_mtf=False)
        self.parts = nn.ModuleList(
            network.merged([mtf[band] for band in group]) for group in together(len(mtf))
        )

    def stages(self, lr: Tensor, guide: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the answer as the only stage."""

        def detail(group: int, seen: Tensor) -> Tensor:
            part = self.parts[group]
            assert isinstance(part, Loupe)
            return part.detail(seen)

        return (add_details(lr, self.settings.scale, detail),)

    def forward(self, lr: Tensor, guide: Tensor | None = None) -> Tensor:
        """Return the last stage."""
        return self.stages(lr, guide)[-1]


def add_details(lr: Tensor, scale: int, detail: Callable[[int, Tensor], Tensor]) -> Tensor:
    """Add to interpolation what `detail` returns for each three bands, by their number."""
    answer = bicubic_up(lr, scale)
    groups = together(lr.shape[1])
    if groups == [[0, 1, 2]]:
        return answer + detail(0, lr)
    found: list[Tensor | None] = [None] * lr.shape[1]
    count = [0] * lr.shape[1]
    for number, group in enumerate(groups):
        seen = detail(number, lr[:, group])
        for place, band in enumerate(group):
            before, one = found[band], seen[:, place]
            found[band] = one if before is None else before + one
            count[band] += 1
    for band, (total, times) in enumerate(zip(found, count, strict=True)):
        assert total is not None
        answer[:, band] += total if times == 1 else total / times
    return answer


def together(bands: int) -> list[list[int]]:
    """List which bands go together: threes of neighbours, the last pushed back to be whole."""
    if bands < _TOGETHER:
        return [[min(place, bands - 1) for place in range(_TOGETHER)]]
    starts = [min(start, bands - _TOGETHER) for start in range(0, bands, _TOGETHER)]
    return [list(range(start, start + _TOGETHER)) for start in starts]


def _scaled(x: Tensor, factor: Tensor | None) -> Tensor:
    """Multiply the channels of (N,F,H,W) by (N,F)."""
    return x if factor is None else x * factor.to(x.dtype)[:, :, None, None]


def _between_knots(mtf: Tensor, knots: int) -> Tensor:
    """Return how much each knot of the table counts, (...,knots), for linear interpolation."""
    low, high = _MTF
    place = (mtf.float().clamp(low, high) - low) / (high - low) * (knots - 1)
    knot = torch.arange(knots, device=mtf.device)
    return (1 - (place[..., None] - knot).abs()).relu()
