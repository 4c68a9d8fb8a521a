"""What a run would do: its size, memory and time measured on one tile, and that tile to see."""

from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from geoloupe import settings
from geoloupe.imagery.grid import Window
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT
from geoloupe.models.model import Model
from geoloupe.rasters.facts import Facts
from geoloupe.rasters.product import write_image
from geoloupe.scenes.commands import COMMANDS
from geoloupe.scenes.local import thread_count
from geoloupe.scenes.order import Order
from geoloupe.scenes.plan import Block, Plan
from geoloupe.storage.publish import refuse_inputs
from geoloupe.system.measuring import Stopwatch
from geoloupe.system.memory import resident

_LAYERS = ("uncertainty", "detail")  # options for files beside a product, of which none is made


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What is known before the run."""

    target: Path
    width: int
    height: int
    bands: int
    dtype: str
    range: str | None  # of its values, from dark to bright
    sensor: str  # that it is taken to be of
    mtf: str  # of each band
    tiles: int
    blocks: int
    threads: int
    bytes: int  # of the result, uncompressed
    disk: int  # bytes the work needs at most
    memory: int  # bytes the process takes at most while computing
    seconds: float  # of computing alone, from one tile in the middle


def forecast(
    path: str | Path,
    output: str | Path | None = None,
    *,
    model: str | Path | Model | None = None,
    overwrite: bool = False,
    verb: str = "upscale",
    **options: Any,
) -> Forecast:
    """Plan a run and measure one tile of it; nothing is written."""
    asked = COMMANDS[verb]
    chosen = settings.build(asked.settings, options, verb)
    with ExitStack() as stack:
        order = asked.set_up(stack, path, output, model, chosen, overwrite=overwrite)
        scene, plan, layout = order.scene, order.scene.plan, order.scene.layout
        blocks = list(plan.blocks)
        threads, need = thread_count(scene, blocks, chosen.memory_bytes)
        memory = resident() + threads * need
        (tile,) = _middle(plan).strip(0)
        scene.stacked(tile.window)  # the first call takes memory and is slower
        with Stopwatch() as clock:
            scene.stacked(tile.window)
    count = sum(block.count for block in blocks)
    return Forecast(
        target=order.target,
        width=layout.grid.width,
        height=layout.grid.height,
        bands=len(layout.facts.bands),
        dtype=layout.radiometry.dtype,
        range=layout.facts.tags.get("GEOLOUPE_RANGE"),
        sensor=layout.facts.tags["GEOLOUPE_SENSOR"],
        mtf=layout.facts.tags["GEOLOUPE_MTF"],
        tiles=count,
        blocks=len(blocks),
        threads=threads,
        bytes=layout.size,
        disk=layout.peak_disk_bytes,
        memory=memory,
        seconds=clock.wall * count / threads,
    )


def preview(
    path: str | Path,
    output: str | Path | None = None,
    *,
    model: str | Path | Model | None = None,
    overwrite: bool = False,
    verb: str = "upscale",
    **options: Any,
) -> Path:
    """Write one tile from the middle of the scene as its own file, alone; return its name."""
    options = {name: value for name, value in options.items() if name not in _LAYERS}
    asked = COMMANDS[verb]
    chosen = settings.build(asked.settings, options, verb)
    with ExitStack() as stack:
        order = asked.set_up(stack, path, output, model, chosen, overwrite=True)
        block = _middle(order.scene.plan)
        thread_count(order.scene, [block], chosen.memory_bytes)  # refuses a tile without room
        (tile,) = block.strip(0)
        target = order.target.with_name(f"{order.target.stem}_preview{order.target.suffix}")
        refuse_inputs(target, path, *order.inputs)
        image, facts = _tile(order, tile.window)
        packing = replace(order.scene.layout.packing, item=False)
        write_image(target, image, facts=facts, packing=packing, overwrite=overwrite)
    return target


def _tile(order: Order, window: Window) -> tuple[Image, Facts]:
    scene = order.scene
    answer = scene.predict(window)
    fine = window.finer(scene.scale)
    if answer is None:  # nothing to see: all nodata
        empty = np.full((scene.band_count, fine.height, fine.width), np.nan, np.float32)
        bands = tuple(facts.band for facts in scene.layout.facts.bands)
        grid = scene.layout.grid.window(fine)
        answer = Image.of(empty, radiometry=UNIT, bands=bands, grid=grid)
    facts = scene.layout.facts.moved(fine.top, fine.left)
    return answer.in_radiometry(scene.layout.radiometry), replace(facts, rpcs=None)


def _middle(plan: Plan) -> Block:
    """Return a block of a single tile, from the middle."""
    block = plan.block_rows[len(plan.block_rows) // 2][len(plan.block_rows[0]) // 2]
    row = len(block.rows) // 2
    return replace(block, rows=block.rows[row : row + 1], columns=block.columns[:1])
