"""Baselines that put the detail of one panchromatic band into others: Brovey, GSA, BDSD.

Each is as published, with one set of weights for the whole scene: regressions over all coarse
pixels, from their moments. So the scene may be cut into tiles, and no tile is weighted apart.
"""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from geoloupe.imagery import alignment
from geoloupe.networks.observation import Observation
from geoloupe.networks.resize import mapped
from geoloupe.networks.sharpening.method import Sharpener, interpolated

_MIN_RATIO_BASE = 1e-6  # of the guide's size over the scene, below which no ratio is taken
_RANK_TOLERANCE = 1e-10  # of the largest singular value, below which bands are the same


class _OfMoments:
    """What sharpens by one panchromatic band from moments of its features over the whole scene."""

    guide_bands: ClassVar[int | None] = 1
    consistent: ClassVar[bool] = False
    reach: ClassVar[int] = 2

    def features(self, lr: Tensor, guide: Tensor, sensors: Sequence[Observation]) -> Tensor | None:
        """Return ones, the bands, and the guide as their sensors see it."""
        return _seen(lr, guide, sensors)


class Brovey(_OfMoments):
    """Bands times the ratio of the panchromatic band to what they make of it together."""

    TITLE: ClassVar[str] = "Brovey, weights by regression"
    PAPER: ClassVar[str] = "Gillespie et al., Remote Sensing of Environment 1987"

    def fitted(self, moments: Tensor | None) -> Sharpener:
        """Return the map of tiles."""
        assert moments is not None
        weights = _intensity(moments)
        least = _MIN_RATIO_BASE * float(moments[-1, -1].clamp_min(0).sqrt()) or _MIN_RATIO_BASE

        def sharpened(lr: Tensor, guide: Tensor, sensors: Sequence[Observation]) -> Tensor:
            up = interpolated(lr, guide, sensors)
            made = _weighted(up, weights[1:])
            ratio = (guide - weights[0].to(guide)) / torch.where(made.abs() < least, least, made)
            return up * ratio

        return sharpened


class GSA(_OfMoments):
    """Gram-Schmidt with an adaptive intensity: its difference to the panchromatic band, by gains.

    A band's gain is its covariance with the intensity over that one's variance.
    """

    TITLE: ClassVar[str] = "GSA, adaptive Gram-Schmidt"
    PAPER: ClassVar[str] = "Aiazzi, Baronti and Selva, IEEE TGRS 2007"

    def fitted(self, moments: Tensor | None) -> Sharpener:
        """Return the map of tiles."""
        assert moments is not None
        weights = _intensity(moments)
        covariance = (moments - torch.outer(moments[0], moments[0]))[1:-1, 1:-1]
        shared = covariance @ weights[1:]
        gains = shared / (weights[1:] @ shared).clamp_min(torch.finfo(torch.float64).tiny)

        def sharpened(lr: Tensor, guide: Tensor, sensors: Sequence[Observation]) -> Tensor:
            up = interpolated(lr, guide, sensors)
            detail = guide - weights[0].to(guide) - _weighted(up, weights[1:])
            return up + gains.to(up)[None, :, None, None] * detail

        return sharpened


class BDSD(_OfMoments):
    """Band-dependent spatial detail: what bands lose at a coarser scale, by regression.

    One block, the whole scene, and a constant beside the bands.
    """

    TITLE: ClassVar[str] = "BDSD, band-dependent spatial detail"
    PAPER: ClassVar[str] = "Garzelli, Nencini and Capobianco, IEEE TGRS 2008"

    def features(self, lr: Tensor, guide: Tensor, sensors: Sequence[Observation]) -> Tensor | None:
        """Return ones, the blurred bands, the guide as seen, and what the blur took."""
        blurred = torch.cat(
            [_blurred(band, s) for band, s in zip(lr.split(1, 1), sensors, strict=True)], dim=1
        )
        seen = _seen(blurred, guide, sensors)
        return torch.cat([seen, lr - blurred], dim=1)

    def fitted(self, moments: Tensor | None) -> Sharpener:
        """Return the map of tiles."""
        assert moments is not None
        bands = (len(moments) - 2) // 2
        known = bands + 2
        weights = _solved(moments[:known, :known], moments[:known, known:])  # (1 + C + 1, C)

        def sharpened(lr: Tensor, guide: Tensor, sensors: Sequence[Observation]) -> Tensor:
            up = interpolated(lr, guide, sensors)
            table = weights[1:].T[:, :, None, None].to(up)
            return up + F.conv2d(torch.cat([up, guide], dim=1), table, weights[0].to(up))

        return sharpened


def _seen(lr: Tensor, guide: Tensor, sensors: Sequence[Observation]) -> Tensor:
    """Return ones, the bands, and the guide as the mean of their sensors sees it, (N,C+2,h,w)."""
    size = int(lr.shape[-2]), int(lr.shape[-1])
    seen = {sensor: sensor.observe(guide, size) for sensor in dict.fromkeys(sensors)}
    mean = torch.stack([seen[sensor] for sensor in sensors]).mean(0)
    return torch.cat([torch.ones_like(mean[:, :1]), lr, mean], dim=1)


def _blurred(band: Tensor, sensor: Observation) -> Tensor:
    """Blur (N,1,h,w) as its sensor would for pixels as much coarser as its own are."""
    height, width = band.shape[-2:]
    gain = sensor.mtf[0]
    return mapped(
        band,
        alignment.blur(sensor.down, gain, length=height),
        alignment.blur(sensor.across, gain, length=width),
    )


def _intensity(moments: Tensor) -> Tensor:
    """Explain the last feature by those before it: (C+1,) weights, the constant first."""
    return _solved(moments[:-1, :-1], moments[:-1, -1:])[:, 0]


def _solved(table: Tensor, right: Tensor) -> Tensor:
    """Solve normal equations (K,K) and (K,M) for (K,M); bands that are the same share."""
    scale = table.diagonal().clamp_min(torch.finfo(torch.float64).tiny).sqrt()
    inverse = torch.linalg.pinv(
        table / torch.outer(scale, scale), rtol=_RANK_TOLERANCE, hermitian=True
    )
    return (inverse @ (right / scale[:, None])) / scale[:, None]


def _weighted(bands: Tensor, weights: Tensor) -> Tensor:
    """Sum the bands of (N,C,H,W) by weights (C,) to (N,1,H,W)."""
    return (bands * weights.to(bands)[None, :, None, None]).sum(1, keepdim=True)
