"""Means, variances and covariances of bands in a window that slides over them."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_MIN_RELATIVE_VARIANCE = (
    1e-12  # variance, against the mean square, that is rounding and not contrast
)

Cube = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Windows:
    """Statistics (B,h,w) of every band in every window that lies inside the image."""

    means: Cube
    variances: Cube
    enough: Mask  # (h,w): where at least half of a window counts, or as much as the fullest has
    _centred: Cube
    _offsets: Cube  # of the windows' means from the bands' means
    _share: Cube
    _size: tuple[int, int]
    _sigma: float | None

    @classmethod
    def over(cls, values: Cube, valid: Mask, side: int, *, sigma: float | None = None) -> Self:
        """Slide a window of at most `side` pixels a side over (B,H,W), uniform or Gaussian.

        Bands are centred first, so that a small contrast on a bright band keeps its digits.
        """
        size = (min(side, valid.shape[0]), min(side, valid.shape[1]))
        whole = np.ones((1, 1))  # spares a sixth of the work
        share = whole if valid.all() else sliding(valid.astype(np.float64), size, sigma)
        enough = share >= min(0.5, share.max()) - 1e-9
        share = np.where(share > 1e-9, share, np.inf)  # an empty window has mean 0
        centre = values[:, valid].mean(axis=1)[:, None, None]
        centred = values - centre
        centred[:, ~valid] = 0
        offsets = sliding(centred, size, sigma) / share
        variances = sliding(centred**2, size, sigma) / share - offsets**2
        means = offsets + centre
        floor = _MIN_RELATIVE_VARIANCE * (means**2 + centre**2)
        return cls(
            means=means,
            variances=np.where(variances > floor, variances, 0.0),
            enough=np.broadcast_to(enough, means.shape[1:]),
            _centred=centred,
            _offsets=offsets,
            _share=share,
            _size=size,
            _sigma=sigma,
        )

    def covariance(self, i: int, j: int) -> Cube:
        """Return the covariance (h,w) of two bands; 0 where one of them has no variance."""
        product = self._centred[i] * self._centred[j]
        mixed = sliding(product, self._size, self._sigma) / self._share
        mixed -= self._offsets[i] * self._offsets[j]
        return np.where((self.variances[i] == 0) | (self.variances[j] == 0), 0.0, mixed)

    def averaged(self, scores: Cube) -> float:
        """Average a score (h,w) over the windows that hold enough."""
        return float(scores[self.enough].mean())

    def likeness(self, i: int, j: int) -> float:
        """Average the universal image quality index (Wang and Bovik, 2002) of two bands.

        Two bands that are both black, or both flat, are alike.
        """
        one, two = self.means[i], self.means[j]
        brightness = ratio(2 * one * two, one**2 + two**2)
        contrast = ratio(2 * self.covariance(i, j), self.variances[i] + self.variances[j])
        return self.averaged(brightness * contrast)


def ratio(above: Cube, below: Cube) -> Cube:
    """Divide; nothing by nothing is 1."""
    zero = below <= 0
    return np.where(zero, 1.0, above / np.where(zero, 1.0, below))


def sliding(values: Cube, size: tuple[int, int], sigma: float | None = None) -> Cube:
    """Average (...,H,W) over every window of `size` that lies inside."""
    for axis, side in zip((-2, -1), size, strict=True):
        length = values.shape[axis]
        if sigma is None:
            means = ndimage.uniform_filter1d(values, side, axis=axis, mode="nearest")
        else:
            means = ndimage.gaussian_filter1d(
                values, sigma, axis=axis, mode="nearest", radius=side // 2
            )
        inside = slice(side // 2, length - side + side // 2 + 1)
        values = means[..., inside, :] if axis == -2 else means[..., inside]
    return values
