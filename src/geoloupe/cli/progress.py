"""A bar on a terminal, lines of JSON for a program that asks for them, and silence elsewhere."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from geoloupe.cli.screen import say

_EVERY = 0.2  # minimum seconds between two lines


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
    silent = hidden or not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=silent) as bar:
        task = bar.add_task("")
        yield lambda done, count: bar.update(task, completed=done, total=count)


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
