"""Tables on the screen, and the same in a pipe."""

import sys

from geoloupe.errors import printable

WIDE = 160


def print_table(titles: list[str], rows: list[list[str]], numbers: set[str] | None = None) -> None:
    """Print rows under titles, those of `numbers` to the right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in titles:
        table.add_column(title, justify="right" if title in (numbers or ()) else "left")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    # A pipe has no width to fit into: give it every character.
    Console(width=None if sys.stdout.isatty() else WIDE).print(table)
