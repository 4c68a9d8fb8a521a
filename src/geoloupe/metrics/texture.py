"""Texture that an SR image shows and its LR image does not bear out: strokes one LR pixel wide.

What is seen from above holds as much energy in one octave of detail as in the next, roughly; what
is seen finely holds still finer detail as well. A network that takes noise or aliasing for edges
draws strokes at the width of an LR pixel: there is more of them than of anything coarser, and next
to nothing finer. Each view of the scene gives the same strokes, so views that agree tell nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from geoloupe.imagery.fill import fill_missing
from geoloupe.imagery.image import Image

LEAST_SCALE = (
    3  # below, the strokes are the finest that the SR image can hold, and so is all detail
)
_PATCH = 8  # LR pixels along a side of what is judged at once
_BANDS = 8  # of a cube, spread over it, are looked at
_COARSE = (0.125, 0.25)  # cycles per LR pixel: the octave that the LR image shows without doubt
_STROKES = (0.5, 1.0)  # the first that it cannot show
_FINE = (1.0, 2.0)
_FADING = 6  # as many times less finer detail than strokes is next to nothing
_STRAIGHT = 0.5  # coherence above which lines of the LR image itself lead the strokes
_SEEN = 0.02  # of the scene's contrast, below which strokes are not seen
_DARK, _BRIGHT = 2, 98  # per cent of the pixels between which the contrast lies

Plane = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Strokes:
    """What was found in one window, patch by patch."""

    strength: Plane  # (N,) deviation of strokes that nothing bears out, in unit values; 0 elsewhere
    contrast: float  # of the LR image, in unit values


def find_strokes(lr: Image, sr: Image, scale: int) -> Strokes:
    """Look for strokes in the patches of an SR image (B,H*scale,W*scale) that are full of data."""
    bands = slice(None, None, -(-len(lr.bands) // _BANDS))
    low, high = (image.in_unit().values[bands] for image in (lr, sr))
    held = np.isfinite(low).all(axis=0) & ~_pooled(np.isnan(high).any(axis=0), scale)
    rows, columns = (side // _PATCH * _PATCH for side in held.shape)
    if not held[:rows, :columns].any():
        return Strokes(strength=np.zeros(0), contrast=0.0)
    low, high = (
        fill_missing(values[:, : rows * step, : columns * step], rings=step)
        for values, step in ((low, 1), (high, scale))
    )
    whole = ~_pooled(ndimage.binary_dilation(~held[:rows, :columns], iterations=2), _PATCH)
    (coarse,) = _energies(low, (_COARSE,), 1)
    strokes, fine = _energies(high, (_STROKES, _FINE), scale)
    invented = (strokes > coarse) & (strokes > _FADING * fine) & (_coherence(low) < _STRAIGHT)
    dark, bright = np.percentile(low[:, held[:rows, :columns]], (_DARK, _BRIGHT))
    return Strokes(
        strength=np.sqrt(np.where(invented, strokes, 0.0))[whole], contrast=float(bright - dark)
    )


def texture(windows: Iterable[Strokes]) -> float | None:
    """Return the share of the patches in which strokes are seen; None without any patch."""
    found = list(windows)
    strength = np.concatenate([np.zeros(0), *(window.strength for window in found)])
    if not strength.size:
        return None
    contrast = max(window.contrast for window in found)
    return float((strength > _SEEN * contrast).mean())


def _energies(
    values: NDArray[np.float32], octaves: Sequence[tuple[float, float]], scale: int
) -> list[Plane]:
    """Return for each octave the mean square of its detail in each patch, over all bands."""
    height, width = values.shape[1:]
    # Cosines, since they mirror the image at its border and make no edge there.
    down, across = (np.arange(side) * scale / (2 * side) for side in (height, width))
    frequency = np.hypot(down[:, None], across[None])
    inside = [(frequency >= low) & (frequency < high) for low, high in octaves]
    side = _PATCH * scale
    total = np.zeros((len(octaves), height // side, width // side))
    for plane in values:
        spectrum = fft.dctn(plane, norm="ortho")
        detail = [fft.idctn(spectrum * part, norm="ortho") for part in inside]
        total += [_averaged(part.astype(np.float64) ** 2, side) for part in detail]
    return list(total / len(values))


def _coherence(values: NDArray[np.float32]) -> Plane:
    """Return how much of the gradients of (B,H,W) in each patch lie along one line: 0 to 1."""
    parts = np.zeros((3, values.shape[1] // _PATCH, values.shape[2] // _PATCH))
    for plane in values.astype(np.float64):
        down, right = (
            ndimage.gaussian_filter(plane, 0.7, order=order) for order in ((1, 0), (0, 1))
        )
        parts += [_averaged(part, _PATCH) for part in (right**2, down**2, right * down)]
    along, beside, mixed = parts
    apart = np.sqrt((along - beside) ** 2 + 4 * mixed**2)
    return np.asarray(apart / np.maximum(along + beside, np.finfo(np.float64).tiny))


def _averaged(plane: Plane, side: int) -> Plane:
    height, width = plane.shape
    cells = plane.reshape(height // side, side, width // side, side)
    return np.asarray(cells.mean(axis=(1, 3)))


def _pooled(mask: NDArray[np.bool_], side: int) -> NDArray[np.bool_]:
    """Return which cells of side x side pixels hold a True."""
    height, width = mask.shape
    return np.asarray(mask.reshape(height // side, side, width // side, side).any(axis=(1, 3)))
