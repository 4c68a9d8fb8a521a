"""What a sensor sees of a finer image, and the finer image that it would see exactly as it did.

A sensor is a Gaussian of a known transfer function, sampled at the middle of each of its pixels:
the degradation `mtf`, as tensors. All of it is local and equivariant to gain and offset; what holds
noise is linear but for how much of a difference counts as noise.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from geoloupe.imagery import alignment
from geoloupe.imagery.alignment import Axis
from geoloupe.networks.resize import mapped, window_mean


@dataclass(frozen=True, kw_only=True)
class Observation:
    """A sensor by its MTF at Nyquist, one for all bands or one a band, and where its pixels lie."""

    mtf: tuple[float, ...]
    down: Axis
    across: Axis
    noise: tuple[float, ...] = ()  # its deviation, of all bands or each; without: none

    @classmethod
    def aligned(cls, *mtf: float, scale: int, noise: tuple[float, ...] = ()) -> Self:
        """Make one whose pixels are blocks of `scale` x `scale` fine pixels."""
        return cls(mtf=mtf, down=Axis(ratio=scale), across=Axis(ratio=scale), noise=noise)

    def observe(self, sr: Tensor, size: tuple[int, int]) -> Tensor:
        """Return what the sensor sees (N,C,h,w) of an image (N,C,H,W); `size` is h, w."""
        height, width = sr.shape[-2:]
        return self._each_band(
            sr,
            lambda part, gain: mapped(
                part,
                alignment.observation(self.down, gain, coarse=size[0], fine=height),
                alignment.observation(self.across, gain, coarse=size[1], fine=width),
            ),
        )

    def interpolate(self, lr: Tensor, size: tuple[int, int]) -> Tensor:
        """Enlarge (N,C,h,w) to (N,C,H,W) by cubic convolution; `size` is H, W."""
        height, width = lr.shape[-2:]
        return mapped(
            lr,
            alignment.interpolation(self.down, coarse=height, fine=size[0]),
            alignment.interpolation(self.across, coarse=width, fine=size[1]),
        )

    def consistent(self, sr: Tensor, lr: Tensor, *, steps: int = 1) -> Tensor:
        """Return the image next to `sr` of which the sensor sees `lr`, but for its noise.

        Each step leaves about a hundredth of the difference there was, at the worst a twentieth.
        """
        coarse, fine = _size(lr), _size(sr)
        for _ in range(steps):
            missed = self._beyond_noise(lr - self.observe(sr, coarse))
            sr = sr + self.interpolate(self._undone(missed), fine)
        return sr

    @property
    def reach(self) -> int:
        """How many LR pixels around a pixel a step of `consistent` looks at."""
        axes = (self.down, self.across)
        sharpened = max(alignment.reach(axis, gain) for axis in axes for gain in self.mtf)
        return sharpened + (_NOISE_RADIUS if self.noise else 0)

    def _beyond_noise(self, missed: Tensor) -> Tensor:
        """Take from a difference (N,C,h,w) what may be noise; its mean around each pixel stays.

        An answer that took the noise away must not get it back, sharpened. So each difference from
        that mean shrinks as Wiener's filter has it: by the share of noise in what is around it.
        """
        if not self.noise:
            return missed
        mean = window_mean(missed, _MEAN_RADIUS)
        apart = missed - mean
        energy = window_mean(apart * apart, _NOISE_RADIUS - _MEAN_RADIUS)
        level = torch.tensor(self.noise).to(missed)[:, None, None]
        share = _NOISE_FACTOR * level**2 / energy.clamp_min(torch.finfo(energy.dtype).tiny)
        return mean + (1 - share).clamp_min(0) * apart

    def _undone(self, lr: Tensor) -> Tensor:
        """Sharpen (N,C,h,w) by what interpolation and being observed would take away."""
        height, width = _size(lr)
        return self._each_band(
            lr,
            lambda part, gain: mapped(
                part,
                alignment.inverse(self.down, gain, coarse=height),
                alignment.inverse(self.across, gain, coarse=width),
            ),
        )

    def _each_band(self, x: Tensor, work: Callable[[Tensor, float], Tensor]) -> Tensor:
        if len(set(self.mtf)) == 1:
            return work(x, self.mtf[0])
        assert len(self.mtf) == x.shape[1], f"{len(self.mtf)} sensors for {x.shape[1]} bands"
        return torch.cat(
            [work(x[:, band : band + 1], gain) for band, gain in enumerate(self.mtf)], dim=1
        )


_MEAN_RADIUS = 2  # LR pixels on each side, over which the mean of a difference is no noise
_NOISE_RADIUS = 5  # over which noise is separated from signal, those of the mean among them
_NOISE_FACTOR = 1.3  # as much noise as was measured, since neither it nor the energy is exact


def _size(x: Tensor) -> tuple[int, int]:
    return int(x.shape[-2]), int(x.shape[-1])
