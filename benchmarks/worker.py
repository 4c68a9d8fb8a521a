"""A form in a process of its own, timed when it is told to: each runs as its users run it.

The published code runs with the allocator as it is; our program sets its own at its entry. In one
process only one of the two would be right.
"""

import multiprocessing
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

import torch

from benchmarks.cases import CASES
from benchmarks.forms import Form, start
from geoloupe.system.allocator import keep_freed_memory

WARM_UP = 3  # calls before the first that counts: freed memory settles after a few


class Worker:
    """One case in one form, ready in another process."""

    def __init__(self, case: str, form: Form, *, keep_freed: bool) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, case, form, keep_freed))

    def __enter__(self) -> Self:
        self.process.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.join()

    def seconds(self) -> float:
        """Let it run once; return the processor time that took."""
        self.connection.send(None)
        while not self.connection.poll(1):
            if not self.process.is_alive():
                raise RuntimeError(f"a benchmark process ended with {self.process.exitcode}")
        measured: float = self.connection.recv()
        return measured


def _serve(connection: Connection, case: str, form: Form, keep_freed: bool) -> None:
    from benchmarks.measure import processor_seconds

    if keep_freed:
        keep_freed_memory()
    torch.set_num_threads(1)
    with torch.no_grad():
        run = start(form, CASES[case])
        for _ in range(WARM_UP if CASES[case].runs > 1 else 1):
            run()
        while True:
            connection.recv()
            connection.send(processor_seconds(run))
