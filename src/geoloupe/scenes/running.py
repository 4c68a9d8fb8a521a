"""A prepared job on a scene, run to its end: here, as a shard or on a cluster, then assembled.

What a job makes is its command's: `upscale` and `sharpen` prepare, and everything from there on is
the same for both.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from geoloupe import settings
from geoloupe.errors import InputError
from geoloupe.imagery.grid import Grid
from geoloupe.imagery.radiometry import Radiometry
from geoloupe.rasters.planes import Layout
from geoloupe.scenes.assemble import assemble
from geoloupe.scenes.job import Job
from geoloupe.scenes.local import compute_blocks, refuse_crowd
from geoloupe.scenes.plan import Plan
from geoloupe.scenes.scene import SceneRun
from geoloupe.scenes.work_folder import read_job, sweep, work_folder
from geoloupe.storage.beside import check_targets
from geoloupe.storage.sizes import parse_size
from geoloupe.system.progress import Progress

# What decides how a result is computed, but not what it is.
ONLY_HOW = ("memory", "shard", "cluster", "workers", "device")


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What a job may use, which does not change its result."""

    memory: str | None = None  # such as 2GB; None: a part of what is free
    shard: str | None = None  # such as 2/8: only this part of the blocks
    cluster: str | None = None  # the address of a Dask scheduler
    workers: int | None = None  # processes of a Dask cluster on this machine

    def __post_init__(self) -> None:
        if self.memory is not None:
            parse_size(self.memory)
        if self.shard is not None:
            parse_shard(self.shard)
        if self.workers is not None and self.workers < 1:
            raise ValueError(f"workers must be 1 or more, not {self.workers}")

    @property
    def memory_bytes(self) -> int | None:
        """The memory that may be used."""
        return None if self.memory is None else parse_size(self.memory)

    @property
    def alone(self) -> bool:
        """Whether this process does all of the work."""
        return not any((self.shard, self.cluster, self.workers))


@dataclass(frozen=True, kw_only=True)
class Order:
    """A scene made ready to be computed, and the place of the result."""

    scene: SceneRun
    target: Path
    job: dict[str, Any]  # what is being made, to tell a run that goes on from another
    inputs: tuple[str, ...]  # files that are read, so that none of them is written over


@dataclass(frozen=True, kw_only=True)
class RunOutcome:
    """How a run ended."""

    complete: bool  # False: a shard is done, and the result is to be assembled
    pending: int  # blocks that are missing
    skipped: int  # tiles without data
    seconds: float


@dataclass(frozen=True, kw_only=True)
class SceneResult(RunOutcome):
    """How a run ended, and what it made."""

    layout: Layout
    plan: Plan

    @property
    def grid(self) -> Grid:
        """The grid of the result."""
        return self.layout.grid

    @property
    def radiometry(self) -> Radiometry:
        """What the numbers of what was read and of the result mean."""
        return self.layout.radiometry


@dataclass(frozen=True, kw_only=True)
class Command:
    """What prepares a kind of job, and what makes its result in one call."""

    settings: type[Any]
    set_up: Callable[..., Any]
    make: Callable[..., Any]


def command(verb: str) -> Command:
    """Return the command of a name, which a job's facts and a cluster's workers hold."""
    found: Command = import_module(f"geoloupe.scenes.{verb}").COMMAND
    return found


def run(
    ready: Order, chosen: Resources, *, overwrite: bool, progress: Progress, started: float
) -> RunOutcome:
    """Compute what is missing and assemble the result, once all of it is there."""
    plan, layout = ready.scene.plan, ready.scene.layout
    assembled = partial(assemble, overwrite=overwrite, memory=chosen.memory_bytes)
    alone = chosen.alone
    skipped = pending = 0
    with Job.open(ready.target, ready.job, alone=alone) as opened:
        # Before the work was ours, another run may have made the result.
        check_targets(ready.target, layout.beside, overwrite=overwrite, folder=opened.folder)
        job = opened.in_place(layout) if alone else opened
        job.discard_damaged_blocks(plan, ready.scene.scale, layout)
        _compute(ready, job, chosen, progress)
        if alone:
            skipped = assembled(job, plan, layout, ready.target)
        else:
            pending = len(job.pending(plan))
    whole = not pending and chosen.shard is None
    if whole and not alone:
        with job.held(alone=True):
            skipped = assembled(job, plan, layout, ready.target)
    return RunOutcome(
        complete=whole, pending=pending, skipped=skipped, seconds=time.monotonic() - started
    )


def finish(target: Path, *, overwrite: bool = False) -> Any:
    """Put together a result whose blocks were computed as shards."""
    sweep(target)
    facts = read_job(target)
    call, chosen = facts["call"], dict(facts["settings"])
    chosen["guide"] = call["guide"]
    verb = call.get("verb", "upscale")
    if call["model"] is None:
        raise InputError(f"{target}: was begun with a model of a program; finish it there")
    blocks = facts["blocks"]
    missing = blocks - Job(folder=work_folder(target), facts=facts).finished()
    if missing > 0:
        raise InputError(
            f"{target}: {missing} of {blocks} blocks are missing; run the shards that did not "
            f"finish, or the same geoloupe {verb} without --shard for all that is missing"
        )
    make = command(verb).make
    return make(call["path"], target, model=call["model"], overwrite=overwrite, **chosen)


def group_before(target: Path) -> int | None:
    """Return how an unfinished run groups its tiles, which may have had more memory, or less."""
    try:
        group = read_job(target).get("group")
    except InputError:
        return None
    return group if isinstance(group, int) and group > 0 else None


def parse_shard(text: str) -> tuple[int, int]:
    """Read a part such as 2/8: the second of eight."""
    first, slash, last = text.partition("/")
    if not (slash and first.isdecimal() and last.isdecimal() and 1 <= int(first) <= int(last)):
        raise ValueError(f"shard is a part such as 2/8, not {text!r}")
    return int(first), int(last)


def _compute(ready: Order, job: Job, chosen: Resources, progress: Progress) -> None:
    """Compute the blocks that are missing, or those of a shard, here or on a cluster."""
    blocks = [block for row in ready.scene.plan.blocks for block in row]
    if chosen.shard is not None:
        part, parts = parse_shard(chosen.shard)
        blocks = blocks[part - 1 :: parts]
    ours = sum(block.count for block in blocks)
    blocks = [block for block in blocks if not job.done(block)]
    if not blocks:
        return
    before = ours - sum(block.count for block in blocks)
    if chosen.cluster is not None or chosen.workers is not None:
        from geoloupe.scenes.cluster import compute_on_cluster

        if chosen.cluster is None and chosen.workers is not None:
            refuse_crowd(ready.scene, blocks, chosen.workers, chosen.memory_bytes)
        compute_on_cluster(ready, job, blocks, chosen, progress=progress, before=before)
        return
    compute_blocks(
        ready.scene, job, blocks, progress=progress, before=before, memory=chosen.memory_bytes
    )


def set_up_again(stack: ExitStack, call: Mapping[str, Any]) -> Order:
    """Prepare in a worker of a cluster what was prepared where the job began."""
    verb = command(call["verb"])
    chosen = settings.build(verb.settings, call["settings"], call["verb"])
    ready: Order = verb.set_up(
        stack, call["path"], call["target"], call["model"], chosen, overwrite=True
    )
    return ready
