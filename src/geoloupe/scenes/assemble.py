"""Assemble finished blocks: what each has alone, and what it shares with its neighbours.

Across first, then down, as tiles are blended within a block, so the result does not depend on
where one block ends and the next begins.
"""

import logging
from itertools import pairwise
from pathlib import Path
from typing import Any

from geoloupe.rasters.planes import Planes
from geoloupe.rasters.product import publish_planes
from geoloupe.scenes.blend import faded_across, faded_down
from geoloupe.scenes.job import Job
from geoloupe.scenes.plan import Block
from geoloupe.scenes.scene import SceneRun, stored, stored_beside
from geoloupe.system.allocator import give_back_freed_memory

_log = logging.getLogger(__name__)


def assemble(
    job: Job,
    scene: SceneRun,
    target: Path,
    *,
    overwrite: bool,
    memory: int | None = None,
    item: str | None = None,
) -> int:
    """Make the file of a job whose blocks are all done; return how many tiles have no data."""
    plan = scene.plan
    planes = job.planes or job.placed(scene.layout)
    give_back_freed_memory()  # by the threads that computed
    canvas = _Canvas(job, planes, plan.scale)
    for row in plan.block_rows:
        for block in row:
            if job.apart(block):
                canvas.put_inside(block)
        for left, right in pairwise(row):
            canvas.put_across(left, right)
    for upper, lower in pairwise(plan.block_rows):
        canvas.put_down(upper, lower)
    _log.info("%s: all blocks are done; writing and reading back", target)
    give_back_freed_memory()
    publish_planes(planes, target, overwrite=overwrite, memory=memory, item=item)
    empty = sum(job.empty(block) for block in plan.blocks)
    job.remove()
    return empty


class _Canvas:
    """Puts parts of blocks in their place in the whole image, in HR pixels."""

    def __init__(self, job: Job, planes: Planes, scale: int) -> None:
        self.job = job
        self.planes = planes
        self.scale = scale

    def put_inside(self, block: Block) -> None:
        """Place what a block has alone."""
        top, left = block.corner
        valid = self.job.part(block, "valid")
        self.planes.put(self.job.part(block, "values"), valid, top=top, left=left)
        for layer in self.planes.beside:
            layer.put(self.job.part(block, layer.name), valid, top=top, left=left)

    def put_across(self, left: Block, right: Block) -> None:
        """Place what two side-by-side blocks share."""
        if right.across.full > right.across.enter:
            values = faded_across(self.job.part(left, "right"), self.job.part(right, "left"))
            self._put(values, left.down.full, right.across.enter)

    def put_down(self, upper: tuple[Block, ...], lower: tuple[Block, ...]) -> None:
        """Place what two rows of blocks share, including the corners of four."""
        row = lower[0].down.enter
        if lower[0].down.full == row:
            return
        before: list[Any] = []  # of the blocks to the left; a whole wide row would be too much
        for above, below in zip(upper, lower, strict=True):
            edges = [self.job.part(above, "bottom"), self.job.part(below, "top")]
            across = above.across
            ramp, last = ((x - across.enter) * self.scale for x in (across.full, across.leave))
            one, two = (edge[:, :, ramp:last] for edge in edges)
            self._put(faded_down(one, two), row, across.full)
            if before and ramp:
                one, two = (
                    faded_across(left[:, :, -ramp:], right[:, :, :ramp])
                    for left, right in zip(before, edges, strict=True)
                )
                self._put(faded_down(one, two), row, across.enter)
            before = edges

    def _put(self, values: Any, row: int, column: int) -> None:
        layout = self.planes.layout
        place = {"top": row * self.scale, "left": column * self.scale}
        pixels, valid = stored(values[: len(layout.facts.bands)], layout)
        self.planes.put(pixels, valid, **place)
        layers = stored_beside(values, layout)
        for layer in self.planes.beside:
            layer.put(layers[layer.name], valid, **place)
