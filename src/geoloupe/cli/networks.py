"""`geoloupe networks`: what there is to choose from, and what one network is made of."""

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer

WIDE = 160


def networks(
    name: Annotated[str | None, typer.Argument(help="A network to look into.")] = None,
    *,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", help="Look at it with this setting: scale=2.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
) -> None:
    """List the networks, or show the settings and the parts of one."""
    from geoloupe.networks.summary import describe, overview
    from geoloupe.settings import parse_assignments

    if name is None:
        rows = overview()
        if as_json:
            typer.echo(json.dumps([asdict(row) for row in rows], indent=2))
            return
        _print_table(
            ["name", "task", "factors", "parameters", "paper"],
            [
                [row.name, row.task, _factors(row.scales), f"{row.parameters:,}", row.paper]
                for row in rows
            ],
            numbers={"parameters"},
        )
        typer.echo("\ngeoloupe networks NAME shows the settings and the parts of one.")
        return
    settings, parts = describe(name, parse_assignments(assignments or ()))
    if as_json:
        content = {
            "settings": [asdict(row) for row in settings],
            "parts": [asdict(row) for row in parts],
        }
        typer.echo(json.dumps(content, indent=2))
        return
    _print_table(
        ["setting", "type", "value"],
        [[row.name, row.type, json.dumps(row.value)] for row in settings],
    )
    typer.echo()
    total = sum(part.parameters for part in parts)
    body = [[part.name, part.kind, f"{part.parameters:,}", part.purpose] for part in parts]
    _print_table(
        ["part", "kind", "parameters", "purpose"],
        [*body, ["in all", "", f"{total:,}", ""]],
        numbers={"parameters"},
    )


def _factors(scales: tuple[int, ...]) -> str:
    return " ".join(f"x{scale}" for scale in scales)


def _print_table(titles: list[str], rows: list[list[str]], numbers: set[str] | None = None) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in titles:
        table.add_column(title, justify="right" if title in (numbers or ()) else "left")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    # A pipe has no width to fit into: give it every character.
    Console(width=None if sys.stdout.isatty() else WIDE).print(table)
