"""Scores of an image against its truth, pixel by pixel or spectrum by spectrum.

What they return where the textbook divides by zero is said with each; none returns NaN.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from geoloupe.metrics.batches import Cube, Mask, batched
from geoloupe.metrics.windows import Windows

_MIN_RELATIVE_VARIANCE = (
    1e-12  # variance, against the mean square, that is rounding and not contrast
)
_MIN_FLOAT = np.finfo(float).tiny
_SOURCE = 1e-12  # added to every band of a spectrum, so that its logarithm exists
_EDGES = np.array([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], np.float64)
_EDGE_WINDOW = 8

Black = Literal["right", "skip", "zero"]


@batched
def rmse(sr: Cube, hr: Cube, valid: Mask) -> float:
    """Take the root of the mean squared error of all bands together."""
    return float(np.sqrt(_band_mse(sr, hr, valid).mean()))


@batched
def mae(sr: Cube, hr: Cube, valid: Mask) -> float:
    """Average the absolute errors of all bands together."""
    return float(np.abs(sr - hr)[:, valid].mean())


@batched
def psnr(sr: Cube, hr: Cube, valid: Mask, *, peak: float = 1.0) -> float:
    """Return the peak signal-to-noise ratio in dB, of one error over all bands; inf at equality."""
    return float(_decibels(_band_mse(sr, hr, valid).mean(), peak))


@batched
def mean_psnr(sr: Cube, hr: Cube, valid: Mask, *, peak: float = 1.0) -> float:
    """Average the bands' own ratios in dB; inf as soon as one band is without error.

    Never less than `psnr`, and often more: not to be compared with it.
    """
    return float(_decibels(_band_mse(sr, hr, valid), peak).mean())


@batched
def sre(sr: Cube, hr: Cube, valid: Mask) -> float:
    """Average the bands' ratios of signal to reconstruction error (Lanaras et al., 2018), in dB.

    The signal is a band's mean, so dark bands are not forgiven as a common peak forgives them.
    A band without error has inf; others whose truth has mean 0 are left out, and 0 if all are.
    """
    means, errors = hr[:, valid].mean(axis=1), _band_mse(sr, hr, valid)
    defined = (np.abs(means) > _MIN_FLOAT) | (errors == 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(errors > 0, 10 * np.log10(means**2 / errors), np.inf)
    return float(ratios[defined].mean()) if defined.any() else 0.0


@batched
def cc(sr: Cube, hr: Cube, valid: Mask) -> float:
    """Average the bands' correlation coefficients; 1 where both are flat, 0 where one is."""
    return float(
        np.mean([_correlation(*bands) for bands in zip(sr[:, valid], hr[:, valid], strict=True)])
    )


@batched
def scc(sr: Cube, hr: Cube, valid: Mask) -> float:
    """Average the correlation of edges (Zhou et al., 1998) in windows of 8 x 8, over bands.

    Edges are a 3 x 3 Laplacian's, borders mirrored. A window where both are flat counts 1, where
    one is 0; what touches a pixel that does not count is left out.
    """
    clear = ndimage.minimum_filter(valid, 3, mode="reflect")
    if not clear.any():
        clear = valid
    scores = []
    for bands in zip(sr, hr, strict=True):
        edges = np.stack([ndimage.correlate(band, _EDGES, mode="reflect") for band in bands])
        windows = Windows.over(np.where(clear, edges, 0.0), clear, _EDGE_WINDOW)
        one, two = np.sqrt(windows.variances)
        flat = (one == 0) & (two == 0)
        product = np.where(one * two > 0, one * two, 1.0)
        scores.append(windows.averaged(np.where(flat, 1.0, windows.covariance(0, 1) / product)))
    return float(np.mean(scores))


@batched
def sam(sr: Cube, hr: Cube, valid: Mask, *, black: Black = "right") -> float:
    """Average the angles in degrees between spectra.

    Black spectra have no direction. Two black ones are at 0 degrees; one black one is at a right
    angle from others, or with `black` "skip" does not count, or with "zero" counts as 0.
    """
    one, two = sr[:, valid], hr[:, valid]
    angles = spectral_angles(one, two)
    if black == "right":
        return float(angles.mean())
    lit = one.any(axis=0) & two.any(axis=0)
    count = lit.sum() if black == "skip" else lit.size
    return float(angles[lit].sum() / max(count, 1))


def spectral_angles(one: Cube, two: Cube) -> NDArray[np.float64]:
    """Return the angles in degrees (N,) between spectra (B,N): 90 to a black one, 0 between two."""
    lengths = np.linalg.norm(one, axis=0), np.linalg.norm(two, axis=0)
    # Angles from chords keep the digits that an arc cosine loses near 1.
    one, two = one / np.maximum(lengths[0], _MIN_FLOAT), two / np.maximum(lengths[1], _MIN_FLOAT)
    angles = 2 * np.arctan2(np.linalg.norm(one - two, axis=0), np.linalg.norm(one + two, axis=0))
    angles[(lengths[0] == 0) & (lengths[1] == 0)] = 0.0
    return np.degrees(angles)


@batched
def ergas(sr: Cube, hr: Cube, valid: Mask, *, ratio: float) -> float:
    """Return Wald's relative error of synthesis in per cent, for images `ratio` times sharper.

    Bands whose truth has mean 0 have no relative error and are left out; 0 if none is left.
    """
    means = hr[:, valid].mean(axis=1)
    bright = np.abs(means) > _MIN_FLOAT
    if not bright.any():
        return 0.0
    relative = _band_mse(sr, hr, valid)[bright] / means[bright] ** 2
    return float(100 / ratio * np.sqrt(relative.mean()))


@batched
def sid(sr: Cube, hr: Cube, valid: Mask) -> float:
    """Average the spectral information divergence (Chang, 2000) over pixels.

    Values below zero count as zero; a black spectrum counts as an even one.
    """
    one, two = (np.maximum(cube[:, valid], 0.0) + _SOURCE for cube in (sr, hr))
    one, two = one / one.sum(axis=0), two / two.sum(axis=0)
    return float(((one - two) * np.log(one / two)).sum(axis=0).mean())


def _band_mse(sr: Cube, hr: Cube, valid: Mask) -> Cube:
    return np.asarray(((sr - hr) ** 2).sum(axis=(1, 2)) / valid.sum())


def _decibels(errors: Cube, peak: float) -> Cube:
    with np.errstate(divide="ignore"):
        return 10 * np.log10(peak**2 / np.asarray(errors, np.float64))


def _correlation(one: Cube, two: Cube) -> float:
    floors = [_MIN_RELATIVE_VARIANCE * np.mean(values**2) for values in (one, two)]
    one, two = one - one.mean(), two - two.mean()
    spreads = [
        float(np.mean(values**2)) if np.mean(values**2) > floor else 0.0
        for values, floor in zip((one, two), floors, strict=True)
    ]
    if 0.0 in spreads:
        return 1.0 if spreads == [0.0, 0.0] else 0.0
    return float(np.mean(one * two) / np.sqrt(spreads[0] * spreads[1]))
