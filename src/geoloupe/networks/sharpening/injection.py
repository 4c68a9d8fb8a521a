"""The detail of a finer image, the guide, put into bands that are coarser.

Around each coarse pixel a band is explained by the guide's bands as the band's own sensor would see
them; what explains it there is taken to explain it at the finer scale too: a generalised Laplacian
pyramid with regression in small windows (Aiazzi et al., IEEE TGRS 2002 and 2007). A band's gain and
offset are its answer's, the guide's do not matter, and it is as local as its window.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from geoloupe.networks.doubles import doubled
from geoloupe.networks.observation import Observation
from geoloupe.networks.resize import window_mean

WINDOW = 2  # coarse pixels on each side of the one that is explained
RIDGE = 3e-3  # of a guide band's own variance; keeps bands that are alike from taking turns


@dataclass(frozen=True, kw_only=True)
class Explained:
    """A band by its guide, around each pixel."""

    plain: Tensor  # (N,1,H,W): the band interpolated
    detail: Tensor  # (N,G,H,W): what each band of the guide adds to it, in the band's own units
    low: Tensor  # (N,G,h,w): the guide as the band's sensor sees it
    slopes: Tensor  # (N,G,h,w)

    @property
    def estimate(self) -> Tensor:
        """Return the band with the guide's detail (N,1,H,W)."""
        return self.plain + self.detail.sum(1, keepdim=True)


def injected(lr: Tensor, guide: Tensor, sensors: Sequence[Observation]) -> Tensor:
    """Return lr (N,C,h,w) with the detail of guide (N,G,H,W), (N,C,H,W); a sensor for each band."""
    return torch.cat([band.estimate for band in explained(lr, guide, sensors)], dim=1)


def explained(lr: Tensor, guide: Tensor, sensors: Sequence[Observation]) -> Iterator[Explained]:
    """Explain each band of lr (N,C,h,w) with a guide (N,G,H,W); a sensor for each band."""
    fine, coarse = _size(guide), _size(lr)
    seen: dict[Observation, tuple[Tensor, Tensor]] = {}
    for band, sensor in zip(lr.split(1, dim=1), sensors, strict=True):
        if sensor not in seen:
            low = sensor.observe(guide, coarse)
            seen[sensor] = low, guide - sensor.interpolate(low, fine)
        low, lost = seen[sensor]
        slopes = _slopes(band, low).to(band)
        # Together: interpolation is many small products, whose calls take as long.
        both = sensor.interpolate(torch.cat([band, slopes], dim=1), fine)
        yield Explained(
            plain=both[:, :1],
            detail=both[:, 1:] * lost,
            low=low,
            slopes=slopes,
        )


def _slopes(band: Tensor, low: Tensor) -> Tensor:
    """Regress a band (N,1,h,w) on a guide (N,G,h,w) around each pixel: (N,G,h,w), in float64."""
    band, low = doubled(band), doubled(low)
    guides = range(low.shape[1])
    pairs = [(row, column) for row in guides for column in range(row + 1)]
    products = [low[:, row] * low[:, column] for row, column in pairs]
    # All maps at once: a hundred small calls would take longer than their sums.
    maps = torch.cat([low, band, low * band, torch.stack(products, dim=1)], dim=1)
    parts = [len(guides), 1, len(guides), len(pairs)]
    own, middle, shared, squares = window_mean(maps, WINDOW).split(parts, dim=1)
    covariance = {
        pair: square - own[:, pair[0]] * own[:, pair[1]]
        for pair, square in zip(pairs, squares.unbind(1), strict=True)
    }
    deviation = [covariance[row, row].clamp_min(0).sqrt() for row in guides]
    inverse = [
        torch.where(spread > 0, 1 / spread.where(spread > 0, torch.ones_like(spread)), 0)
        for spread in deviation
    ]
    table = [
        [covariance[row, column] * inverse[row] * inverse[column] for column in range(row + 1)]
        for row in guides
    ]
    for row, line in enumerate(table):
        line[row] = line[row].clamp_min(0) + RIDGE
    right = [
        (one - mean * middle[:, 0]) * scale
        for one, mean, scale in zip(shared.unbind(1), own.unbind(1), inverse, strict=True)
    ]
    return torch.stack(_solved(table, right), dim=1) * torch.stack(inverse, dim=1)


def _solved(table: list[list[Tensor]], right: list[Tensor]) -> list[Tensor]:
    """Solve symmetric positive systems, one a pixel: `table` holds the lower triangle as maps.

    Maps are many and systems small, so this Cholesky runs over maps, not over matrices.
    """
    lower: list[list[Tensor]] = []
    for row, line in enumerate(table):
        made: list[Tensor] = []
        for column, value in enumerate(line):
            rest = value
            for one, two in zip(made, lower[column] if column < row else made, strict=False):
                rest = rest - one * two
            made.append(rest / lower[column][column] if column < row else rest.sqrt())
        lower.append(made)
    forward: list[Tensor] = []
    for line, value in zip(lower, right, strict=True):
        rest = value
        for weight, known in zip(line, forward, strict=False):
            rest = rest - weight * known
        forward.append(rest / line[-1])
    found: list[Tensor] = []
    for row in reversed(range(len(right))):
        rest = forward[row]
        for line, known in zip(lower[row + 1 :], reversed(found), strict=True):
            rest = rest - line[row] * known
        found.append(rest / lower[row][row])
    return found[::-1]


def _size(x: Tensor) -> tuple[int, int]:
    return int(x.shape[-2]), int(x.shape[-1])
