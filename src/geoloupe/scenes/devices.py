"""Blocks on several devices of this machine: one process each, all saving to one folder.

Python runs one thread at a time, and a GPU computes a tile faster than a thread prepares the next.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import replace
from multiprocessing import get_context
from typing import Any

from geoloupe.errors import RunError
from geoloupe.scenes.cluster import compute_block
from geoloupe.scenes.job import Job
from geoloupe.scenes.order import Errand, Order
from geoloupe.scenes.plan import Block
from geoloupe.system.progress import Progress


def compute_on_devices(
    order: Order,
    job: Job,
    blocks: Sequence[Block],
    devices: Sequence[str],
    *,
    progress: Progress,
    before: int = 0,
) -> None:
    """Have all blocks computed, each by the first free device.

    Progress counts tiles, including those finished `before`.
    """
    errand = order.errand(job.identity)
    done, count = before, before + sum(block.count for block in blocks)
    waiting = iter(blocks)
    with ExitStack() as stack:
        running: dict[Future[None], tuple[Block, Callable[[Block], Any]]] = {}
        for device in devices:
            submit = _worker(stack, errand, device)
            if (block := next(waiting, None)) is not None:
                running[submit(block)] = block, submit
        while running:
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                block, submit = running.pop(future)
                try:
                    future.result()
                except BrokenProcessPool:
                    raise RunError(
                        f"{order.scene.name}: a device's process was killed, most likely for the "
                        "memory it used; finished work is kept: run the same again to continue"
                    ) from None
                done += block.count
                progress(done, count)
                if (following := next(waiting, None)) is not None:
                    running[submit(following)] = following, submit


def _worker(stack: ExitStack, errand: Errand, device: str) -> Callable[[Block], "Future[None]"]:
    """Start a device's process; return a function that hands it a block."""
    settings: Any = errand.settings
    own = replace(errand, settings=replace(settings, device=device))
    pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    stack.callback(pool.shutdown, wait=True, cancel_futures=True)
    return lambda block: pool.submit(compute_block, own, (block.row, block.column))
