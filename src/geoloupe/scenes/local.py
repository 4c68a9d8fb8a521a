"""Blocks on this machine: one thread per core, so that reading, network and writing overlap.

Each thread computes whole blocks alone, on its own share of the processor, so a block's numbers
do not depend on how many cores there are.
"""

import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch

from geoloupe.errors import OutOfMemoryError
from geoloupe.imagery.grid import Window
from geoloupe.rasters.gdal_files import packing_memory
from geoloupe.scenes.job import Job
from geoloupe.scenes.plan import Block
from geoloupe.scenes.scene import SceneRun
from geoloupe.storage.sizes import size_text
from geoloupe.system.allocator import give_back_freed_memory
from geoloupe.system.measuring import PeakMemory
from geoloupe.system.memory import available, resident
from geoloupe.system.progress import Progress

_log = logging.getLogger(__name__)

_MEMORY_SHARE = 0.6  # of free memory taken unless the user says otherwise
_SAMPLED_BLOCKS = 4  # blocks in which a tile is measured
_MIN_PILOT_PX = 16  # pixels of a side from which a tile's need is predicted, at least
_MAX_PILOT_BYTES = 2**22  # bytes of the result there, at most
_ENOUGH_FACTOR = 3  # times what one block was seen to need: then no other is measured
_GDAL_CACHE_BYTES = 2**26  # bytes of the scene GDAL caches at most, for all blocks together
_THREAD_BYTES = 2**25  # bytes a thread was seen to take whatever it does
_FRAGMENTATION = 1.3  # times what is held at once, for fragmentation


def compute_blocks(
    scene: SceneRun,
    job: Job,
    blocks: Sequence[Block],
    *,
    progress: Progress,
    before: int = 0,
    memory: int | None = None,
) -> None:
    """Compute and keep blocks; those that run out of memory are retried one by one.

    Progress counts tiles, including those finished `before`.
    """
    counter = _Counter(before, before + sum(block.count for block in blocks), progress)

    def work(block: Block) -> None:
        job.save(block, scene.compute(block, counter.add))

    threads, need = thread_count(scene, blocks, memory)
    if len(blocks) == 1:
        work(blocks[0])
        return
    _log.info("%s blocks at once, each about %.2f GB", threads, need / 1e9)
    give_back_freed_memory()  # memory freed by one thread is no use to another
    left = _in_threads(work, blocks, threads)
    for block in left:
        work(block)


class _Counter:
    """Counts the finished tiles of all threads."""

    def __init__(self, done: int, count: int, progress: Progress) -> None:
        self._done, self._all = done, count
        self._progress = progress
        self._lock = threading.Lock()

    def add(self) -> None:
        with self._lock:
            self._done += 1
            self._progress(min(self._done, self._all), self._all)


def thread_count(scene: SceneRun, blocks: Sequence[Block], memory: int | None) -> tuple[int, int]:
    """Choose how many blocks to compute at once, and return the measured bytes that each needs.

    One block that needs more than may be used is refused.
    """
    give_back_freed_memory()
    room = _Room.of(memory)
    most, places = min(os.cpu_count() or 1, len(blocks)), _spread(blocks)
    need = _need(scene, places[0], 0)
    room.refuse_less(scene, places[0], need)
    if scene.device.type != "cpu":
        return min(2, most), need  # one computes while the other reads and writes
    with _one_thread():
        need = _need(scene, places[0], _foreseen(scene, places[0]))
        room.refuse_less(scene, places[0], need)
        for block in places if len(blocks) > 1 else ():
            need = max(need, _need(scene, block, _taken(scene, _middle(block))))
            room.refuse_less(scene, block, need)
            if most * _ENOUGH_FACTOR * need <= room.free:
                break  # room for all, even if another tile takes more
    return max(min(most, room.free // need), 1), need


def refuse_crowd(
    scene: SceneRun, blocks: Sequence[Block], workers: int, memory: int | None
) -> None:
    """Refuse more processes on this machine than fit in memory."""
    _, need = thread_count(scene, blocks, memory)
    each = resident() + need
    room = int(_MEMORY_SHARE * available()) if memory is None else memory
    if workers * each > room:
        raise OutOfMemoryError(
            f"{scene.name}: each of {workers} workers needs about {size_text(each)} of "
            f"memory, and {size_text(room)} may be used; choose fewer workers, or allow more "
            "memory"
        )


@dataclass(frozen=True, kw_only=True)
class _Room:
    """The bytes that blocks may take beyond what the process already holds."""

    free: int
    why: str

    @classmethod
    def of(cls, memory: int | None) -> Self:
        """Take a part of what is free, or what the user allows if that much is free."""
        free = available()
        if memory is None:
            return cls(free=int(_MEMORY_SHARE * free), why=f"{_MEMORY_SHARE:.0%} of what is free")
        held = resident() + _GDAL_CACHE_BYTES
        reason = f"{size_text(memory)} less the {size_text(held)} that the program itself takes"
        return cls(free=min(memory - held, free), why=reason)

    def refuse_less(self, scene: SceneRun, block: Block, need: int) -> None:
        """Refuse a scene of which not even one block fits, here or as stored in the file."""
        need = max(need, packing_memory(scene.layout) - _GDAL_CACHE_BYTES)  # nothing is read then
        if need <= self.free:
            return
        tile = _middle(block)
        raise OutOfMemoryError(
            f"{scene.name}: a block of it, with tiles of {tile.width} x {tile.height} "
            f"pixels and {scene.band_count} bands, needs about {size_text(need)} of memory, "
            f"and {size_text(max(self.free, 0))} may be used ({self.why}); allow more "
            "memory, or choose a smaller tile or fewer bands"
        )


def _need(scene: SceneRun, block: Block, tile: int) -> int:
    """Estimate what a block takes while computed and kept, from what one of its tiles takes."""
    down, across, layout = block.down, block.across, scene.layout
    pixels = (down.end - down.enter) * (across.end - across.enter)
    plane = pixels * scene.scale**2 * scene.band_count * 4
    values = plane * (1 + len(layout.beside))
    strip = values // len(block.rows) if len(block.rows) > 1 else 0
    stored = plane // 4 * np.dtype(layout.radiometry.dtype).itemsize + (values - plane)
    return int(_FRAGMENTATION * (values + strip + max(tile, stored))) + _THREAD_BYTES


def _spread(blocks: Sequence[Block]) -> list[Block]:
    """Choose blocks from all over the scene: a corner may hold no data and cost nothing."""
    step = max(len(blocks) // _SAMPLED_BLOCKS, 1)
    return list(dict.fromkeys([blocks[len(blocks) // 2], *blocks[::step][:_SAMPLED_BLOCKS]]))


def _middle(block: Block) -> Window:
    """Return the window of a tile in the middle of a block."""
    tiles = list(block.strip(len(block.rows) // 2))
    return tiles[len(tiles) // 2].window


def _foreseen(scene: SceneRun, block: Block) -> int:
    """Predict what a tile takes from a small part of it: a whole one may be too much."""
    tile = _middle(block)
    least = max(scene.minimum, _MIN_PILOT_PX)
    few = int((_MAX_PILOT_BYTES / (4 * scene.band_count)) ** 0.5) // scene.scale
    height, width = (
        min(side, max(min(side // 4, few), least)) for side in (tile.height, tile.width)
    )
    part = Window(
        top=tile.top + (tile.height - height) // 2,
        left=tile.left + (tile.width - width) // 2,
        height=height,
        width=width,
    )
    scene.stacked(part)  # the first call loads what stays
    return _taken(scene, part) * (tile.height * tile.width) // (height * width)


def _taken(scene: SceneRun, window: Window) -> int:
    """Measure what making a window takes."""
    give_back_freed_memory()  # else it would be reused, and seem to cost nothing
    with PeakMemory() as memory:
        scene.stacked(window)
    return memory.peak


def _in_threads(
    work: Callable[[Block], None], blocks: Sequence[Block], threads: int
) -> list[Block]:
    """Run all blocks; return those that ran out of memory."""
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
    """Set the number of threads of every operation of this process."""
    torch.set_num_threads(count)
