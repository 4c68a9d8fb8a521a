"""Time and peak memory of work, and work in a process of its own."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

from geoloupe.errors import OutOfMemoryError
from geoloupe.system.memory import forget_peak, resident, resident_peak

P = ParamSpec("P")
T = TypeVar("T")

_LOOK = 0.002  # seconds between two looks


class Stopwatch:
    """In a `with` statement: the seconds that passed, and those of this process's processors."""

    def __init__(self) -> None:
        self.wall = self.processor = 0.0

    def __enter__(self) -> Self:
        self.wall, self.processor = time.perf_counter(), time.process_time()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        wall, processor = time.perf_counter(), time.process_time()
        self.wall, self.processor = wall - self.wall, processor - self.processor


class _Watch:
    """Looks at the memory over and over, where the system forgets no peak: macOS and Windows."""

    def __init__(self) -> None:
        self._before, self._seen = resident_peak(), resident()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="memory", daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._over.wait(_LOOK):
            self._seen = max(self._seen, resident())

    def most(self) -> int:
        """Stop looking, and return the most that was held meanwhile."""
        self._over.set()
        self._thread.join()
        peak = resident_peak()  # more than before: then it is of this time, and exact
        return peak if peak > self._before else max(self._seen, resident())


class PeakMemory:
    """In a `with` statement: bytes of peak memory above the start, on the device that computes.

    One within another hides from the outer what was taken before it.
    """

    def __init__(self, device: Any = None) -> None:
        self.device = device
        self.peak = 0
        self._on_gpu = device is not None and device.type == "cuda"
        self._start = 0
        self._watch: _Watch | None = None

    def __enter__(self) -> Self:
        if self._on_gpu:
            import torch

            torch.cuda.reset_peak_memory_stats(self.device)
            self._start = torch.cuda.memory_allocated(self.device)
        else:
            self._watch = None if forget_peak() else _Watch()
            self._start = resident()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._on_gpu:
            import torch

            self.peak = torch.cuda.max_memory_allocated(self.device) - self._start
        else:
            most = resident_peak() if self._watch is None else self._watch.most()
            self.peak = max(most - self._start, 0)


class OwnProcess:
    """In a `with` statement: a fresh process that does one piece of work after another.

    What one left in memory hides what another takes, and the allocator is set for a whole process.
    """

    def __enter__(self) -> Self:
        self._pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what a function of a module answers there."""
        return self.start(work, *args, **kwargs)()

    def start(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Callable[[], T]:
        """Begin a piece of work; return what waits for its answer."""
        future = self._pool.submit(work, *args, **kwargs)

        def answer() -> T:
            try:
                return future.result()
            except BrokenProcessPool:
                raise OutOfMemoryError(
                    "a process that was measured was killed, most likely for the memory it took"
                ) from None

        return answer
