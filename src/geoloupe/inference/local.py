"""Blocks on this machine: one thread a core, so that reading, network and writing overlap.

Each thread computes whole blocks and its share of the processor alone. A block's numbers then do
not depend on how many cores there are.
"""

import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager

import torch

from geoloupe.errors import OutOfMemoryError
from geoloupe.inference.job import Job
from geoloupe.inference.memory import available, peak_of
from geoloupe.inference.plan import Block
from geoloupe.inference.scene import Scene
from geoloupe.progress import Progress

_log = logging.getLogger(__name__)

_SHARE = 0.6  # of the free memory that is taken unless a person says otherwise
_LOOKED = 4  # blocks of which a tile is measured
_ROOM = 3  # times what one tile was seen to take: then no other is looked at
_COPIES = 3  # of a block in memory at most, while it is finished and written


def compute_blocks(
    scene: Scene,
    job: Job,
    blocks: Sequence[Block],
    *,
    progress: Progress,
    before: int = 0,
    memory: int | None = None,
) -> None:
    """Compute and keep blocks; those for which memory runs out are tried again one by one.

    Progress counts tiles, with those that were finished `before`.
    """
    counter = _Counter(before, before + sum(block.count for block in blocks), progress)

    def work(block: Block) -> None:
        job.save(block, scene.compute(block, counter.add), scene.predictor.signature.scale)

    if len(blocks) == 1:
        work(blocks[0])
        return
    threads, need = thread_count(scene, blocks, memory)
    _log.info("%s blocks at once, each of some %.2f GB", threads, need / 1e9)
    left = _in_threads(work, blocks, threads)
    for block in left:
        work(block)


class _Counter:
    """Counts finished tiles of all threads."""

    def __init__(self, done: int, count: int, progress: Progress) -> None:
        self._done, self._all = done, count
        self._progress = progress
        self._lock = threading.Lock()

    def add(self) -> None:
        with self._lock:
            self._done += 1
            self._progress(min(self._done, self._all), self._all)


def thread_count(scene: Scene, blocks: Sequence[Block], memory: int | None) -> tuple[int, int]:
    """Choose how many blocks are computed at once, and give the bytes that each needs, measured."""
    most = min(os.cpu_count() or 1, len(blocks))
    budget = memory if memory is not None else int(_SHARE * available())
    down, across = blocks[0].down, blocks[0].across
    pixels = (down.stop - down.start) * (across.stop - across.start)
    scale = scene.predictor.signature.scale
    copies = _COPIES * pixels * scale**2 * len(scene.source.bands) * 4
    tile = 0
    with _one_thread():
        for block in _spread(blocks):
            tile = max(tile, _peak(scene, block))
            if tile and most * (_ROOM * tile + copies) <= budget:
                break  # there is room for all, even if another tile takes more
    need = tile + copies
    if scene.predictor.device.type != "cpu":
        return min(2, most), need  # one computes while the other reads and writes
    return max(min(most, budget // need), 1), need


def _spread(blocks: Sequence[Block]) -> list[Block]:
    """Choose some blocks from all over the scene: a corner may hold no data and cost nothing."""
    step = max(len(blocks) // _LOOKED, 1)
    return list(dict.fromkeys([blocks[len(blocks) // 2], *blocks[::step][:_LOOKED]]))


def _peak(scene: Scene, block: Block) -> int:
    """Measure what a tile of a block takes."""
    tile = list(block.strip(len(block.rows) // 2))[len(block.columns) // 2]
    if not scene.has_data(tile.window):
        return 0
    return peak_of(lambda: scene.predict(tile.window))


def _in_threads(
    work: Callable[[Block], None], blocks: Sequence[Block], threads: int
) -> list[Block]:
    """Work on all blocks; give those for which memory ran out."""
    failed: list[Block] = []
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        waiting: dict[Future[None], Block] = {pool.submit(work, block): block for block in blocks}
        try:
            while waiting:
                finished, _ = wait(waiting, return_when=FIRST_COMPLETED, timeout=0.5)
                for future in finished:
                    block = waiting.pop(future)
                    try:
                        future.result()
                    except (MemoryError, OutOfMemoryError):
                        failed.append(block)
        except BaseException:
            pool.shutdown(cancel_futures=True, wait=True)
            raise
    return failed


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def use_threads(count: int) -> None:
    """Let every operation of this process be shared by so many threads."""
    torch.set_num_threads(count)
