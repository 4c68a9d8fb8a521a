"""The detail of a finer image, the guide, put into bands that are coarser.

Around each coarse pixel a band is explained by the guide's bands as the band's own sensor would see
them; what explains it there is taken to explain it at the finer scale too: a generalised Laplacian
pyramid with regression in small windows (Aiazzi et al., IEEE TGRS 2002 and 2007). A band's gain and
offset are its answer's, the guide's do not matter, and it is as local as its window.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from geoloupe.networks.observation import Observation
from geoloupe.networks.resize import window_mean

WINDOW = 2  # coarse pixels on each side of the one that is explained
RIDGE = 3e-3  # of a guide band's own variance; keeps bands that are alike from taking turns


def injected(lr: Tensor, guide: Tensor, sensors: Sequence[Observation]) -> Tensor:
    """Return lr (N,C,h,w) with the detail of guide (N,G,H,W), (N,C,H,W); a sensor for each band."""
    fine, coarse = _size(guide), _size(lr)
    seen: dict[Observation, tuple[Tensor, Tensor]] = {}
    made = []
    for band, sensor in zip(lr.split(1, dim=1), sensors, strict=True):
        if sensor not in seen:
            low = sensor.observe(guide, coarse)
            seen[sensor] = low, guide - sensor.interpolate(low, fine)
        low, detail = seen[sensor]
        slopes = sensor.interpolate(_slopes(band, low).to(band), fine)
        made.append(sensor.interpolate(band, fine) + (slopes * detail).sum(1, keepdim=True))
    return torch.cat(made, dim=1)


def _slopes(band: Tensor, low: Tensor) -> Tensor:
    """Regress a band (N,1,h,w) on a guide (N,G,h,w) around each pixel: (N,G,h,w), in float64."""
    band, low = band.double(), low.double()
    mean = window_mean(_size(band), WINDOW)
    own = mean(low)
    deviation = (mean(low * low) - own * own).clamp_min(0).sqrt()
    known = deviation > 0
    inverse = torch.where(known, 1 / deviation.where(known, torch.ones_like(own)), 0)
    guides = list(zip(low.split(1, 1), own.split(1, 1), inverse.split(1, 1), strict=True))
    table = [
        [(mean(one * two) - m1 * m2) * d1 * d2 for two, m2, d2 in guides[: row + 1]]
        for row, (one, m1, d1) in enumerate(guides)
    ]
    for row, line in enumerate(table):
        line[row] = line[row].clamp_min(0) + RIDGE
    middle = mean(band)
    right = [(mean(one * band) - m1 * middle) * d1 for one, m1, d1 in guides]
    return torch.cat(_solved(table, right), dim=1) * inverse


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
