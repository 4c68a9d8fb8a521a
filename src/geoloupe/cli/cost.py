"""`geoloupe cost`: parameters, operations, time and memory of networks on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from geoloupe import settings
from geoloupe.cli.assignments import parse_assignments, parse_names
from geoloupe.cli.screen import say


def cost(
    *,
    models: Annotated[
        list[str],
        typer.Option("--models", help="Models, weights, or networks, which need no weights here."),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="A folder for the report.")],
    sizes: Annotated[
        str, typer.Option(help="Side lengths in LR pixels, separated by commas.")
    ] = "32,64,128,256",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing report.")
    ] = False,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Other options: scale=4, bands=31, threads=1, precision=bf16, engine=openvino, "
            "device=cuda, repeats=3, limit=60.",
        ),
    ] = None,
) -> None:
    """Measure what networks cost by image size."""
    from geoloupe.cli.progress import progress_bar
    from geoloupe.reports.study import PAGE, check_study
    from geoloupe.studies.cost import NUMBERS, CostSettings, costs, study_of

    names = parse_names(models)
    options = parse_assignments([f"sizes=[{sizes}]", *(assignments or ())])
    chosen = settings.build(CostSettings, options, "cost")
    check_study(output, NUMBERS, overwrite=overwrite)
    with progress_bar("cases") as progress:
        study = study_of(costs(names, chosen, progress=progress), chosen)
    study.write(output, overwrite=overwrite)
    say(study.lead)
    say(f"  {output / PAGE}")
