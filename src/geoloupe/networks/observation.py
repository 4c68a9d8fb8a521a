"""What a sensor sees of a finer image, and the finer image that it would see exactly as it did.

A sensor is a Gaussian of a known transfer function, sampled at the middle of each of its pixels:
the degradation `mtf`, as tensors. All of it is linear, local and equivariant to gain and offset.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from geoloupe.imagery.optics import sensor_filter
from geoloupe.imagery.resize import symmetric_index, up_taps
from geoloupe.networks.resize import bicubic_up

_SMALL = 2e-3  # of the correction that one step may leave
_LONGEST = 12  # LR pixels on each side of the sharpest inverse filter


@dataclass(frozen=True, kw_only=True)
class Observation:
    """A sensor by its MTF at Nyquist, one for all bands or one a band, and the scale."""

    mtf: tuple[float, ...]
    scale: int

    def observe(self, sr: Tensor) -> Tensor:
        """Return what the sensor sees (N,C,H,W) of an image (N,C,H*scale,W*scale)."""
        kernel = self._blur.to(sr)
        size = kernel.shape[-1]
        before = (size - 1) // 2 - (self.scale - 1) // 2
        return _separable(sr, kernel, before, size - self.scale - before, step=self.scale)

    def consistent(self, sr: Tensor, lr: Tensor, *, steps: int = 1) -> Tensor:
        """Return the image next to `sr` of which the sensor sees `lr`.

        Each step leaves about a five-hundredth of the difference there was.
        """
        inverse = self._inverse.to(sr)
        reach = inverse.shape[-1] // 2
        for _ in range(steps):
            missed = _separable(lr - self.observe(sr), inverse, reach, reach)
            sr = sr + bicubic_up(missed, self.scale)
        return sr

    @cached_property
    def reach(self) -> int:
        """How many LR pixels around a pixel a step of `consistent` looks at."""
        blur = -(-(self._blur.shape[-1] // 2) // self.scale)
        return blur + self._inverse.shape[-1] // 2 + 2

    @cached_property
    def _blur(self) -> Tensor:
        """One filter a band (1 or C, taps)."""
        return torch.from_numpy(_aligned([sensor_filter(mtf, self.scale) for mtf in self.mtf]))

    @cached_property
    def _inverse(self) -> Tensor:
        """Filters (1 or C, taps) that undo enlarging by interpolation and being seen again."""
        return torch.from_numpy(_aligned([_inverse(mtf, self.scale) for mtf in self.mtf]))


@lru_cache(maxsize=64)
def _inverse(mtf: float, scale: int) -> np.ndarray:
    """Invert, on the LR grid, interpolation followed by the sensor (taps,); far taps are cut."""
    length = 8 * _LONGEST
    blur = sensor_filter(mtf, scale)
    weights, first = up_taps(scale)
    # The first LR pixel alone, enlarged, as if the image had no borders.
    spread = np.zeros(length * scale)
    for phase, taps in enumerate(weights):
        for tap, weight in enumerate(taps):
            spread[(scale * -(first + tap) + phase) % len(spread)] += weight
    middle = (scale - 1) // 2 - (len(blur) - 1) // 2
    rows = (scale * np.arange(length)[:, None] + middle + np.arange(len(blur))) % len(spread)
    seen = (spread[rows] * blur).sum(axis=1)
    inverse = np.fft.ifft(1 / np.fft.fft(seen)).real
    taps = next(n for n in range(1, _LONGEST + 1) if n == _LONGEST or abs(inverse[n]) < _SMALL)
    cut = inverse[np.arange(-taps, taps + 1)]
    return cut / (cut.sum() * seen.sum())  # exact for what does not vary


def _aligned(filters: list[np.ndarray]) -> np.ndarray:
    """Stack symmetric filters of several lengths, all of them odd or all even."""
    longest = max(map(len, filters))
    return np.stack([np.pad(taps, (longest - len(taps)) // 2) for taps in filters])


def _separable(x: Tensor, filters: Tensor, before: int, after: int, *, step: int = 1) -> Tensor:
    """Filter (N,C,H,W) down and across by (1 or C, taps), borders mirrored, every `step` pixels."""
    with torch.autocast("cpu" if x.is_meta else x.device.type, enabled=False):
        x = _down(x, filters, before, after, step).transpose(-2, -1)
        return _down(x, filters, before, after, step).transpose(-2, -1)


def _down(x: Tensor, filters: Tensor, before: int, after: int, step: int) -> Tensor:
    n, c, h, w = x.shape
    rows = torch.from_numpy(symmetric_index(int(h), before, after)).to(x.device)
    padded = x.index_select(2, rows)
    if len(filters) == 1:
        seen = F.conv2d(
            padded.reshape(n * c, 1, -1, w), filters[:, None, :, None], stride=(step, 1)
        )
        return seen.reshape(n, c, -1, w)
    return F.conv2d(padded, filters[:, None, :, None], stride=(step, 1), groups=c)
