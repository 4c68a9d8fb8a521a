"""`geoloupe inspect`: how far a product can be trusted."""

import json
from pathlib import Path
from typing import Annotated

import typer

from geoloupe.cli.scenes import Area
from geoloupe.cli.screen import collected_warnings, print_table, say


def inspect(
    product: Annotated[str, typer.Argument(help="The product.")],
    *,
    lr: Annotated[str, typer.Option("--lr", help="The input it was made from.")],
    hr: Annotated[
        str | None, typer.Option("--hr", help="The truth, on the product's grid, if known.")
    ] = None,
    guide: Annotated[
        str | None, typer.Option(help="The panchromatic image that sharpened it: adds QNR, HQNR.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="The model that made it, if its tags do not name it: to measure doubt."),
    ] = None,
    area: Area = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="A folder for a page and the numbers.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing page.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
) -> None:
    """Measure a product against its input: brightness, colour, position, seams, invented detail."""
    from geoloupe.scenes.inspection import inspect as run
    from geoloupe.scenes.inspection_page import PAGE, check_verdict, write_verdict

    if output is not None:
        check_verdict(output, overwrite=overwrite)
    with collected_warnings() as warnings:
        found = run(product, lr, hr, model=model, guide=guide, area=area)
    if output is not None:
        write_verdict(found, output, overwrite=overwrite)
    if as_json:
        numbers = {row.name: row.value for row in found.findings}
        say(json.dumps({"verdict": found.verdict, "numbers": numbers, "warnings": warnings}))
        return
    say(found.verdict)
    print_table(
        ["measure", "value", "good up to", "is"],
        [
            [
                row.name,
                f"{row.value:.4g}{row.unit}",
                "" if row.limit is None else f"{row.limit:g}",
                row.meaning,
            ]
            for row in found.findings
        ],
        numbers={"value", "good up to"},
    )
    if found.unmeasured:
        say(found.unmeasured)
    if output is not None:
        say(str(output / PAGE))
