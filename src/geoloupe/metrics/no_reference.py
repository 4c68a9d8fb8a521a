"""Quality of images sharpened by a panchromatic band, without a true image: QNR and HQNR.

QNR (Alparone et al., 2008) asks whether the likeness between bands, and of every band to the
panchromatic one, is after fusion what it was before. HQNR (Aiazzi et al., 2014) takes the spectral
half from Khan et al. (2009) instead: the fused image, brought back, must be the original.

Fused images are (B,H*s,W*s), multispectral ones (B,H,W), panchromatic ones (H*s,W*s), or with one
band. `valid` is of the fused grid; NaN never counts, and what does not count in one image does not
count in the others. Distortions lie in [0, 1], where 0 is best; 1 is the best QNR.
"""

from dataclasses import dataclass
from itertools import combinations
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from geoloupe.errors import InputError
from geoloupe.imagery.resize import imresize
from geoloupe.metrics.windows import Windows

_MIN_WINDOW_SIDE = 2  # pixels a side of the smallest window
_GAIN = 0.3  # what most sensors pass of the finest detail of their own grid

Pixels = NDArray[Any]
Cube = NDArray[np.float64]
Mask = NDArray[np.bool_]


def qnr(
    fused: Pixels,
    ms: Pixels,
    pan: Pixels,
    *,
    pan_lr: Pixels | None = None,
    valid: Mask | None = None,
    window: int = 32,
) -> float:
    """Quality with no reference: (1 - D_lambda) (1 - D_s)."""
    spectral = d_lambda(fused, ms, valid=valid, window=window)
    spatial = d_s(fused, ms, pan, pan_lr=pan_lr, valid=valid, window=window)
    return (1 - spectral) * (1 - spatial)


def hqnr(
    fused: Pixels,
    ms: Pixels,
    pan: Pixels,
    *,
    pan_lr: Pixels | None = None,
    valid: Mask | None = None,
    window: int = 32,
) -> float:
    """Hybrid quality with no reference: (1 - Khan's D_lambda) (1 - D_s)."""
    spectral = d_lambda_khan(fused, ms, valid=valid, window=window)
    spatial = d_s(fused, ms, pan, pan_lr=pan_lr, valid=valid, window=window)
    return (1 - spectral) * (1 - spatial)


def d_lambda(fused: Pixels, ms: Pixels, *, valid: Mask | None = None, window: int = 32) -> float:
    """Average, over pairs of bands, how much their likeness changed; 0 for a single band.

    Windows cover one piece of ground at both scales, `window` pixels of the fused image.
    """
    pair = _Pair.of(fused, ms, valid=valid)
    fine = Windows.over(pair.fused, pair.valid, window)
    coarse = Windows.over(pair.ms, pair.ms_valid, max(window // pair.scale, _MIN_WINDOW_SIDE))
    bands = combinations(range(len(pair.ms)), 2)
    changes = [abs(fine.likeness(i, j) - coarse.likeness(i, j)) for i, j in bands]
    return min(float(np.mean(changes)), 1.0) if changes else 0.0


def d_s(
    fused: Pixels,
    ms: Pixels,
    pan: Pixels,
    *,
    pan_lr: Pixels | None = None,
    valid: Mask | None = None,
    window: int = 32,
) -> float:
    """Average, over bands, how much their likeness to the panchromatic band changed.

    At the coarse scale that band is `pan_lr`, or else what a coarser sensor would have seen of it.
    """
    pan = pan.reshape(1, *pan.shape[-2:])
    pair = _Pair.of(fused, ms, valid=valid, pan=pan)
    seen = _degraded(pan, pair.valid, pair.scale) if pan_lr is None else pan_lr
    seen = seen.reshape(1, *pair.ms_valid.shape)
    fine = Windows.over(np.concatenate([pair.fused, pan]), pair.valid, window)
    coarse = Windows.over(
        np.concatenate([pair.ms, seen]),
        pair.ms_valid & np.isfinite(seen[0]),
        max(window // pair.scale, _MIN_WINDOW_SIDE),
    )
    last = len(pair.ms)
    changes = [abs(fine.likeness(i, last) - coarse.likeness(i, last)) for i in range(last)]
    return min(float(np.mean(changes)), 1.0)


def d_lambda_khan(
    fused: Pixels, ms: Pixels, *, valid: Mask | None = None, window: int = 32
) -> float:
    """Return 1 less the likeness of the fused image, as the sensor would see it, to the original.

    The published form compares all bands at once by Q2n, which wants a power of two of them; here
    bands are compared one by one and averaged. `window` counts pixels of the original.
    """
    pair = _Pair.of(fused, ms, valid=valid)
    seen = _degraded(pair.fused, pair.valid, pair.scale)
    windows = Windows.over(np.concatenate([seen, pair.ms]), pair.ms_valid, window)
    last = len(pair.ms)
    likeness = np.mean([windows.likeness(i, last + i) for i in range(last)])
    return float(np.clip(1 - likeness, 0, 1))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Pair:
    """A fused image and its original, and the pixels that count: the same ground in both."""

    fused: Cube
    ms: Cube
    valid: Mask
    ms_valid: Mask
    scale: int

    @classmethod
    def of(
        cls, fused: Pixels, ms: Pixels, *, valid: Mask | None, pan: Pixels | None = None
    ) -> Self:
        bands, height, width = ms.shape
        scale = max(fused.shape[-2] // height, 1)
        grid = (height * scale, width * scale)
        if fused.shape != (bands, *grid) or (pan is not None and pan.shape[-2:] != grid):
            raise InputError(
                f"a fused image of {fused.shape} beside an original of {ms.shape} and a "
                f"panchromatic band of {None if pan is None else pan.shape[-2:]}: the bands must "
                "be as many, and the size a whole multiple"
            )
        counts = np.all(np.isfinite(fused), axis=0)
        for other in (valid, None if pan is None else np.isfinite(pan[0])):
            counts = counts if other is None else counts & other
        blocks = np.all(counts.reshape(height, scale, width, scale), axis=(1, 3))
        ms_valid = blocks & np.all(np.isfinite(ms), axis=0)
        if not ms_valid.any():
            raise InputError("the images have no pixel in common that holds data")
        return cls(
            fused=fused.astype(np.float64),
            ms=ms.astype(np.float64),
            valid=ms_valid.repeat(scale, axis=0).repeat(scale, axis=1),
            ms_valid=ms_valid,
            scale=scale,
        )


def _degraded(values: Pixels, valid: Mask, scale: int) -> Cube:
    """Return what a sensor `scale` times coarser sees of (B,H,W), from the pixels that count."""
    sigma = scale / np.pi * np.sqrt(-2 * np.log(_GAIN)) if scale > 1 else 0.0
    planes = np.concatenate([np.where(valid, values, 0.0), valid[None].astype(np.float64)])
    blurred = ndimage.gaussian_filter(planes, (0, sigma, sigma), mode="nearest")
    sampled = imresize(blurred, 1 / scale, method="bilinear", antialias=False)
    return sampled[:-1] / np.maximum(sampled[-1], 1e-9)
