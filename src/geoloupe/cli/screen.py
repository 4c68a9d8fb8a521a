"""What the program prints: sentences and tables, the same on a screen and in a pipe.

Names come from files that strangers made: nothing in them may control the terminal.
"""

import io
import logging
import re
import sys
from contextlib import AbstractContextManager

import typer

from geoloupe.errors import printable
from geoloupe.system import telling

WIDE = 160


def say(text: object = "", *, to_errors: bool = False) -> None:
    """Print a text."""
    typer.echo(printable(str(text)), err=to_errors)


def escape_what_cannot_be_printed() -> None:
    """Print what a console or a pipe has no letter for as an escape, as on Windows' cp1252."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


# Options that have a flag of their own; others are given with --set.
_FLAGS = ("area", "bands", "guide", "mask", "network", "sensor", "split")
_SWITCHES = ("overwrite", "resume")
_STORED = ("blocksize", "compress", "dtype", "dtype_offset", "dtype_scale", "format")
_SETTINGS = ("alpha", "anyway", "nodata", "offset", "range", "shift", "tile", "trust", *_STORED)
_ASKED = ("mean", "overlap", "(?<=such as )scale")  # of networks: not told by published weights
_NAMES = "|".join((*_FLAGS, *_SWITCHES, *_SETTINGS, *_ASKED))
_ASSIGNED = re.compile(rf"(?<![-\w./=])(?<!set )({_NAMES})=(true\b)?")


def in_flags(message: str) -> str:
    """Return a message whose settings, as in tile=64, are written as on the command line."""

    def flag(found: re.Match[str]) -> str:
        name, true = found[1], found[2] or ""
        if name in _SWITCHES:
            return f"--{name}"
        return f"--{name} {true}" if name in _FLAGS else f"--set {name}={true}"

    return _ASSIGNED.sub(flag, message)


class PlainFormatter(logging.Formatter):
    """Formats log messages about a run."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the message alone."""
        return printable(in_flags(record.getMessage()))


def collected_warnings() -> AbstractContextManager[list[str]]:
    """Yield a list that collects the warnings of the `with` block, for JSON."""
    return telling.collected_warnings(worded=in_flags)


def print_table(titles: list[str], rows: list[list[str]], numbers: set[str] | None = None) -> None:
    """Print rows under titles; columns in `numbers` are right-aligned."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in titles:
        table.add_column(
            Text(printable(title)), justify="right" if title in (numbers or ()) else "left"
        )
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    # A pipe has no width to fit into: give it every character.
    Console(width=None if sys.stdout.isatty() else WIDE).print(table)
