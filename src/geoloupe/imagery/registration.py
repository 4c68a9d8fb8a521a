"""How far one image lies beside another: sub-pixel phase correlation of their edges.

Edges with their direction, because bands and sensors agree on where land changes and on neither
how bright it is nor which side is brighter: the gradient is a complex number whose angle is
doubled, so that opposite contrasts are the same. Phase, because every frequency then votes once;
at last a Fourier transform at hundredths of a pixel around the peak (Guizar-Sicairos, Thurman and
Fienup 2008).
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy  # whose parts are imported when they are used
from numpy.typing import NDArray

from geoloupe.errors import InputError
from geoloupe.imagery.resize import imresize

_MIN_SIDE_PX = 8  # pixels a side below which there is no spectrum to speak of
_REACH = 4  # standard deviations around a hole that its filling can touch
_PASS = 0.12  # standard deviation, in cycles per pixel, of the weight of frequencies
_LOBE = 5  # pixels around the peak that belong to it
_MIN_RELATIVE_CONTRAST = 1e-6  # contrast against the greatest value that rounding alone could make

Plane = NDArray[np.float64]
Complex = NDArray[np.complex128]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Shift:
    """How many pixels an image lies below and right of another, and how far to trust it.

    `confidence` is 1 less the ratio of the highest other peak to the peak: near 1 where one shift
    explains all, under a half where the images share nothing, 0 where there is nothing to see.
    """

    rows: float = 0.0
    columns: float = 0.0
    confidence: float = 0.0
    compared: bool = False  # there was something to see in both

    @property
    def length(self) -> float:
        """The distance in pixels."""
        return float(np.hypot(self.rows, self.columns))


def measure_shift(
    reference: NDArray[Any],
    moved: NDArray[Any],
    *,
    valid: Mask | None = None,
    limit: int | None = None,
    detail: float = 1.0,
) -> Shift:
    """Find the shift for which moved[r + rows, c + columns] is reference[r, c].

    Both are (H,W) or (B,H,W), where bands count alike and their numbers may differ. Pixels that
    are NaN or that `valid` (H,W) excludes do not count. `limit` bounds the whole pixels either
    way; without it, up to a quarter of a side is sought. `detail` is the standard deviation, in
    pixels, of the Gaussian that edges are taken of: more where images hold no single pixels.
    """
    shape = reference.shape[-2:]
    if moved.shape[-2:] != shape:
        raise InputError(
            f"images of {shape[1]} x {shape[0]} and {moved.shape[-1]} x {moved.shape[-2]} pixels "
            "cannot be compared; bring them to one grid first"
        )
    if min(shape) < _MIN_SIDE_PX:
        return Shift()
    seen = np.ones(shape, bool) if valid is None else valid
    edges = _edges(reference, seen, detail), _edges(moved, seen, detail)
    bounds = [side // 4 if limit is None else min(limit, side // 2) for side in shape]
    coarse = _correlate(*edges, (0, 0), bounds, detail)
    if coarse is None:
        return Shift()
    # What overlaps is compared once more: what came in at one side would blur and draw the peak.
    whole = int(np.rint(coarse.rows)), int(np.rint(coarse.columns))
    fine = _correlate(*edges, whole, [min(1, bound) for bound in bounds], detail)
    return coarse if fine is None else fine


def check_registration(
    lr: NDArray[Any],
    hr: NDArray[Any],
    scale: int,
    *,
    valid: Mask | None = None,
    limit: int | None = None,
) -> Shift:
    """Measure, in HR pixels, how far `hr` (B,H*s,W*s) lies from where `lr` (B,H,W) says.

    The LR image is enlarged to the HR grid, and the HR image passes through the LR grid, so that
    both show the same detail. `valid` is of the HR grid.
    """
    height, width = lr.shape[-2:]
    if hr.shape[-2:] != (height * scale, width * scale):
        raise InputError(
            f"an HR image of {hr.shape[-1]} x {hr.shape[-2]} pixels is not {scale} times "
            f"{width} x {height}"
        )
    lr, hr = (values.reshape(-1, *values.shape[-2:]).astype(np.float64) for values in (lr, hr))
    absent, missing = ~np.isfinite(lr), ~np.isfinite(hr)
    if valid is not None:
        missing |= ~valid
    enlarged = imresize(_filled(np.where(absent, np.nan, lr)), scale)
    holes = imresize(absent.astype(np.float64), scale, method="nearest") > 0
    through = imresize(imresize(_filled(np.where(missing, np.nan, hr)), 1 / scale), scale)
    lost = holes.any(axis=0) | missing.any(axis=0)
    seen = ~scipy.ndimage.maximum_filter(
        lost, 4 * scale + 1
    )  # the bicubic kernel spans 4 LR pixels
    detail = max(scale / 2, 1.0)
    return measure_shift(enlarged, through, valid=seen, limit=limit, detail=detail)


def _filled(values: NDArray[Any]) -> Plane:
    """Replace the NaN of (...,H,W) by each band's mean, or 0 where a band has nothing."""
    values = values.astype(np.float64)
    present = np.isfinite(values)
    count = present.sum(axis=(-2, -1), keepdims=True)
    total = np.where(present, values, 0.0).sum(axis=(-2, -1), keepdims=True)
    return np.where(present, values, total / np.maximum(count, 1))


def _edges(values: NDArray[Any], valid: Mask, detail: float) -> tuple[Complex, Mask]:
    """Return the edges (H,W), bands averaged at one contrast, and where they are known."""
    bands = values.reshape(-1, *values.shape[-2:]).astype(np.float64)
    present = np.isfinite(bands) & valid
    bands = _filled(np.where(present, bands, np.nan))
    edges = np.zeros(valid.shape, np.complex128)
    for band in bands:
        down, across = (
            scipy.ndimage.gaussian_filter(band, detail, order=order, mode="nearest")
            for order in ((1, 0), (0, 1))
        )
        strength = np.hypot(down, across)
        contrast = float(np.sqrt(np.mean(strength**2)))
        if contrast > _MIN_RELATIVE_CONTRAST * np.abs(band).max():
            doubled = (across + 1j * down) ** 2
            edges += doubled / (contrast * np.maximum(strength, _MIN_RELATIVE_CONTRAST * contrast))
    reach = 2 * math.ceil(_REACH * detail) + 1
    clear: Mask = scipy.ndimage.minimum_filter(present.all(axis=0), reach, mode="nearest")
    return edges, clear


def _correlate(
    reference: tuple[Complex, Mask],
    moved: tuple[Complex, Mask],
    start: tuple[int, int],
    bounds: list[int],
    detail: float,
) -> Shift | None:
    """Correlate what overlaps after a whole shift `start`, seeking `bounds` pixels around it."""
    here, there = _part(tuple(-step for step in start)), _part(start)
    clear = reference[1][here] & moved[1][there]
    one, other = _spectrum(reference[0][here], clear), _spectrum(moved[0][there], clear)
    if one is None or other is None:
        return None
    cross = other * np.conj(one)
    size = np.abs(cross)
    cross = cross / (size + size.mean() + np.finfo(float).tiny)
    cross *= _frequency_weight(cross.shape, _PASS / detail)
    surface = np.fft.ifft2(cross).real
    peak = _highest(surface, bounds)
    confidence = _confidence(surface, peak, _LOBE * detail)
    rows, columns = _refine(cross, peak)
    return Shift(
        rows=round(start[0] + rows, 2),
        columns=round(start[1] + columns, 2),
        confidence=confidence,
        compared=True,
    )


def _part(start: tuple[int, ...]) -> tuple[slice, ...]:
    """Return the pixels from `start` on, or, where it is negative, up to it from the end."""
    return tuple(slice(max(step, 0), min(step, 0) or None) for step in start)


def _spectrum(edges: Complex, clear: Mask) -> Complex | None:
    """Transform (H,W), or give None if it is flat.

    Holes take the mean and borders fade to it: both are then silent.
    """
    if not clear.any():
        return None
    centred = np.where(clear, edges - edges[clear].mean(), 0.0)
    if not centred.any():
        return None
    return np.fft.fft2(centred * np.outer(*(np.hanning(side + 2)[1:-1] for side in edges.shape)))


def _frequency_weight(shape: tuple[int, ...], spread: float) -> Plane:
    """A Gaussian over frequencies: the finest, where sensors alias and noise sits, count least."""
    rows, columns = (np.exp(-((np.fft.fftfreq(side) / spread) ** 2) / 2) for side in shape)
    return np.outer(rows, columns)


def _highest(surface: Plane, bounds: list[int]) -> tuple[int, int]:
    """Return the signed shift of the highest value within `bounds` of no shift."""
    rows, columns = (np.arange(-bound, bound + 1) for bound in bounds)
    near = surface[np.ix_(rows, columns)]
    row, column = np.unravel_index(int(near.argmax()), near.shape)
    return int(rows[row]), int(columns[column])


def _confidence(surface: Plane, peak: tuple[int, int], lobe: float) -> float:
    """Compare the peak with the highest value that lies outside its lobe."""
    height = surface[peak]
    rows, columns = (
        np.minimum(distance, side - distance) > lobe
        for distance, side in (
            ((np.arange(side) - step) % side, side)
            for step, side in zip(peak, surface.shape, strict=True)
        )
    )
    others = surface[rows[:, None] | columns]
    if not height > 0 or not others.size:
        return 0.0
    return float(np.clip(1 - others.max() / height, 0, 1))


def _refine(cross: Complex, peak: tuple[int, int]) -> tuple[float, float]:
    """Find the maximum near a whole-pixel peak, first in tenths of a pixel, then in hundredths."""
    row, column = float(peak[0]), float(peak[1])
    for step in (0.1, 0.01):
        offsets = np.arange(-10, 11) * step
        rows, columns = row + offsets, column + offsets
        down = np.exp(2j * np.pi * np.outer(rows, np.fft.fftfreq(cross.shape[0])))
        across = np.exp(2j * np.pi * np.outer(np.fft.fftfreq(cross.shape[1]), columns))
        values = (down @ cross @ across).real
        best = np.unravel_index(int(values.argmax()), values.shape)
        row, column = float(rows[best[0]]), float(columns[best[1]])
    return row, column
