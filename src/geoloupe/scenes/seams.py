"""Whether the tiles of a product show in its pixels.

The scene itself is removed first: what a small filter can make of the input's pixels, and along
the seam every place where the input has an edge of its own. In what remains, steps along seams
are compared with steps beside them.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy  # whose parts are imported when they are used
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from geoloupe.imagery.grid import Window
from geoloupe.rasters.source import Source
from geoloupe.scenes.plan import span, span_count

_SEAMS = 8  # examined along each axis
_PLACES = 4  # on each of them
_LENGTH = 48  # LR pixels of each place
_FILTER = 5  # LR pixels along a side of the filter that explains a product
_GUARD = 3  # LR pixels next to a seam that count neither as seam nor as beside it
_MIN_STRIP_ROOM = 8  # least LR pixels beyond them, to compare with
_QUIET_SHARE = 0.6  # of the places in a strip, by the edges of the input there
_QUIET_ONE_IN = 4  # one place in this many must be quiet, or nothing is concluded
_SHARPENED = 0.15  # of an input edge, which a network may add to it without a seam
_MAX_DISSENT = 1 / 3  # of the strips may show less of a step common to most
_ALONE = 3  # as many times stronger than all beside it,
_ANYWHERE = 1.5  # and than all beside any seam, and a single step is a seam
_DARK, _BRIGHT = 2, 98  # per cent of the pixels between which the contrast lies
_MIN_CONTRAST = 1 / 256  # of the value range: the least contrast assumed of a flat scene

Cube = NDArray[np.float64]
Steps = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Cut:
    """An axis of a product that was cut into tiles, whose pixels may not be those of its input."""

    length: int  # pixels that were cut: of the input or, of a sharpened product, its own
    ratio: float = 1.0  # of them along a side of an LR pixel
    begin: float = 0.0  # where the first LR pixel looked at begins among them

    def on_lr(self, place: int) -> float:
        """Return where one of them begins, in LR pixels."""
        return (place - self.begin) / self.ratio

    def ramp(self, length: int) -> int:
        """Return how many LR pixels hold all of a ramp, wherever it begins."""
        inside = self.ratio == 1 and float(self.begin).is_integer()
        return length if inside else math.ceil(length / self.ratio) + 1


@dataclass(frozen=True, kw_only=True, eq=False)
class _Strip:
    """Steps (N,) on a seam and (M,) beside it, and the input's pixels around both."""

    on: Steps
    beside: Steps
    lr: Cube


def seam_steps(
    product: Source,
    lr: Source,
    tags: Mapping[str, str],
    scale: int,
    cuts: tuple[Cut, Cut] | None = None,
) -> float | None:
    """Return the step of brightness that seams show, as a share of the scene's contrast.

    It is what most places along most seams, or one clear seam alone, have in common beyond what
    lies beside them. None where there are no seams, or nothing is quiet enough to see them. `cuts`
    say what was cut into tiles, down and across; by default, the LR image was.
    """
    try:
        tile, margin = int(tags["GEOLOUPE_TILE"]), int(tags["GEOLOUPE_MARGIN"])
    except (KeyError, ValueError):
        return None
    if margin < 0 or tile <= 2 * margin:
        return None
    fit = tags.get("GEOLOUPE_REACH") == "local"
    found: list[list[_Strip]] = []
    lengths = lr.grid.height, lr.grid.width
    down, across = cuts or (Cut(length=lengths[0]), Cut(length=lengths[1]))
    for upright, cut, length in ((True, across, lengths[1]), (False, down, lengths[0])):
        seams = _seams(cut, length, tile, margin, fit=fit)
        pairs = list(_looked_at(product, lr, seams, scale, upright=upright))
        found += [[strip for strip in kind if strip] for kind in zip(*pairs, strict=True)]
    usable = [strips for strips in found if strips]
    if not usable:
        return None
    pixels = np.concatenate([strip.lr.ravel() for strips in usable for strip in strips])
    dark, bright = np.nanpercentile(pixels, (_DARK, _BRIGHT))
    return max(map(_excess, usable)) / max(float(bright - dark), _MIN_CONTRAST)


def _excess(strips: Sequence[_Strip]) -> float:
    """Return how much steps on seams exceed those beside: most seams, or a single one."""
    fewest = min(len(strip.beside) for strip in strips)
    usual = np.median([strip.beside[:fewest] for strip in strips], axis=0).max()
    common = np.quantile([strip.on for strip in strips], _MAX_DISSENT, axis=0).max() - usual
    greatest = _ANYWHERE * max(strip.beside.max() for strip in strips)
    alone = max(strip.on.max() - max(_ALONE * strip.beside.max(), greatest) for strip in strips)
    return float(max(common, alone, 0.0))


@dataclass(frozen=True, kw_only=True)
class _Seam:
    """A seam in LR pixels: the later tile fades in over [enter, full), alone in [begin, end)."""

    begin: int
    enter: int
    full: int
    end: int


def _seams(cut: Cut, length: int, tile: int, margin: int, *, fit: bool) -> Iterator[_Seam]:
    """List some seams along an axis of `length` LR pixels, spread over all of it."""
    count = span_count(cut.length, tile=tile, margin=margin) - 1
    for index in range(1, count + 1, -(-count // _SEAMS) or 1):
        before, after = (
            span(number, cut.length, tile=tile, margin=margin, fit=fit)
            for number in (index - 1, index)
        )
        enter = math.floor(cut.on_lr(after.enter))
        seam = _Seam(
            begin=max(math.ceil(cut.on_lr(before.full)), 0),
            enter=enter,
            full=enter + cut.ramp(after.full - after.enter),
            end=min(math.floor(cut.on_lr(after.leave)), length),
        )
        if seam.begin <= seam.enter and seam.full <= seam.end:
            yield seam


def _looked_at(
    product: Source,
    lr: Source,
    seams: Iterable[_Seam],
    scale: int,
    *,
    upright: bool,
) -> Iterator[tuple[_Strip | None, _Strip | None]]:
    """Examine places spread over seams, each between two tiles of an axis."""
    along = lr.grid.height if upright else lr.grid.width
    length = min(_LENGTH, along)
    count = min(-(-along // length), _PLACES)
    for seam in seams:
        ramp = seam.full - seam.enter
        room = ramp + max(ramp, _MIN_STRIP_ROOM) + _GUARD
        first, last = max(seam.enter - room, seam.begin), min(seam.full + room, seam.end)
        for place in range(count):
            start = (along - length) * (place + 1) // (count + 1)
            window = Window(top=start, left=first, height=length, width=last - first)
            if not upright:
                window = Window(top=first, left=start, height=last - first, width=length)
            low, high = _units(lr, window), _units(product, window.finer(scale))
            if not upright:
                low, high = low.transpose(0, 2, 1), high.transpose(0, 2, 1)
            yield _across(low, high, scale, (seam.enter - first, seam.full - first))


def _units(source: Source, window: Window) -> Cube:
    return source.read(window).in_unit().values.astype(np.float64)


def _across(
    low: Cube, high: Cube, scale: int, seam: tuple[int, int]
) -> tuple[_Strip | None, _Strip | None]:
    """Measure steps across (B,n,w) LR pixels: within two of them, and across the whole ramp."""
    rest = _unexplained(low, high, scale)
    if rest is None:
        return None, None
    half = scale // 2 if scale % 2 == 0 else 1
    whole = scale // half  # in these, as all positions from here on
    enter, full = seam[0] * whole, seam[1] * whole
    ramp, guard = full - enter, _GUARD * whole
    cells, seen = _cells(rest, scale, half), _cells(_enlarged(low, scale), scale, half)
    busy = _busy(low, whole)
    cells[:, busy] = seen[:, busy] = np.nan
    edges = _edges(seen, whole)
    sharp, wide = _steps(cells, edges, whole), _wide_steps(cells, edges, ramp + whole, whole)
    place = np.arange(len(sharp)) + whole
    start = np.arange(len(wide)) + whole
    return (
        _strip(
            sharp[(place >= enter - 1) & (place <= full + 1)],
            sharp[(place < enter - guard) | (place > full + guard)],
            low,
        ),
        _strip(
            wide[start == enter],
            wide[(start + ramp + whole <= enter - guard) | (start - whole >= full + guard)],
            low,
        ),
    )


def _strip(on: Steps, beside: Steps, low: Cube) -> _Strip | None:
    """Keep what was measured unless it is too little; an uninformative place shows no step."""
    if not np.isfinite(on).any() or not np.isfinite(beside).any():
        return None
    return _Strip(on=np.nan_to_num(on), beside=np.nan_to_num(beside), lr=low)


def _unexplained(low: Cube, high: Cube, scale: int) -> Cube | None:
    """Subtract from each band what a small LR filter of the input, fitted to it, explains."""
    bands, height, width = low.shape
    around, count = _FILTER // 2, _FILTER**2
    beyond = np.pad(low, ((0, 0), (around, around), (around, around)), mode="edge")
    near = sliding_window_view(beyond, (_FILTER, _FILTER), axis=(1, 2))
    near = near.reshape(bands, height * width, count)
    parts = high.reshape(bands, height, scale, width, scale).transpose(0, 1, 3, 2, 4)
    made = parts.reshape(bands, height * width, scale * scale)
    rest = np.full_like(made, np.nan)
    for band in range(bands):
        middle = near[band, :, count // 2, None]
        known = near[band] - middle
        known[:, count // 2] = 1  # an offset instead of the middle, which is subtracted from both
        wanted = made[band] - middle
        whole = np.isfinite(known).all(axis=1) & np.isfinite(wanted).all(axis=1)
        if whole.sum() * _QUIET_ONE_IN < len(whole):
            return None
        taps = np.linalg.lstsq(known[whole], wanted[whole], rcond=None)[0]
        rest[band] = wanted - known @ taps
    parts = rest.reshape(bands, height, width, scale, scale).transpose(0, 1, 3, 2, 4)
    return parts.reshape(high.shape)


def _cells(rest: Cube, scale: int, half: int) -> Cube:
    """Average over LR pixels, including those between two of them along the rows: (B,n,P)."""
    bands, height, width = rest.shape
    fine = rest.reshape(bands, height // scale, scale, width // half, half).mean(axis=(2, 4))
    return sliding_window_view(fine, scale // half, axis=2).mean(axis=3)


def _busy(low: Cube, whole: int) -> NDArray[np.bool_]:
    """Return where (n,P) the input has edges of its own that a network may have sharpened."""
    size, absent = (1, 3, 5), np.isnan(low)
    highest = scipy.ndimage.maximum_filter(np.where(absent, -np.inf, low), size)
    lowest = scipy.ndimage.minimum_filter(np.where(absent, np.inf, low), size)
    total = (highest - lowest).sum(axis=0)
    known: NDArray[np.bool_] = np.logical_not(absent.any(axis=0))
    busy = np.logical_not(known)
    busy[known] = total[known] > np.quantile(total[known], _QUIET_SHARE)
    left = np.arange((busy.shape[1] - 1) * whole + 1) // whole
    right = -(-np.arange((busy.shape[1] - 1) * whole + 1) // whole)
    return busy[:, left] | busy[:, right]


def _edges(seen: Cube, whole: int) -> Cube:
    """Return the edge (B,P) that the input itself has near each position, along most rows."""
    steps = np.nan_to_num(np.abs(_common(seen, whole)))
    after, before = (np.pad(steps, ((0, 0), ends)) for ends in ((0, whole), (whole, 0)))
    return np.maximum(after, before)  # across its end, and across its beginning


def _wide_steps(cells: Cube, edges: Cube, gap: int, whole: int) -> Steps:
    """Measure steps across a ramp, and up and down again within it."""
    steps, middle = _steps(cells, edges, gap), gap // 2
    if middle < whole:
        return steps
    there = _steps(cells, edges, middle)[: len(steps)]
    back = _steps(cells, edges, gap - middle)[middle:]
    return np.fmax(steps, np.fmax(there, back))


def _steps(cells: Cube, edges: Cube, gap: int) -> Steps:
    """Return the step (P - gap,) in the band where it is greatest, minus what edges explain.

    NaN where too few rows are quiet.
    """
    explained = _SHARPENED * np.maximum(edges[:, gap:], edges[:, :-gap])
    steps = np.maximum(np.abs(_common(cells, gap)) - explained, 0.0)
    return np.asarray(np.fmax.reduce(steps, axis=0))


def _common(cells: Cube, gap: int) -> Cube:
    """Return the median over rows of the step (B,P - gap) from each position to one further on."""
    apart = np.sort(cells[:, :, gap:] - cells[:, :, :-gap], axis=1)  # NaN come last
    count = np.isfinite(apart).sum(axis=1, keepdims=True)
    low, high = (
        np.take_along_axis(apart, np.maximum(place, 0), axis=1)[:, 0]
        for place in ((count - 1) // 2, count // 2)
    )
    few = count[:, 0] * _QUIET_ONE_IN < apart.shape[1]
    return np.where(few, np.nan, (low + high) / 2)


def _enlarged(low: Cube, scale: int) -> Cube:
    return low.repeat(scale, axis=1).repeat(scale, axis=2)
