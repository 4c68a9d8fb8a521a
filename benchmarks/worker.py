"""A form in a process of its own, as its users run it: timed when asked, or its memory measured.

The published code runs with the allocator as it is; our program sets its own at its entry. In one
process only one of the two would be right.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from benchmarks.cases import CASES, build
from benchmarks.forms import Form, Run, prepare, start
from benchmarks.measure import processor_seconds
from geoloupe.system.allocator import keep_freed_memory
from geoloupe.system.measuring import OwnProcess, PeakMemory, Stopwatch

WARM_UP = 3  # calls before the first that counts: freed memory settles after a few

_ready: list[Run] = []  # in a process of its own: what it runs


@dataclass(frozen=True)
class Footprint:
    """What one run took from a fresh process."""

    peak_bytes: int  # above the level with torch and the network loaded; packed weights count
    seconds: float  # processor time of the first call


@contextmanager
def worker(case: str, form: Form, *, keep_freed: bool) -> Iterator[Callable[[], float]]:
    """Get a form ready in a process; what is yielded runs it once and returns processor time."""
    with OwnProcess() as process:
        ready = process.start(_get_ready, case, form, keep_freed)

        def seconds() -> float:
            ready()
            return process.run(_seconds)

        yield seconds


def footprint(case: str, form: Form, *, keep_freed: bool) -> Footprint:
    """Measure one run in a new process; the time of its first call comes with it."""
    with OwnProcess() as process:
        return process.run(_footprint, case, form, keep_freed)


def _get_ready(case: str, form: Form, keep_freed: bool) -> None:
    _begin(keep_freed)
    run = start(form, CASES[case])
    with torch.no_grad():
        for _ in range(WARM_UP if CASES[case].runs > 1 else 1):
            run()
    _ready.append(run)


def _seconds() -> float:
    with torch.no_grad():
        return processor_seconds(_ready[0])


def _footprint(case: str, form: Form, keep_freed: bool) -> Footprint:
    _begin(keep_freed)
    network = build(CASES[case])
    with torch.no_grad(), PeakMemory() as memory:
        run = prepare(form, CASES[case], network)
        with Stopwatch() as clock:
            run()
    return Footprint(peak_bytes=memory.peak, seconds=clock.processor)


def _begin(keep_freed: bool) -> None:
    if keep_freed:
        keep_freed_memory()
    torch.set_num_threads(1)
