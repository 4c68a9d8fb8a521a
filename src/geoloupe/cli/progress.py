"""A bar on a terminal, JSON for a program that asks for it, and a line a minute elsewhere."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from geoloupe.cli.screen import say

_EVERY = 0.2  # minimum seconds between two lines of JSON
_SELDOM = 60.0  # seconds between two lines in a log


@contextmanager
def progress_bar(unit: str, *, hidden: bool = False) -> Iterator[Callable[[int, int], None]]:
    """Return a function to call with the number done and the total."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        """Items done per second."""

        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:.1f}/s")

    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), unit, Rate(), TimeRemainingColumn())
    if hidden or not console.is_terminal:
        yield _ignored if hidden else _lines(unit)
        return
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("")
        yield lambda done, count: bar.update(task, completed=done, total=count)


def _ignored(done: int, count: int) -> None:
    """Tell nobody."""


def _lines(unit: str) -> Callable[[int, int], None]:
    """Return a function that prints "images: 12 of 420, about 8 min left" to stderr now and then.

    Work that counts anew, as after learning, is reckoned anew; what was done before is not counted.
    """
    began = last = time.monotonic()
    first, whole = 0, -1

    def tell(done: int, count: int) -> None:
        nonlocal began, last, first, whole
        now = time.monotonic()
        if count != whole:
            began, first, whole = now, done, count
        if now - last < _SELDOM or not first < done < count:
            return
        last = now
        left = (now - began) / (done - first) * (count - done)
        say(f"{unit}: {done} of {count}, about {-(-left // 60):.0f} min left", to_errors=True)

    return tell


def json_progress() -> Callable[[int, int], None]:
    """Return a function that prints lines such as {"done": 3, "count": 20} to stderr."""
    last = -_EVERY

    def tell(done: int, count: int) -> None:
        nonlocal last
        now = time.monotonic()
        if done < count and now - last < _EVERY:
            return
        last = now
        say(json.dumps({"done": done, "count": count}), to_errors=True)

    return tell
