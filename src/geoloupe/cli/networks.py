"""`geoloupe networks`: what is available, and what one network is made of."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from geoloupe.cli.screen import print_table, say


def networks(
    name: Annotated[str | None, typer.Argument(help="A network to show.")] = None,
    *,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", help="A setting to show it with: scale=2.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
) -> None:
    """List the networks, or show the settings and the parts of one."""
    from geoloupe.cli.assignments import parse_assignments
    from geoloupe.networks.summary import describe, overview

    if name is None:
        rows = overview()
        if as_json:
            say(json.dumps([asdict(row) for row in rows], indent=2))
            return
        print_table(
            ["name", "task", "scales", "parameters", "paper"],
            [
                [row.name, row.task, _numbers(row.scales), f"{row.parameters:,}", row.paper]
                for row in rows
            ],
            numbers={"parameters"},
        )
        say("\ngeoloupe networks NAME shows the settings and the parts of one.")
        return
    settings, parts = describe(name, parse_assignments(assignments or ()))
    if as_json:
        content = {
            "settings": [asdict(row) for row in settings],
            "parts": [asdict(row) for row in parts],
        }
        say(json.dumps(content, indent=2))
        return
    print_table(
        ["setting", "type", "value"],
        [[row.name, row.type, json.dumps(row.value)] for row in settings],
    )
    say()
    total = sum(part.parameters for part in parts)
    body = [[part.name, part.kind, f"{part.parameters:,}", part.purpose] for part in parts]
    print_table(
        ["part", "kind", "parameters", "purpose"],
        [*body, ["in all", "", f"{total:,}", ""]],
        numbers={"parameters"},
    )


def _numbers(scales: tuple[int, ...]) -> str:
    return " ".join(f"x{scale}" for scale in scales)
