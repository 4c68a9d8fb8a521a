"""Which bands are coarse and which image guides them, and how they lie on each other."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

from geoloupe.errors import InputError, errors_named
from geoloupe.imagery.grid import Window
from geoloupe.imagery.radiometry import Radiometry
from geoloupe.imagery.spectra import Band
from geoloupe.models.bands import choose_bands
from geoloupe.rasters.area import window_of
from geoloupe.rasters.facts import BandFacts, Facts
from geoloupe.rasters.landsat import landsat_product, open_landsat
from geoloupe.rasters.meeting import met
from geoloupe.rasters.opening import open_source
from geoloupe.rasters.planes import Layout
from geoloupe.rasters.sentinel2 import open_product, product_name
from geoloupe.rasters.source import Opening, Source
from geoloupe.rasters.stac import open_groups, stac_name
from geoloupe.scenes.bad_bands import good_bands, left_out
from geoloupe.scenes.fusion import Coarse
from geoloupe.scenes.optics import optics_of

if TYPE_CHECKING:
    from geoloupe.scenes.sharpen_settings import SharpenSettings


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A guide and coarse images; bands of the guide may be part of the result, as they are."""

    guide: Source
    coarse: tuple[Source, ...]
    with_guide: bool = False

    @property
    def sources(self) -> tuple[Source, ...]:
        """Where the bands of the result come from, the guide last if it is one of them."""
        return (*self.coarse, self.guide) if self.with_guide else self.coarse


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A guide and groups of coarse bands on its grid, and what the result will be."""

    guide: Source
    looked: tuple[int, ...]  # guide bands that methods see
    groups: tuple[Coarse, ...]
    through: Mapping[int, int]  # result bands that are the guide's own: which of its bands
    crop: Window  # of the guide: where there are coarse bands
    layout: Layout

    @property
    def files(self) -> tuple[str, ...]:
        """All files read."""
        return (*self.guide.files, *(file for group in self.groups for file in group.source.files))


def open_pair(stack: ExitStack, path: str | Path, chosen: "SharpenSettings") -> Opened:
    """Open a scene and its guide, or a product that holds both."""
    opening = Opening(
        alpha=chosen.alpha,
        nodata=chosen.nodata,
        trust=chosen.trust,
        mask=chosen.mask,
        offset=chosen.offset,
    )
    if chosen.guide is None:
        found = _open_product(stack, path, opening)
        if found is not None:
            return found
        raise InputError(
            f"{path}: no finer image is known to guide it; name one of the same place as the "
            "guide, or a product that holds both: a Sentinel-2 .SAFE, a Landsat Level-1 folder or "
            "tar"
        )
    coarse = open_source(
        path,
        alpha=chosen.alpha,
        nodata=chosen.nodata,
        trust=chosen.trust,
        mask=chosen.mask,
        offset=chosen.offset,
    )
    stack.enter_context(coarse)
    guide = stack.enter_context(open_source(chosen.guide, trust=chosen.trust))
    return Opened(guide=guide, coarse=(coarse,))


def _open_product(stack: ExitStack, path: str | Path, opening: Opening) -> Opened | None:
    """Open the coarse and fine bands of one product; None for anything else."""
    sentinel, landsat = product_name(str(path)), landsat_product(str(path))
    item = stac_name(str(path))
    if opening.offset is not None and item is None:
        raise InputError(f"{path}: says itself what its numbers mean; leave out offset")
    if sentinel is not None:
        folder, size = sentinel
        if not folder.exists():
            raise InputError(f"{folder}: no such file or folder")
        sizes = ("20m", "60m") if size == "10m" else (size,)
        fine, *rest = (
            stack.enter_context(open_product(folder, each, opening)) for each in ("10m", *sizes)
        )
        return Opened(guide=fine, coarse=tuple(rest), with_guide=size == "10m")
    if landsat is not None:
        ms, pan = (stack.enter_context(each) for each in open_landsat(landsat, opening))
        return Opened(guide=pan, coarse=(ms,))
    return None if item is None else _open_item(stack, *item, opening)


def _open_item(stack: ExitStack, name: str, size: str | None, opening: Opening) -> Opened:
    """Open the coarse and fine bands of a STAC item."""
    fine, *rest = (stack.enter_context(each) for each in open_groups(name, None, opening))
    coarse = tuple(each for each in rest if size is None or each.name.endswith(f":{size}"))
    if not coarse:
        raise InputError(f"{name}: its item has no bands coarser than {fine.name} to sharpen")
    return Opened(guide=fine, coarse=coarse, with_guide=size is None and len(fine.bands) > 1)


def laid(opened: Opened, chosen: "SharpenSettings") -> Pair:
    """Choose bands and place them on the guide; crop the result to where all have pixels."""
    guide, sources = opened.guide, opened.sources
    order = _order(sources, chosen.bands)
    told = {} if chosen.bands is not None else left_out(sources[order[0][0]])
    places = [
        {band: place for place, (at, band) in enumerate(order) if at == index}
        for index in range(len(sources))
    ]
    parts = [
        (source.select(list(found)), tuple(found.values()))
        for source, found in zip(opened.coarse, places, strict=False)
        if found
    ]
    if not parts:
        raise InputError(f"{guide.name}: all chosen bands are as fine as the guide")
    meetings = [met(part, guide) for part, _ in parts]
    with errors_named(parts[0][0].name):
        crop = _common([meeting.overlap(guide.grid) for _, meeting in meetings])
    if chosen.area is not None:
        wanted = window_of(chosen.area, guide.grid, guide.name)
        with errors_named(guide.name):
            crop = _common([crop, wanted])
    mtfs = _each_mtf(chosen.mtf, [len(found) for _, found in parts])
    groups = tuple(
        Coarse(
            source=source,
            meeting=meeting.within(crop),
            optics=optics_of(source, sensor=chosen.sensor, mtf=mtf),
            places=found,
        )
        for (source, meeting), (_, found), mtf in zip(meetings, parts, mtfs, strict=True)
    )
    through = places[-1] if opened.with_guide else {}
    with errors_named(guide.name):
        looked = _looked(guide, chosen.guide_bands)
    layout = _layout(guide, crop, sources, order, [source for source, _ in meetings])
    return Pair(
        guide=guide,
        looked=tuple(looked),
        groups=groups,
        through={place: band for band, place in through.items()},
        crop=crop,
        layout=replace(layout, facts=layout.facts.tagged(told)),
    )


def _order(
    sources: Sequence[Source], words: str | tuple[str | int, ...] | None
) -> list[tuple[int, int]]:
    """List the bands of the result as (source, band), as they are named or by their names."""
    known = [
        (at, index, band)
        for at, source in enumerate(sources)
        for index, band in enumerate(source.bands)
        if words is not None or not source.facts.bands[index].bad
    ]
    if not known:
        raise InputError(f"{sources[0].name}: calls all its bands bad; choose some with bands=1,2")
    if len(sources) > 1:
        known.sort(key=lambda item: item[2].name.replace("B8A", "B08A"))
    with errors_named(sources[0].name):
        chosen = _chosen([band for *_, band in known], words)
    return [known[place][:2] for place in chosen]


def _chosen(bands: Sequence[Band], words: str | tuple[str | int, ...] | None) -> list[int]:
    named = words.split(",") if isinstance(words, str) else words
    return choose_bands(bands, named, wanted=None, count=None)


def _looked(guide: Source, words: str | tuple[str | int, ...] | None) -> list[int]:
    """Choose the bands that methods see: those that are named, else all but the bad ones."""
    if words is not None:
        return _chosen(guide.bands, words)
    left_out(guide, option="guide_bands")
    return good_bands(guide, option="guide_bands")


def _common(windows: Sequence[Window]) -> Window:
    """Return where all windows overlap."""

    def both(one: Window, other: Window) -> Window:
        top, left = max(one.top, other.top), max(one.left, other.left)
        bottom = min(one.top + one.height, other.top + other.height)
        right = min(one.left + one.width, other.left + other.width)
        if bottom <= top or right <= left:
            raise InputError("its bands show different places")
        return Window(top=top, left=left, height=bottom - top, width=right - left)

    return reduce(both, windows)


def _each_mtf(
    mtf: float | tuple[float, ...] | None, counts: Sequence[int]
) -> list[float | tuple[float, ...] | None]:
    """Split what the user says of all coarse bands among their groups."""
    if mtf is None or isinstance(mtf, float | int) or len(mtf) == 1:
        return [mtf] * len(counts)
    if len(mtf) != sum(counts):
        raise InputError(f"{len(mtf)} MTFs are given, but {sum(counts)} bands are sharpened")
    starts = [sum(counts[:index]) for index in range(len(counts))]
    return [mtf[start : start + count] for start, count in zip(starts, counts, strict=True)]


def _layout(
    guide: Source,
    crop: Window,
    sources: Sequence[Source],
    order: Sequence[tuple[int, int]],
    read: Sequence[Source],
) -> Layout:
    """Return the layout of the result: the bands' type and radiometry on the guide's grid."""
    radiometries = [sources[at].select([band]).radiometry for at, band in order]
    first = radiometries[0]
    for (at, _), other in zip(order, radiometries, strict=True):
        if (other.dtype, other.nodata) != (first.dtype, first.nodata):
            raise InputError(
                f"{sources[at].name}: holds {other.dtype} with nodata {other.nodata}, other bands "
                f"{first.dtype} with nodata {first.nodata}; choose bands stored alike"
            )
    bands: list[BandFacts] = [sources[at].facts.bands[band] for at, band in order]
    coarse = sources[order[0][0]].facts.afresh()
    marks = {source.facts.mask for source in (*read, guide)} != {"none"}
    holes = marks or guide.radiometry.nodata is not None
    floating = first.dtype.startswith("float")
    mask = "mask" if holes and first.nodata is None and not floating else "none"
    return Layout(
        grid=guide.grid.window(crop),
        radiometry=_joined(radiometries),
        facts=Facts(bands=tuple(bands), tags=coarse.tags, mask=mask),  # type: ignore[arg-type]
    )


def _joined(radiometries: Sequence[Radiometry]) -> Radiometry:
    """Join the radiometries of single bands."""
    low, high, zero = (
        tuple(getattr(each, name)[0] for each in radiometries) for name in ("low", "high", "zero")
    )
    same = len({(a, b, c) for a, b, c in zip(low, high, zero, strict=True)}) == 1
    cut = slice(0, 1) if same else slice(None)
    return replace(radiometries[0], low=low[cut], high=high[cut], zero=zero[cut])
