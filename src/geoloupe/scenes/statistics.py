"""What a method must know about a whole scene: the moments of its features, in one pass."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from geoloupe.errors import InputError
from geoloupe.imagery.grid import Window
from geoloupe.imagery.meeting import Meeting
from geoloupe.networks.sharpening.method import Method, Sharpener
from geoloupe.scenes.fusion import Coarse, Reading

_WINDOW_COARSE_PX = 256  # coarse pixels of a window of the pass
_HALO_COARSE_PX = 8  # coarse pixels read beyond it, for the sensors' reach


def fitted(method: Method, reading: Reading, group: Coarse, size: tuple[int, int]) -> Sharpener:
    """Return the map a method applies to a group's tiles, once it knows the scene; size is H, W.

    Sums run over the coarse pixels of windows in a fixed order, in double precision, so every
    machine that shares the work gets the same.
    """
    total, count = None, 0.0
    for window, inner in _windows(group.meeting, size):
        found = _moments(method, reading, group, window, inner)
        if found is None:
            return method.fitted(None)
        total = found if total is None else total + found
        count = float(total[0, 0])
    if total is None or not count:
        raise InputError(f"{group.source.name}: none of its pixels has data where the guide has")
    return method.fitted(total / count)


def _moments(
    method: Method, reading: Reading, group: Coarse, window: Window, inner: Window
) -> Tensor | None:
    """Sum the products of all features over the coarse pixels of `inner`; None: it has none."""
    guide = reading.guide_at(window)
    seen = reading.seen(window, group, guide)
    place, _ = group.meeting.part(window)
    with torch.inference_mode():
        features = method.features(seen.lr, seen.guide, group.sensors(seen.meeting))
    if features is None:
        return None
    rows = np.array(seen.meeting.down.under(window.height))
    columns = np.array(seen.meeting.across.under(window.width))
    absent = np.isnan(guide.values[list(reading.looked)]).any(0)
    clear = ~np.isnan(seen.coarse.in_unit().values).any(0)
    holes = np.nonzero(absent)
    clear[rows[holes[0]], columns[holes[1]]] = False
    top, left = inner.top - place.top, inner.left - place.left
    part = Window(top=top, left=left, height=inner.height, width=inner.width).slices
    kept = torch.from_numpy(clear[part].copy())
    chosen = features[0].cpu().double()[:, part[0], part[1]][:, kept]
    return chosen @ chosen.T


def _windows(meeting: Meeting, size: tuple[int, int]) -> Iterator[tuple[Window, Window]]:
    """Cut the coarse pixels under a product into windows: the product's, padded, and coarse."""
    whole = Window(top=0, left=0, height=size[0], width=size[1])
    under, _ = meeting.part(whole)
    for top in range(under.top, under.top + under.height, _WINDOW_COARSE_PX):
        for left in range(under.left, under.left + under.width, _WINDOW_COARSE_PX):
            inner = Window(
                top=top,
                left=left,
                height=min(_WINDOW_COARSE_PX, under.top + under.height - top),
                width=min(_WINDOW_COARSE_PX, under.left + under.width - left),
            )
            yield meeting.over(inner, size, around=_HALO_COARSE_PX), inner
