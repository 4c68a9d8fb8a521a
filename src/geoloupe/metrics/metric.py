"""A score as a value: its name, its unit, which end is better, and how one image gets it."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Any

from geoloupe.imagery.image import Image
from geoloupe.metrics import reference, structural
from geoloupe.metrics.indices import NDVI, NDWI, Index, index_error

Score = Callable[[Image, Image, int], float]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """Scores one image (sr, hr, scale) in unit values; pixels that either lacks do not count."""

    name: str
    unit: str = ""
    best: float  # what the truth itself scores
    higher_is_better: bool
    about: str
    score: Score


def _of_arrays(score: Callable[..., Any], **options: Any) -> Score:
    """Make a score of images from one of arrays."""

    def of_images(sr: Image, hr: Image, scale: int) -> float:
        return float(score(sr.in_unit().values, hr.in_unit().values, **options))

    return of_images


def _relative_error(sr: Image, hr: Image, scale: int) -> float:
    return float(reference.ergas(sr.in_unit().values, hr.in_unit().values, ratio=scale))


def _of_index(index: Index) -> Score:
    def of_images(sr: Image, hr: Image, scale: int) -> float:
        return index_error(sr, hr, index)

    return of_images


def _better_high(name: str, about: str, score: Score, best: float = 1.0, unit: str = "") -> Metric:
    return Metric(name=name, unit=unit, best=best, higher_is_better=True, about=about, score=score)


def _better_low(name: str, about: str, score: Score, unit: str = "") -> Metric:
    return Metric(name=name, unit=unit, best=0.0, higher_is_better=False, about=about, score=score)


PSNR = _better_high(
    "psnr", "PSNR of one error over all bands", _of_arrays(reference.psnr), inf, "dB"
)
MEAN_PSNR = _better_high(
    "mpsnr", "mean of the bands' own PSNRs", _of_arrays(reference.mean_psnr), inf, "dB"
)
SSIM = _better_high(
    "ssim", "SSIM in Gaussian windows of 11 x 11, sigma 1.5", _of_arrays(structural.ssim)
)
SSIM_UNIFORM = _better_high(
    "ssim-uniform",
    "SSIM in uniform windows of 7 x 7, sample variances",
    _of_arrays(structural.ssim_uniform),
)
RMSE = _better_low("rmse", "root of the mean squared error", _of_arrays(reference.rmse))
MAE = _better_low("mae", "mean absolute error", _of_arrays(reference.mae))
SRE = _better_high(
    "sre",
    "mean of the bands' means over their errors",
    _of_arrays(reference.sre),
    inf,
    "dB",
)
CC = _better_high("cc", "mean of the bands' correlations", _of_arrays(reference.cc))
SCC = _better_high("scc", "correlation of edges in windows of 8 x 8", _of_arrays(reference.scc))
SAM = _better_low("sam", "mean angle between spectra", _of_arrays(reference.sam), "degrees")
SAM_LIT = _better_low(
    "sam-lit",
    "mean angle between spectra that are not black",
    _of_arrays(reference.sam, black="skip"),
    "degrees",
)
SAM_FORGIVING = _better_low(
    "sam-forgiving",
    "mean angle between spectra, black ones at 0",
    _of_arrays(reference.sam, black="zero"),
    "degrees",
)
ERGAS = _better_low("ergas", "ERGAS with the factor as its ratio", _relative_error, "%")
UIQI = _better_high("uiqi", "quality index in windows of 8 x 8", _of_arrays(structural.uiqi))
Q2N = _better_high("q2n", "quality index of all bands in blocks of 32", _of_arrays(structural.q2n))
SID = _better_low("sid", "spectral information divergence", _of_arrays(reference.sid))
NDVI_ERROR = _better_low("ndvi-error", "mean error of the vegetation index", _of_index(NDVI))
NDWI_ERROR = _better_low("ndwi-error", "mean error of the water index", _of_index(NDWI))
