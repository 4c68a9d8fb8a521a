"""Plausible values for missing pixels, so that a network sees no hole and no NaN."""

import numpy as np
from numpy.typing import NDArray


def fill_missing(
    values: NDArray[np.float32], *, rings: int, beyond: float | None = None
) -> NDArray[np.float32]:
    """Replace the NaN of (B,H,W) by means of present neighbours, growing inwards ring by ring.

    A ring at distance d from the data depends on pixels within d of it only, so that a tile and
    the whole scene agree near the data; `beyond` is the value from `rings` on, None for the mean of
    the band, which is another for every tile. Bands without data become that, or 0.
    """
    filled = values.copy()
    for index in np.flatnonzero(np.isnan(values).any(axis=(1, 2))):
        filled[index] = _fill_band(values[index], rings, beyond)
    return filled


def _fill_band(band: NDArray[np.float32], rings: int, beyond: float | None) -> NDArray[np.float32]:
    present = ~np.isnan(band)
    if not present.any():
        return np.full_like(band, beyond or 0)
    far = band[present].mean(dtype=np.float64) if beyond is None else beyond
    band = np.where(present, band, np.float32(0))
    for _ in range(rings):
        if present.all():
            return band
        count = _neighbourhood(present.astype(np.float32))
        total = _neighbourhood(band)
        ring = ~present & (count > 0)
        band[ring] = total[ring] / count[ring]
        present |= ring
    band[~present] = far
    return band


def _neighbourhood(band: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sum the 3 x 3 pixels around each pixel of (H,W), with zeros outside."""
    padded = np.pad(band, 1)
    columns = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    total: NDArray[np.float32] = columns[:-2] + columns[1:-1] + columns[2:]
    return total
