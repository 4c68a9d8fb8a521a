"""What can be believed of a sharpened image, in the measures of opensr-test (Aybar et al., 2024).

Consistency holds the SR image to the LR image it came from and needs no truth. With an HR image,
the detail the network added is divided into what is right (improvement), what is missing
(omission) and what is invented (hallucination).
"""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from geoloupe.errors import InputError
from geoloupe.imagery.image import Image
from geoloupe.imagery.matching import match_histogram
from geoloupe.imagery.registration import check_registration, measure_shift
from geoloupe.imagery.resize import imresize
from geoloupe.metrics.reference import spectral_angles

_BORDER = 16  # HR pixels cut off all around
_MAX_SHIFT_PX = 5  # the greatest shift that is sought, in HR pixels
_MIN_CONFIDENCE = 0.5  # confidence below which a shift is noise
_STILL = 0.05  # shifts below this are within the measurement's error, and nothing is moved
_QUANTILE = 75  # per cent of d_ref below which there is no detail to judge
_STEEP = 0.05  # how fast the three scores change with distance
_TEMPERATURE = 0.25
_EPSILON = 1e-8

RISING = frozenset({"synthesis", "improvement"})  # measures of which opensr-test wants more

Cube = NDArray[np.float64]
Plane = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Trust:
    """The measures of one image, in unit values; None where there is nothing to measure by."""

    reflectance: float  # mean |LR - SR brought to the LR grid|
    spectral: float  # mean angle between their spectra, in degrees
    spatial: float | None  # HR pixels between LR and SR; None where no shift can be measured
    synthesis: float  # mean |SR - LR enlarged|: how much was added, right or wrong
    improvement: float | None = None  # shares of the detail; the three sum to 1
    omission: float | None = None
    hallucination: float | None = None

    def to_dict(self) -> dict[str, float | None]:
        """Return the measures by name."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True, eq=False)
class DetailMaps:
    """Shares (H,W) of every pixel's detail; they sum to 1, and are NaN where there is none."""

    improvement: Plane
    omission: Plane
    hallucination: Plane

    def means(self) -> dict[str, float | None]:
        """Average each map over the pixels with detail; None if there are none."""
        seen = ~np.isnan(self.improvement)
        maps = {
            "improvement": self.improvement,
            "omission": self.omission,
            "hallucination": self.hallucination,
        }
        return {
            name: float(shares[seen].mean()) if seen.any() else None
            for name, shares in maps.items()
        }


def trust(lr: Image, sr: Image, hr: Image | None, scale: int) -> Trust:
    """Measure an SR image against the LR image it was made from and, if known, the HR image."""
    _check(lr, sr, hr, scale)
    coarse = _pixels(lr, _border(sr, scale) // scale)
    fine = _pixels(sr, _border(sr, scale))
    truth = None if hr is None else _pixels(hr, _border(sr, scale))
    down, down_valid = _resized(*fine, 1 / scale)
    seen = coarse[1] & down_valid
    if not seen.any():
        raise InputError("the LR and SR images have no pixel in common that holds data")
    up, up_valid = _resized(*coarse, scale)
    harmonised = fine if truth is None else _harmonised(*fine, *truth)
    both = up_valid & harmonised[1]
    parts: dict[str, float | None] = {}
    if truth is not None:
        parts = detail_maps(up, harmonised[0], truth[0], valid=both & truth[1]).means()
    return Trust(
        reflectance=float(np.abs(coarse[0] - down)[:, seen].mean()),
        spectral=float(spectral_angles(coarse[0][:, seen], down[:, seen]).mean()),
        spatial=_displacement(lr, coarse, fine, scale),
        synthesis=float(np.abs(up - harmonised[0])[:, both].mean()) if both.any() else 0.0,
        **parts,
    )


def detail_maps(lr_up: Cube, sr: Cube, hr: Cube, *, valid: Mask | None = None) -> DetailMaps:
    """Divide the detail of (B,H,W) images on one grid, in unit values.

    The distances are normalised differences: d_ref (LR to HR) is the detail there was to add,
    d_im (SR to HR) what the SR image lacks of the truth, d_om (SR to LR) what it added.
    """
    seen = np.ones(hr.shape[1:], bool) if valid is None else valid
    d_ref, d_im, d_om = _distance(lr_up, hr), _distance(sr, hr), _distance(sr, lr_up)
    if seen.any():
        least = np.percentile(d_ref[seen], _QUANTILE)
        seen = seen & ((d_ref > least) | (d_im > least) | (d_om > least))
    a, b = (distance[seen] / np.maximum(d_ref[seen], _EPSILON) for distance in (d_im, d_om))
    fade = 1 - np.exp(-_STEEP * np.maximum(a + b - 1, 0))
    # Distances of each pixel to the three corners: SR is HR, SR is LR, SR is neither.
    corners = np.stack([a + b * fade, b + a * fade, np.exp(-_STEEP * a * b)])
    closeness = np.exp((corners.min(axis=0) - corners) / _TEMPERATURE)
    shares = np.full((3, *seen.shape), np.nan)
    shares[:, seen] = closeness / closeness.sum(axis=0)
    return DetailMaps(improvement=shares[0], omission=shares[1], hallucination=shares[2])


def _check(lr: Image, sr: Image, hr: Image | None, scale: int) -> None:
    bands, height, width = lr.values.shape
    for name, image in (("SR", sr), ("HR", hr)):
        if image is not None and image.values.shape != (bands, height * scale, width * scale):
            found = " x ".join(map(str, image.values.shape))
            raise InputError(
                f"the {name} image is {found} (bands x rows x columns); beside an LR image of "
                f"{bands} x {height} x {width} and a scale of {scale} it should be "
                f"{bands} x {height * scale} x {width * scale}"
            )


def _border(sr: Image, scale: int) -> int:
    """Return the border in HR pixels: whole LR pixels, never more than half of a small image."""
    return min(_BORDER, *(side // 4 for side in sr.valid.shape)) // scale * scale


def _pixels(image: Image, border: int) -> tuple[Cube, Mask]:
    """Return unit values (B,h,w) inside the border, 0 where missing, and where all bands are."""
    unit = image.in_unit().values
    inner = tuple(slice(border, side - border) for side in image.valid.shape)
    values = unit[:, *inner].astype(np.float64)
    valid = np.all(~np.isnan(values), axis=0)
    return np.where(valid, values, 0.0), valid


def _resized(values: Cube, valid: Mask, scale: float) -> tuple[Cube, Mask]:
    """Resample bilinearly; what touches a missing pixel is missing."""
    share = imresize(valid.astype(np.float64), scale, method="bilinear")
    return imresize(values, scale, method="bilinear"), share > 1 - _EPSILON


def _displacement(
    lr: Image, coarse: tuple[Cube, Mask], fine: tuple[Cube, Mask], scale: int
) -> float | None:
    """Measure the shift of SR against LR in their red, green and blue, or in all bands."""
    colours = [i for i, band in enumerate(lr.bands) if band.common in ("red", "green", "blue")]
    chosen = colours if len(colours) == 3 else list(range(len(lr.bands)))
    low, high = (np.where(valid, values, np.nan)[chosen] for values, valid in (coarse, fine))
    shift = check_registration(low, high, scale, limit=_MAX_SHIFT_PX)
    return shift.length if shift.confidence >= _MIN_CONFIDENCE else None


def _harmonised(values: Cube, valid: Mask, truth: Cube, truth_valid: Mask) -> tuple[Cube, Mask]:
    """Return SR the distribution of HR and lay it on HR."""
    both = valid & truth_valid
    matched = match_histogram(values, truth, valid=both, reference_valid=both)
    shift = measure_shift(matched, truth, valid=both, limit=_MAX_SHIFT_PX)
    if shift.confidence < _MIN_CONFIDENCE or shift.length < _STILL:
        return matched, valid
    step = (shift.rows, shift.columns)
    means = matched[:, both].mean(axis=1)[:, None, None]
    moved = [ndimage.shift(band, step, mode="nearest") for band in np.where(both, matched, means)]
    share = ndimage.shift(both.astype(np.float64), step, order=1, cval=0.0)
    return np.stack(moved), share > 1 - _EPSILON


def _distance(one: Cube, two: Cube) -> Plane:
    """Return the normalised difference of (B,H,W) images, averaged over bands, in [0, 1].

    Magnitudes are added below the line, so that reflectance below zero cannot divide by zero.
    """
    return np.mean(np.abs(one - two) / (np.abs(one) + np.abs(two) + _EPSILON), axis=0)
