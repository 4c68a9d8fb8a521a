"""A product laid on what it was made from, so that whole pixels of it lie in each pixel there.

Upscaled products lie so by themselves. Sharpened ones follow their guide, whose pixels may lie half
a pixel off, or be shifted: they are resampled to the input's pixels, cut finer.
"""

import logging
import math
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from geoloupe.errors import InputError
from geoloupe.imagery.grid import Grid, Window
from geoloupe.imagery.meeting import Meeting
from geoloupe.models.bands import choose_bands
from geoloupe.rasters.area import AREA_TAG, window_of
from geoloupe.rasters.opening import open_source
from geoloupe.rasters.raster import is_raster
from geoloupe.rasters.source import Source
from geoloupe.rasters.warping import outline_on, warped
from geoloupe.scenes.seams import Cut

_log = logging.getLogger(__name__)

_NESTED_PX = 1e-3  # product pixels by which nested ones may miss the input's


@dataclass(frozen=True, kw_only=True)
class Overlaid:
    """Images of the same place: a product, what it was made from, and what it is compared with."""

    fine: Source
    coarse: Source
    truth: Source | None
    guide: Source | None
    scale: int
    cuts: tuple[Cut, Cut]  # into tiles, down and across
    resampled: bool  # to lie on the coarse pixels

    def within(self, window: Window) -> "Overlaid":
        """Return a part of all, in pixels of the coarse image."""
        over = window.finer(self.scale)
        return replace(
            self,
            fine=self.fine.within(over),
            coarse=self.coarse.within(window),
            truth=self.truth and self.truth.within(over),
            guide=self.guide and self.guide.within(over),
        )


@dataclass(frozen=True, kw_only=True)
class _Lattice:
    """The pixels on which a product is compared: those of its input that it covers, cut finer."""

    grid: Grid
    part: Window  # of the input
    over: Window | None  # the same in the product's own pixels, where these will do
    scale: int
    cuts: tuple[Cut, Cut]

    def laid(self, source: Source) -> Source:
        """Return an image on the product's pixels on these."""
        if self.over is not None:
            return source.within(self.over)
        if not is_raster(source):
            raise InputError(f"{source.name}: has to be resampled, which only rasters can be")
        return warped(source, self.grid, covering=False)


def overlaid(
    stack: ExitStack,
    product: str | Path,
    lr: str | Path,
    hr: str | Path | None = None,
    guide: str | Path | None = None,
) -> Overlaid:
    """Open a product, its input, perhaps the truth and the guide, and lay them on each other."""
    made, source = (stack.enter_context(open_source(name)) for name in (product, lr))
    source = _made_of(made, source)
    made = made.select(_shared_bands(made, source))
    coarse = source.select(_same_bands(source, made))
    lattice = _lattice(made, coarse)
    others = [
        None if name is None else _on_product(stack.enter_context(open_source(name)), made)
        for name in (hr, guide)
    ]
    if lattice is None:
        scale = _scale(made, coarse)
        cuts = tuple(Cut(length=length) for length in _size(coarse))
        fine = made
    else:
        scale, cuts = lattice.scale, lattice.cuts
        fine = lattice.laid(made)
        others = [each and lattice.laid(each) for each in others]
        coarse = coarse.within(lattice.part)
    fine, (truth, by) = like_input(fine, coarse), others
    if truth is not None:
        truth = like_input(truth.select(_same_bands(truth, fine)), coarse)
    return Overlaid(
        fine=fine,
        coarse=coarse,
        truth=truth,
        guide=by,
        scale=scale,
        cuts=cuts,  # type: ignore[arg-type]
        resampled=lattice is not None and lattice.over is None,
    )


def _on_product(other: Source, made: Source) -> Source:
    """Return the part of the truth, or of a guide that saw more, on a product's own pixels."""
    if _size(other) == _size(made):
        return replace(other, grid=made.grid)
    if other.grid.crs and other.grid.crs == made.grid.crs:
        window = _covered(other, made.grid, made.name, within=_NESTED_PX)
        side, (least, _) = outline_on(made, other.grid)
        top, left = (round(corner) for corner in least)
        apart = max(abs(side - 1), abs(least[0] - top), abs(least[1] - left))
        if (window.height, window.width) == _size(made) and apart < _NESTED_PX:
            return other.within(replace(window, top=top, left=left))
    raise InputError(f"{other.name}: differs in size from {made.name}")


def like_input(fine: Source, coarse: Source) -> Source:
    """Read the product with the input's radiometry, where both are stored alike.

    Ours are, in another type too, where their numbers mean what the input's do.
    """
    other = coarse.radiometry
    alike = fine.radiometry.dtype == other.dtype or (
        "GEOLOUPE_VERSION" in fine.facts.tags and _lines(fine) == _lines(coarse)
    )
    if not alike or len(set(other.low)) > 1 or len(set(other.high)) > 1:
        return fine
    return fine.with_range(other.low[0], other.high[0])


def _lines(source: Source) -> set[tuple[float, float]]:
    return {(band.scale, band.offset) for band in source.facts.bands}


def _size(source: Source) -> tuple[int, int]:
    return source.grid.height, source.grid.width


def _made_of(made: Source, source: Source) -> Source:
    """Return the part of a scene that a product was made of: as its tags say, or where it lies."""
    area = made.facts.tags.get(AREA_TAG)
    if area is not None and not _sharpened(made):
        return source.within(window_of(area, source.grid, source.name))
    whole = made.grid.height % source.grid.height == made.grid.width % source.grid.width == 0
    if whole or _sharpened(made) or not (made.grid.georeferenced and source.grid.georeferenced):
        return source
    if made.grid.crs != source.grid.crs:
        return source
    box = ",".join(repr(side) for side in made.grid.bounds)
    return source.within(window_of(box, source.grid, source.name))


def _sharpened(made: Source) -> bool:
    return "GEOLOUPE_GUIDE" in made.facts.tags


def _lattice(made: Source, coarse: Source) -> _Lattice | None:
    """Return where to compare a sharpened product with its input; None for any other."""
    if not _sharpened(made):
        return None
    beside = _beside(coarse.grid, made.grid)
    if beside is None or not is_raster(made):
        if _shift(made, _scale(made, coarse)) != (0.0, 0.0):
            _log.warning(
                "%s: its bands were moved onto its guide when it was made, which cannot be "
                "followed here: what is measured includes it",
                made.name,
            )
        return None
    coarse = replace(coarse, grid=beside)
    side, (least, _) = outline_on(coarse, made.grid)
    shift = _shift(made, side)
    there = _moved(beside, shift[0] / side, shift[1] / side)
    part = _covered(made, there, coarse.name, within=_NESTED_PX / side)
    scale = max(round(side), 1)
    down, across = (
        Cut(length=length, ratio=side, begin=corner + by + place * side)
        for length, corner, by, place in zip(
            _size(made), least, shift, (part.top, part.left), strict=True
        )
    )
    grid = there.window(part).finer(scale)
    over = Window(
        top=round(down.begin), left=round(across.begin), height=grid.height, width=grid.width
    )
    own = all(
        abs(number - round(number)) < _NESTED_PX for number in (side, down.begin, across.begin)
    )
    return _Lattice(
        grid=grid, part=part, over=over if own else None, scale=scale, cuts=(down, across)
    )


def _beside(coarse: Grid, fine: Grid) -> Grid | None:
    """Return the coarse grid where a finer one places it; None where one of them is not placed."""
    if coarse.georeferenced or fine.georeferenced:
        return coarse if bool(coarse.crs) == bool(fine.crs) else None
    meeting = Meeting.of(coarse, fine)  # of one outline
    if meeting is None:
        return None
    a, e = meeting.across.axis.ratio, meeting.down.axis.ratio
    return replace(coarse, transform=(a, 0.0, 0.0, 0.0, e, 0.0))


def _moved(grid: Grid, rows: float, columns: float) -> Grid:
    a, b, _, d, e, _ = grid.transform
    c, f = grid.place(rows, columns)
    return replace(grid, transform=(a, b, c, d, e, f))


def _covered(made: Source, grid: Grid, name: str, *, within: float) -> Window:
    """Return the pixels of the input's grid that a product covers, to a small part of one."""
    _, (first, last) = outline_on(made, grid)
    top, left = (max(math.ceil(corner - within), 0) for corner in first)
    bottom, right = (
        min(math.floor(corner + within), length)
        for corner, length in zip(last, (grid.height, grid.width), strict=True)
    )
    if bottom <= top or right <= left:
        raise InputError(f"{made.name}: covers no pixel of {name}; do they belong together?")
    return Window(top=top, left=left, height=bottom - top, width=right - left)


def _shift(made: Source, ratio: float) -> tuple[float, float]:
    """Return the rows and columns of the product by which it moved bands of this pixel size."""
    tags = made.facts.tags
    try:
        ratios = [float(word) for word in tags["GEOLOUPE_SCALE"].split(";")]
        shifts = [
            (0.0, 0.0) if word.strip() == "none" else _pair(word)
            for word in tags["GEOLOUPE_SHIFT"].split(";")
        ]
        nearest = min(zip(ratios, shifts, strict=True), key=lambda item: abs(item[0] - ratio))
    except (KeyError, ValueError):
        return 0.0, 0.0
    return nearest[1]


def _pair(word: str) -> tuple[float, float]:
    rows, columns = (float(number) for number in word.split(","))
    if not (math.isfinite(rows) and math.isfinite(columns)):
        raise ValueError(word)
    return rows, columns


def _scale(fine: Source, coarse: Source) -> int:
    down, across = (one / other for one, other in zip(_size(fine), _size(coarse), strict=True))
    if down != across or not down.is_integer() or down < 1:
        raise InputError(
            f"{fine.name}: {fine.grid.width} x {fine.grid.height} pixels are no multiple of "
            f"{coarse.name}'s {coarse.grid.width} x {coarse.grid.height}; cut both to the "
            "same place, in whole pixels of the coarser one, as gdal_translate -projwin does"
        )
    return int(down)


def _shared_bands(made: Source, source: Source) -> list[int]:
    """Choose the product bands that its input has by name; all if it has no fewer.

    A sharpened product holds bands of several pixel sizes, one of which is the input's.
    """
    everything = list(range(len(made.bands)))
    if len(made.bands) <= len(source.bands):
        return everything
    names = {band.name for band in source.bands if band.name}
    return [index for index in everything if made.bands[index].name in names] or everything


def _same_bands(source: Source, like: Source) -> list[int]:
    """Find the bands of another image by name, or take all where the counts agree."""
    names = [band.name for band in like.bands]
    if len(source.bands) == len(like.bands):
        return list(range(len(names)))
    if not all(names):
        raise InputError(
            f"{source.name}: has {len(source.bands)} bands and {like.name} {len(like.bands)}, and "
            "their names do not tell which are the same"
        )
    return choose_bands(source.bands, names, wanted=None, count=len(names))
