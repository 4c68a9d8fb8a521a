"""`geoloupe compare`: models side by side, with tables, drawings and a page."""

from pathlib import Path
from typing import Annotated

import typer

from geoloupe.cli.assignments import parse_assignments, parse_names
from geoloupe.cli.screen import say

_ALREADY = ("models", "data", "split", "protocol", "scale", "progress", "watch")


def compare(
    *,
    models: Annotated[
        list[str],
        typer.Option(
            "--models",
            help="Two or more: bicubic,loupe-x4,weights/mine. The first is the baseline.",
        ),
    ],
    data: Annotated[str, typer.Option(help="A prepared data set and its split: ucmerced:test.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="A folder for the report.")],
    protocol: Annotated[
        str,
        typer.Option(help="hsenet, tsfnet, mulsr, sspsr, y-channel, basicrsisr, opensr or wald."),
    ] = "hsenet",
    scale: Annotated[
        int | None,
        typer.Option(help="Scale of models without weights. Default: that of the others."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing report.")
    ] = False,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", help="Other options: metrics=sam,trust, limit=10, seed=1."),
    ] = None,
) -> None:
    """Measure models on the same images, say how sure the differences are, and show them."""
    from geoloupe.cli.progress import progress_bar
    from geoloupe.evaluation.comparison import compare as run
    from geoloupe.evaluation.report import check_report, write_report
    from geoloupe.reports.study import PAGE

    names = parse_names(models)
    options = parse_assignments(assignments or (), taken=_ALREADY) | {"protocol": protocol}
    if scale is not None:
        options["scale"] = scale
    check_report(output, overwrite=overwrite)
    with progress_bar("images") as progress:
        found = run(names, data, progress=progress, **options)
    write_report(found, output, overwrite=overwrite)
    say((output / "report.md").read_text(encoding="utf-8").split("##")[0].strip())
    say(f"  {output / PAGE}")
