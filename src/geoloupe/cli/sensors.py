"""`geoloupe sensors`: the known sensors, and the figures of one with their sources."""

import json
from typing import Annotated

import typer

from geoloupe.cli.screen import print_table, say


def sensors(
    name: Annotated[str | None, typer.Argument(help="A sensor or a satellite to show.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
) -> None:
    """List the sensors, or show the bands of one and where its figures come from."""
    from geoloupe.imagery.sensors import listing, table
    from geoloupe.settings import dump

    chosen = [table.load_sensor(one) for one in ([name] if name else table.sensors())]
    if as_json:
        shown = [dump(sensor) for sensor in chosen]
        say(json.dumps(shown[0] if name else shown, indent=2))
    elif name is None:
        rows = [[sensor.name, f"{sensor.typical_mtf:.2f}", sensor.about] for sensor in chosen]
        print_table(["name", "MTF", "about"], rows, numbers={"MTF"})
        say("\ngeoloupe sensors NAME shows its bands. MTF: contrast at Nyquist, mean of the bands.")
    else:
        (sensor,) = chosen
        say(f"{sensor.name}: {sensor.about}\n")
        print_table(list(listing.COLUMNS), listing.rows(sensor), set(listing.COLUMNS[2:]))
        say(f"{listing.KEY}\n")
        for figure, text in listing.citations(sensor):
            say(f"{figure}: {text}")
