"""What a sensor sees of a finer image, and the finer image that it would see exactly as it did.

A sensor is a Gaussian of a known transfer function, sampled at the middle of each of its pixels:
the degradation `mtf`, as tensors. All of it is linear, local and equivariant to gain and offset.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from geoloupe.imagery import alignment
from geoloupe.imagery.alignment import Axis
from geoloupe.networks.resize import mapped


@dataclass(frozen=True, kw_only=True)
class Observation:
    """A sensor by its MTF at Nyquist, one for all bands or one a band, and where its pixels lie."""

    mtf: tuple[float, ...]
    down: Axis
    across: Axis

    @classmethod
    def aligned(cls, *mtf: float, scale: int) -> Self:
        """Make one whose pixels are blocks of `scale` x `scale` fine pixels."""
        return cls(mtf=mtf, down=Axis(ratio=scale), across=Axis(ratio=scale))

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
        """Return the image next to `sr` of which the sensor sees `lr`.

        Each step leaves about a hundredth of the difference there was, at the worst a twentieth.
        """
        coarse, fine = _size(lr), _size(sr)
        for _ in range(steps):
            missed = self._undone(lr - self.observe(sr, coarse))
            sr = sr + self.interpolate(missed, fine)
        return sr

    @property
    def reach(self) -> int:
        """How many LR pixels around a pixel a step of `consistent` looks at."""
        axes = (self.down, self.across)
        return max(alignment.reach(axis, gain) for axis in axes for gain in self.mtf)

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


def _size(x: Tensor) -> tuple[int, int]:
    return int(x.shape[-2]), int(x.shape[-1])
