"""Whether the tiles of a product can be told from its pixels."""

import math
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from geoloupe.files.source import Source
from geoloupe.imagery.grid import Window
from geoloupe.inference.plan import Span, span, span_count

_SEAMS = 8  # that are looked at along each axis
_LENGTH = 256  # pixels of each that are looked at
_SURE = 2  # standard errors that may be chance


def seam_energy(product: Source, tags: Mapping[str, str], scale: int) -> dict[str, float]:
    """Compare edges across seams with those beside them; nothing where there are no seams.

    The value is by what share the mean difference of neighbours exceeds that beside, less what it
    may by chance: a cloud's edge that happens to lie along one seam is not found along the others.
    """
    try:
        tile, margin = int(tags["GEOLOUPE_TILE"]), int(tags["GEOLOUPE_MARGIN"])
    except (KeyError, ValueError):
        return {}
    if margin < 0 or tile <= 2 * margin:
        return {}
    fit = tags.get("GEOLOUPE_REACH") == "local"
    height, width = product.grid.height // scale, product.grid.width // scale
    both = [
        _ratios(product, _seams(length, tile, margin, fit=fit), scale, upright=upright)
        for length, upright in ((width, True), (height, False))
    ]
    found = [_excess(np.array(ratios)) for ratios in both if ratios]
    return {"seams": max(found)} if found else {}


def _excess(ratios: NDArray[np.float64]) -> float:
    """Give by what share edges on seams (N,) exceed those beside (N,), less two deviations."""
    on, beside = ratios.T
    if not beside.any():
        return 0.0
    ratio, count = on.sum() / beside.sum(), len(on)
    apart = np.sum((on - ratio * beside) ** 2)
    chance = math.sqrt(apart / max(count * (count - 1), 1)) / beside.mean()
    return float(max(ratio - 1 - _SURE * chance, 0.0))


def _seams(length: int, tile: int, margin: int, *, fit: bool) -> Iterator[Span]:
    """List some of the tiles that follow another along an axis, spread over all of it."""
    count = span_count(length, tile=tile, margin=margin) - 1
    for index in range(1, count + 1, -(-count // _SEAMS) or 1):
        yield span(index, length, tile=tile, margin=margin, fit=fit)


def _ratios(
    product: Source, seams: Iterable[Span], scale: int, *, upright: bool
) -> list[tuple[float, float]]:
    found = []
    for seam in seams:
        start, stop = seam.enter * scale, seam.full * scale
        if stop > start:
            found += _along(product, start, stop, upright=upright)
    return found


def _along(product: Source, start: int, stop: int, *, upright: bool) -> list[tuple[float, float]]:
    """Give mean edges on a seam and beside it, at two places along it."""
    room = stop - start
    across, along = product.grid.width, product.grid.height
    if not upright:
        across, along = along, across
    first, last = max(start - room - 1, 0), min(stop + room + 1, across)
    found = []
    for place in (along // 3, 2 * along // 3):
        begin = max(min(place, along - _LENGTH), 0)
        length = min(_LENGTH, along)
        window = (
            Window(top=begin, left=first, height=length, width=last - first)
            if upright
            else Window(top=first, left=begin, height=last - first, width=length)
        )
        values = product.read(window).in_unit().values.astype(np.float64)
        edges = np.abs(np.diff(values, axis=2 if upright else 1))
        edges = edges if upright else edges.transpose(0, 2, 1)
        on = _mean(edges[:, :, start - first : stop - first])
        beside = _mean(np.delete(edges, np.s_[start - first : stop - first], axis=2))
        if np.isfinite(on) and np.isfinite(beside):
            found.append((on, beside))
    return found


def _mean(edges: NDArray[np.float64]) -> float:
    present = edges[~np.isnan(edges)]
    return float(present.mean()) if present.size else float("nan")
