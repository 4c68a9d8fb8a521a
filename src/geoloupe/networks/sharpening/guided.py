"""Our own sharpener: what regression on the guide leaves undone, learned band by band.

Regression in windows (`injection`) explains a band by its guide along lines. Where land changes
inside a window they fail, and in the same way everywhere: what they leave is learned by a small
network that sees a band interpolated, its estimate, and the guide, each in units of its own spread
around. So a band's gain and offset are its answer's, the guide's do not matter, any number of bands
and of guide bands may be given, and without learning the answer is the regression's.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import ClassVar, Self, cast

import torch
from torch import Tensor, nn

from geoloupe.networks.acceleration.rewrites.fused import conv_relu
from geoloupe.networks.acceleration.rewrites.one_band import OneBand
from geoloupe.networks.observation import Observation
from geoloupe.networks.ranges import check_ranges
from geoloupe.networks.resize import window_mean
from geoloupe.networks.sharpening.injection import Explained, explained

SPREAD = 4  # coarse pixels on each side over which a spread is taken
_MAX_SPREADS = 8.0  # spreads that an input may lie away: beyond are sparks


@dataclass(frozen=True, kw_only=True)
class GuidedSettings:
    """How wide and deep it is."""

    looks: int = 16  # features of a band of the guide
    width: int = 32
    depth: int = 3

    def __post_init__(self) -> None:
        check_ranges(self)

    @classmethod
    def tiny(cls) -> Self:
        """Make the settings that tests use."""
        return cls(looks=4, width=8, depth=1)


class Guided(nn.Module):
    """Bands (N,C,h,w), a guide (N,G,H,W) and a sensor for each band -> (N,C,H,W)."""

    Settings: ClassVar[type] = GuidedSettings
    TITLE: ClassVar[str] = "GLP and what a small network learned that it leaves"
    PAPER: ClassVar[str] = "ours"
    guide_bands: ClassVar[int | None] = None
    consistent: ClassVar[bool] = True

    def __init__(self, settings: GuidedSettings) -> None:
        super().__init__()
        self.settings = settings
        width = settings.width
        self.look = nn.Conv2d(2, settings.looks, 3, padding=1)
        self.head = nn.Conv2d(settings.looks + 3, width, 3, padding=1)
        self.body = nn.ModuleList(
            nn.Conv2d(width, width, 3, padding=1) for _ in range(settings.depth)
        )
        self.tail = OneBand(width)
        nn.init.zeros_(self.tail.weight)  # so that learning begins at the regression
        assert self.tail.bias is not None
        nn.init.zeros_(self.tail.bias)

    @property
    def reach(self) -> int:
        """Coarse pixels around a pixel that it looks at, the sensor's blur aside."""
        return SPREAD + 4 + 3 + self.settings.depth

    def features(self, lr: Tensor, guide: Tensor, sensors: Sequence[Observation]) -> Tensor | None:
        """Return None: all that it looks at is near."""
        return None

    def fitted(self, moments: Tensor | None) -> Self:
        """Return itself, which maps tiles."""
        return self

    def forward(self, lr: Tensor, guide: Tensor, sensors: Sequence[Observation]) -> Tensor:
        """Return the sharpened bands."""
        kind = "cpu" if lr.is_meta else lr.device.type
        low, answers = torch.is_autocast_enabled(kind), []
        # All but the layers between stays in single precision: it costs little, and pixels enter
        # and leave there.
        with torch.autocast(kind, enabled=False):
            known = explained(lr, guide, sensors)
            for band, sensor, lines in zip(lr.split(1, dim=1), sensors, known, strict=True):
                spread, inputs, pairs = _seen(band, guide, sensor, lines)
                with torch.autocast(kind, torch.bfloat16, enabled=low, cache_enabled=False):
                    x = self._layers(inputs, pairs, guide.shape[1])
                answers.append(lines.estimate + spread * self.tail(x.to(spread.dtype)))
        return torch.cat(answers, dim=1)

    def _layers(self, inputs: Tensor, pairs: Iterator[Tensor], count: int) -> Tensor:
        """Map inputs (N,3,H,W) and `count` pairs (N,2,H,W), one a guide band, to (N,width,H,W)."""
        looks = reduce(_sum, (conv_relu(self.look, pair) for pair in pairs)) / count
        seen = torch.cat([inputs.to(looks.dtype), looks], dim=1)
        x = conv_relu(self.head, seen.contiguous(memory_format=torch.channels_last))
        for layer in cast("Iterable[nn.Conv2d]", self.body):
            x = _sum(x, conv_relu(layer, x))
        return x


def _seen(
    band: Tensor, guide: Tensor, sensor: Observation, known: Explained
) -> tuple[Tensor, Tensor, Iterator[Tensor]]:
    """Return what the layers see of a band (N,1,h,w) and a guide (N,G,H,W).

    The spread of the band (N,1,H,W); what it says of itself (N,3,H,W); and for each band of the
    guide itself and what it adds (N,2,H,W), each in units of its own spread.
    """
    coarse = [
        *(_spread(band), window_mean(band, SPREAD), band - _predicted(band, known)),
        *(_spread(known.low), window_mean(known.low, SPREAD)),
    ]
    size = (int(guide.shape[-2]), int(guide.shape[-1]))
    fine = sensor.interpolate(torch.cat(coarse, dim=1), size)
    spread, middle, left, guide_spread, guide_middle = fine.split(
        [x.shape[1] for x in coarse], dim=1
    )
    spread = spread.clamp_min(0)
    maps = torch.cat([known.plain - middle, known.estimate - known.plain, left], dim=1)
    looked = _measured(guide - guide_middle, guide_spread.clamp_min(0))
    added = _measured(known.detail, spread)
    pairs = zip(looked.split(1, dim=1), added.split(1, dim=1), strict=True)
    return spread, _measured(maps, spread), (torch.cat(pair, dim=1) for pair in pairs)


def _sum(x: Tensor, y: Tensor) -> Tensor:
    """Return x + y, in the place of x unless a gradient needs it."""
    return x + y if torch.is_grad_enabled() else x.add_(y)


def _spread(x: Tensor) -> Tensor:
    """Return how far (N,C,h,w) lies from its mean around each pixel, on the average."""
    return window_mean((x - window_mean(x, SPREAD)).abs(), SPREAD)


def _predicted(band: Tensor, known: Explained) -> Tensor:
    """Return a band (N,1,h,w) as the lines around each pixel have it."""
    away = known.low - window_mean(known.low, 2)
    return window_mean(band, 2) + (known.slopes * away).sum(1, keepdim=True)


def _measured(x: Tensor, spread: Tensor) -> Tensor:
    """Return x in units of its spread, zero where there is none."""
    known = spread > 0
    safe = torch.where(known, spread, torch.ones_like(spread))
    return torch.where(known, x / safe, torch.zeros_like(x)).clamp(-_MAX_SPREADS, _MAX_SPREADS)
