"""An order run to completion: here, as a shard or on a cluster, then assembled."""

import time
from dataclasses import dataclass
from pathlib import Path

from geoloupe.imagery.grid import Grid
from geoloupe.imagery.radiometry import Radiometry
from geoloupe.rasters.planes import Layout
from geoloupe.scenes.assemble import assemble
from geoloupe.scenes.cluster import compute_on_cluster
from geoloupe.scenes.devices import compute_on_devices
from geoloupe.scenes.job import Job
from geoloupe.scenes.local import compute_blocks, refuse_crowd
from geoloupe.scenes.order import Order
from geoloupe.scenes.plan import Plan
from geoloupe.scenes.stac_item import item_text
from geoloupe.storage.beside import beside, check_targets
from geoloupe.system.progress import Progress


@dataclass(frozen=True, kw_only=True)
class RunOutcome:
    """How a run ended."""

    complete: bool  # False: a shard is done, and the result is yet to be assembled
    pending: int  # blocks that are missing
    skipped: int  # tiles without data
    seconds: float


@dataclass(frozen=True, kw_only=True)
class SceneResult(RunOutcome):
    """How a run ended, and what it made."""

    path: Path
    layout: Layout
    plan: Plan
    inputs: tuple[str, ...]  # files that it was made from

    @property
    def beside(self) -> dict[str, Path]:
        """The files beside the result, by layer; its STAC item is "stac"."""
        return {name: beside(self.path, name) for name in self.layout.names_beside}

    @property
    def grid(self) -> Grid:
        """The grid of the result."""
        return self.layout.grid

    @property
    def radiometry(self) -> Radiometry:
        """What the numbers read and those of the result mean."""
        return self.layout.radiometry


def run(order: Order, *, overwrite: bool, progress: Progress, started: float) -> RunOutcome:
    """Compute what is missing and assemble the result once all of it exists."""
    scene, target, settings = order.scene, order.target, order.settings
    plan, layout = scene.plan, scene.layout

    def assembled(job: Job) -> int:
        return assemble(
            job,
            scene,
            target,
            overwrite=overwrite,
            memory=settings.memory_bytes,
            item=item_text(order) if layout.packing.item else None,
        )

    skipped = pending = 0
    with Job.open(target, order.identity, alone=settings.alone) as opened:
        # Another run may have made the result before we took the lock.
        check_targets(target, layout.names_beside, overwrite=overwrite, folder=opened.folder)
        job = opened.in_place(layout) if settings.alone else opened
        job.discard_damaged_blocks(plan, layout)
        _compute(order, job, progress)
        if settings.alone:
            skipped = assembled(job)
        else:
            pending = len(job.pending(plan))
    complete = not pending and settings.shard is None
    if complete and not settings.alone:
        with job.held(alone=True):
            skipped = assembled(job)
    return RunOutcome(
        complete=complete, pending=pending, skipped=skipped, seconds=time.monotonic() - started
    )


def _compute(order: Order, job: Job, progress: Progress) -> None:
    """Compute the missing blocks, or those of a shard, here or on a cluster."""
    settings, blocks = order.settings, list(order.scene.plan.blocks)
    if settings.part is not None:
        part, parts = settings.part
        blocks = blocks[part - 1 :: parts]
    ours = sum(block.count for block in blocks)
    blocks = [block for block in blocks if not job.done(block)]
    if not blocks:
        return
    before = ours - sum(block.count for block in blocks)
    if settings.cluster is not None or settings.workers is not None:
        if settings.cluster is None and settings.workers is not None:
            refuse_crowd(order.scene, blocks, settings.workers, settings.memory_bytes)
        compute_on_cluster(order, job, blocks, progress=progress, before=before)
        return
    if len(settings.devices) > 1:
        devices = settings.devices
        compute_on_devices(order, job, blocks, devices, progress=progress, before=before)
        return
    compute_blocks(
        order.scene, job, blocks, progress=progress, before=before, memory=settings.memory_bytes
    )
