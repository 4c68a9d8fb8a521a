"""`geoloupe doctor`: what is installed, and whether it works here."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from geoloupe.cli.screen import print_table, say


def doctor(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
) -> None:
    """Print what a bug report needs, and try the models that come with the program."""
    from geoloupe.models.doctor import checkup

    found = list(checkup())
    if as_json:
        say(json.dumps([asdict(finding) for finding in found], indent=2))
    else:
        rows = [
            [finding.subject, "" if finding.sound else "FAULT", finding.message]
            for finding in found
        ]
        print_table(["subject", "", "found"], rows)
    faults = sum(not finding.sound for finding in found)
    if not as_json:
        say("no fault found" if not faults else f"{faults} of these are faults")
    if faults:
        raise typer.Exit(1)
