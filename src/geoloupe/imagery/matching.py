"""Giving one image the brightness of another, band by band, by moments or by quantiles.

Values are (B,H,W) and masks (H,W), True where a pixel counts; NaN and infinity never count. The
two images need one number of bands, not one size. What does not count is returned as it came.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from geoloupe.errors import InputError

_MIN_RELATIVE_CONTRAST = (
    1e-12  # contrast, against the greatest value, that is rounding and not contrast
)

Mask = NDArray[np.bool_]
Pixels = NDArray[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Line:
    """A gain and an offset (B,1,1) for each band; one without contrast takes the mean alone."""

    gain: NDArray[np.float64]
    offset: NDArray[np.float64]

    @classmethod
    def between(cls, values: Pixels, reference: Pixels) -> Self:
        """Find the line by which (B,H,W) gets the moments of (B,h,w); NaN does not count."""
        if len(values) != len(reference):
            raise InputError(
                f"an image of {len(values)} bands cannot be matched to one of {len(reference)}"
            )
        lines = [
            _line(band[np.isfinite(band)], target[np.isfinite(target)])
            for band, target in zip(values, reference, strict=True)
        ]
        gain, offset = (np.array(column)[:, None, None] for column in zip(*lines, strict=True))
        return cls(gain=gain, offset=offset)

    def __call__(self, values: Pixels) -> Pixels:
        """Apply it to any part of the image (B,h,w), in its precision."""
        return (values * self.gain + self.offset).astype(values.dtype)


def match_histogram(
    values: Pixels,
    reference: Pixels,
    *,
    valid: Mask | None = None,
    reference_valid: Mask | None = None,
) -> Pixels:
    """Return every band the distribution of the reference's band: quantile for quantile.

    A value's quantile is the share of pixels that do not exceed it. Where as many pixels count in
    both and no value repeats, the result holds exactly the reference's values.
    """
    if len(values) != len(reference):
        raise InputError(
            f"an image of {len(values)} bands cannot be matched to one of {len(reference)}"
        )
    matched = values.astype(np.result_type(values.dtype, np.float32))
    for band, target, result in zip(values, reference, matched, strict=True):
        counts = np.isfinite(band) if valid is None else np.isfinite(band) & valid
        known = np.isfinite(target) if reference_valid is None else reference_valid
        sought = target[known & np.isfinite(target)]
        if counts.any() and sought.size:
            result[counts] = _quantiles(band[counts].astype(np.float64), sought.astype(np.float64))
    return matched


def _line(band: Pixels, sought: Pixels) -> tuple[float, float]:
    """Return the gain and offset that bring pixels (N,) to the moments of (M,)."""
    if not band.size or not sought.size:
        return 1.0, 0.0
    spread, mean = band.std(dtype=np.float64), band.mean(dtype=np.float64)
    flat = spread <= _MIN_RELATIVE_CONTRAST * np.abs(band).max()
    gain = 0.0 if flat else sought.std(dtype=np.float64) / spread
    return float(gain), float(sought.mean(dtype=np.float64) - mean * gain)


def _quantiles(band: Pixels, sought: Pixels) -> Pixels:
    """Map pixels (N,) to the values of (M,) that stand at the same quantiles."""
    _, place, counts = np.unique(band, return_inverse=True, return_counts=True)
    known, known_counts = np.unique(sought, return_counts=True)
    shares = np.cumsum(counts) / band.size
    known_shares = np.cumsum(known_counts) / sought.size
    return np.interp(shares, known_shares, known)[place]
