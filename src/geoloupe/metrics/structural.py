"""Scores of an image against its truth, window by window: SSIM and the quality indices."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from geoloupe.errors import InputError
from geoloupe.metrics.batches import Cube, Mask, batched
from geoloupe.metrics.windows import Windows, ratio

_K1, _K2 = 0.01, 0.03


@batched
def ssim(sr: Cube, hr: Cube, valid: Mask, *, peak: float = 1.0) -> float:
    """Average SSIM (Wang et al., 2004) over bands: Gaussian windows of 11 x 11, sigma 1.5.

    Windows lie inside the image; variances are the population's.
    """
    return _ssim(sr, hr, valid, side=11, sigma=1.5, peak=peak)


@batched
def ssim_uniform(sr: Cube, hr: Cube, valid: Mask, *, peak: float = 1.0) -> float:
    """Average SSIM over bands as scikit-image's default has it.

    Uniform windows of 7 x 7 that lie inside the image; variances are the sample's.
    """
    return _ssim(sr, hr, valid, side=7, sigma=None, peak=peak)


@batched
def uiqi(sr: Cube, hr: Cube, valid: Mask, *, side: int = 8) -> float:
    """Average the universal image quality index (Wang and Bovik, 2002) over bands.

    Uniform windows of 8 x 8. Windows that are black, or flat, in both images are alike there.
    """
    scores = [
        Windows.over(np.stack(bands), valid, side).likeness(0, 1)
        for bands in zip(sr, hr, strict=True)
    ]
    return float(np.mean(scores))


@batched
def q2n(sr: Cube, hr: Cube, valid: Mask, *, side: int = 32) -> float:
    """Average the quality index of all bands at once (Garzelli and Nencini, 2009) over blocks.

    A pixel is one hypercomplex number whose parts are its bands, filled up with zeros to a power
    of two; blocks of 32 x 32 stand side by side from the top left. Q4 for four bands.
    """
    _, height, width = sr.shape
    scores, weights = [], []
    for top in range(0, height, side):
        for left in range(0, width, side):
            block = (slice(top, top + side), slice(left, left + side))
            counts = valid[block]
            if counts.sum() > 1:
                scores.append(_hypercomplex(sr[:, *block][:, counts], hr[:, *block][:, counts]))
                weights.append(counts.sum())
    return float(np.average(scores, weights=weights)) if scores else 1.0


def _ssim(sr: Cube, hr: Cube, valid: Mask, *, side: int, sigma: float | None, peak: float) -> float:
    if min(valid.shape) < side:
        raise InputError(
            f"SSIM needs windows of {side} x {side} pixels, and the image has "
            f"{valid.shape[1]} x {valid.shape[0]}"
        )
    sample = side**2 / (side**2 - 1) if sigma is None else 1.0
    c1, c2 = (_K1 * peak) ** 2, (_K2 * peak) ** 2
    scores = []
    for bands in zip(sr, hr, strict=True):
        windows = Windows.over(np.stack(bands), valid, side, sigma=sigma)
        one, two = windows.means
        variances = sample * (windows.variances[0] + windows.variances[1])
        light = (2 * one * two + c1) / (one**2 + two**2 + c1)
        shape = (2 * sample * windows.covariance(0, 1) + c2) / (variances + c2)
        scores.append(windows.averaged(light * shape))
    return float(np.mean(scores))


def _hypercomplex(one: Cube, two: Cube) -> float:
    """Compare pixels (B,N) of one block; two flat blocks, and two black ones, are alike."""
    means = one.mean(axis=1), two.mean(axis=1)
    one, two = one - means[0][:, None], two - means[1][:, None]
    products, signs = _units(max(len(one) - 1, 0).bit_length())
    mixed = np.zeros(signs.shape)
    mixed[: len(one), : len(two)] = one @ two.T / one.shape[1]
    covariance = np.bincount(products.ravel(), weights=(signs * mixed).ravel())
    spreads = np.mean(one**2, axis=1).sum() + np.mean(two**2, axis=1).sum()
    lengths = [np.linalg.norm(mean) for mean in means]
    floor = 1e-12 * (lengths[0] ** 2 + lengths[1] ** 2)
    contrast = 1.0 if spreads <= floor else 2 * np.linalg.norm(covariance) / spreads
    light = ratio(
        np.array(2 * lengths[0] * lengths[1]), np.array(lengths[0] ** 2 + lengths[1] ** 2)
    )
    return float(contrast * light)


@lru_cache(maxsize=8)
def _units(doublings: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give, for units e_i times the conjugate of e_j, which unit it is and with which sign.

    The Cayley-Dickson construction: (a, b) (c, d) = (a c - d* b, d a + b c*).
    """
    signs = np.ones((1, 1), np.int64)
    for _ in range(doublings):
        size = len(signs)
        conjugate = np.where(np.arange(size) == 0, 1, -1)
        signs = np.block([[signs, signs.T], [signs * conjugate, -(conjugate[:, None] * signs).T]])
    size = len(signs)
    indexes = np.arange(size)
    return indexes[:, None] ^ indexes, signs * np.where(indexes == 0, 1, -1)
