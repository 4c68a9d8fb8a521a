"""A rectangle of a scene through a model, tile by tile as each is done; writes nothing."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from geoloupe import settings
from geoloupe.errors import InputError
from geoloupe.imagery.grid import Window
from geoloupe.imagery.image import Image
from geoloupe.models.model import Model
from geoloupe.rasters.opening import open_source
from geoloupe.rasters.planes import Layout
from geoloupe.scenes.choices import (
    chosen_optics,
    layout_of,
    load_chosen,
    plan_of,
    predictor_for,
    select_bands_and_range,
    settled,
)
from geoloupe.scenes.plan import Plan, Span, make_plan
from geoloupe.scenes.scene import Enlargement
from geoloupe.scenes.upscale_order import UpscaleSettings, open_guide

_QUICK = 96  # LR pixels of a tile that count, where its size is free: quick to show


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A tile of a box: the scene's pixels it reads, and the box's pixels it decides."""

    read: Window
    core: Window


@dataclass(frozen=True, kw_only=True, eq=False)
class Box:
    """A rectangle ready to be computed; `layout` is the whole scene's result."""

    window: Window
    scene: Enlargement
    layout: Layout
    model: str
    cells: tuple[Cell, ...]

    def compute(self, cell: Cell) -> Image | None:
        """Return the pixels that a cell decides, as the result stores them; None without data."""
        answer = self.scene.predict(cell.read)
        if answer is None:
            return None
        inside = Window(
            top=cell.core.top - cell.read.top,
            left=cell.core.left - cell.read.left,
            height=cell.core.height,
            width=cell.core.width,
        )
        image = answer.crop(inside.finer(self.scene.scale))
        return image.in_radiometry(self.layout.radiometry)


def open_box(
    stack: ExitStack,
    path: str | Path,
    window: Window,
    *,
    model: str | Path | Model | None = None,
    **options: Any,
) -> Box:
    """Open a scene for one rectangle of it; everything else is as in `upscale`.

    Tiles are those of the whole scene where they decide the answer, so that the box shows what the
    product will; elsewhere they are small, so that the first arrives soon.
    """
    chosen = settings.build(UpscaleSettings, options, "upscale")
    loaded = load_chosen(model, chosen)
    chosen = settled(chosen, loaded)
    source = stack.enter_context(
        open_source(
            path,
            alpha=chosen.alpha,
            nodata=chosen.nodata,
            trust=chosen.trust,
            mask=chosen.mask,
            offset=chosen.offset,
        )
    )
    _refuse_outside(source.name, window, source.grid.height, source.grid.width)
    source = select_bands_and_range(source, loaded, chosen)
    optics = chosen_optics(source, chosen)
    plan = plan_of(source, loaded, chosen, optics=optics)
    layout = layout_of(source, loaded, plan, chosen, optics=optics)
    guide = open_guide(stack, chosen, loaded, layout.grid)
    if plan.fit:
        plan = _quick(plan)
    return Box(
        window=window,
        scene=Enlargement(
            source=source,
            guide=guide,
            predictor=predictor_for(loaded, optics, chosen),
            plan=plan,
            layout=layout,
        ),
        layout=replace(layout, facts=replace(layout.facts, gcps=(), rpcs=None)),
        model=loaded.card.name,
        cells=tuple(_cells(plan, window)),
    )


def _quick(plan: Plan) -> Plan:
    """Return a plan of smaller tiles where the answer does not depend on them."""
    tile = min(plan.tile, _QUICK + 3 * plan.margin)
    size = (plan.height, plan.width)
    return make_plan(size, tile=tile, margin=plan.margin, scale=plan.scale, fit=True)


def _cells(plan: Plan, window: Window) -> Iterator[Cell]:
    """List the tiles that decide a window, each with the part it decides."""
    for down, (top, bottom) in _decided(plan.rows, window.top, window.height):
        for across, (left, right) in _decided(plan.columns, window.left, window.width):
            yield Cell(
                read=Window(
                    top=down.start,
                    left=across.start,
                    height=down.stop - down.start,
                    width=across.stop - across.start,
                ),
                core=Window(top=top, left=left, height=bottom - top, width=right - left),
            )


def _decided(
    spans: tuple[Span, ...], start: int, length: int
) -> Iterator[tuple[Span, tuple[int, int]]]:
    """List spans and the part of a stretch each decides: up to the middle of each blend."""
    for span in spans:
        first = max((span.enter + span.full) // 2, start)
        last = min((span.leave + span.end) // 2, start + length)
        if first < last:
            yield span, (first, last)


def _refuse_outside(name: str, window: Window, height: int, width: int) -> None:
    inside = min(window.top, window.left) >= 0 and min(window.height, window.width) >= 1
    if not inside or window.top + window.height > height or window.left + window.width > width:
        raise InputError(f"{name}: the box does not lie within its {width} x {height} pixels")
