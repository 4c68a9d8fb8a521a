"""One convention for every comparison with a truth: batches, masks, NaN, double precision.

Images are (...,B,H,W) in unit values, masks (...,H,W), True where a pixel counts. A pixel that is
NaN or infinite in any band of either image never counts. Scores have the shape (...).
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoloupe.errors import InputError

Pixels = NDArray[Any]
Cube = NDArray[np.float64]
Mask = NDArray[np.bool_]


def batched(score: Callable[..., float]) -> Callable[..., Any]:
    """Make a score of two cubes (B,H,W) and what counts of them (H,W) one of whole batches.

    What does not count is 0 in both cubes, so that no score can depend on it.
    """

    @wraps(score)
    def over_batch(
        sr: Pixels, hr: Pixels, *, valid: Mask | None = None, **options: Any
    ) -> float | Cube:
        if sr.shape != hr.shape or sr.ndim < 3:
            raise InputError(
                f"images of {sr.shape} and {hr.shape} cannot be compared; both must be "
                "(bands, rows, columns)"
            )
        if valid is None:
            valid = np.ones((*sr.shape[:-3], *sr.shape[-2:]), bool)
        if sr.ndim == 3:
            return float(score(*_counted(sr, hr, valid), **options))
        scores = [
            over_batch(one, two, valid=counts, **options)
            for one, two, counts in zip(sr, hr, valid, strict=True)
        ]
        return np.array(scores, np.float64)

    return over_batch


def _counted(sr: Pixels, hr: Pixels, valid: Mask) -> tuple[Cube, Cube, Mask]:
    counts = valid & np.isfinite(sr).all(axis=0) & np.isfinite(hr).all(axis=0)
    if not counts.any():
        raise InputError("the images have no pixel in common that holds data")
    if counts.all():
        return sr.astype(np.float64), hr.astype(np.float64), counts
    one, two = (np.where(counts, cube, 0.0).astype(np.float64) for cube in (sr, hr))
    return one, two, counts
