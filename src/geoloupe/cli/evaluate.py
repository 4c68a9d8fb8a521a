"""`geoloupe evaluate`: models measured on a prepared data set under a published protocol."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geoloupe.cli.assignments import parse_assignments, parse_names
from geoloupe.cli.screen import print_table, say
from geoloupe.errors import InputError

if TYPE_CHECKING:
    from geoloupe.evaluation.rows import Result

WIDEST = 10  # columns; with more, models stand side by side instead

_ALREADY = ("models", "data", "split", "protocol", "scale", "progress", "watch")


def evaluate(
    *,
    models: Annotated[
        list[str],
        typer.Option("--models", "--network", help="bicubic,loupe-x4,weights/mine: one or more."),
    ],
    data: Annotated[str, typer.Option(help="A prepared data set and its split: ucmerced:test.")],
    protocol: Annotated[
        str,
        typer.Option(help="hsenet, tsfnet, mulsr, sspsr, y-channel, basicrsisr, opensr or wald."),
    ] = "hsenet",
    scale: Annotated[
        int | None,
        typer.Option(
            help="Scale of interpolation and of models for several. Default: that of the others."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="A folder for the tables. Default: evaluation/."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace existing tables.")
    ] = False,
    cards: Annotated[
        bool, typer.Option("--cards", help="Write the means into the cards of the weights.")
    ] = False,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="Other options: metrics=sam,trust, degradation=bd, limit=10, device=cuda."
        ),
    ] = None,
) -> None:
    """Measure models image by image; write tables and print the means."""
    from geoloupe.cli.progress import progress_bar
    from geoloupe.evaluation.cards import record
    from geoloupe.evaluation.evaluate import evaluate as run
    from geoloupe.evaluation.tables import FILES, write_tables
    from geoloupe.storage.publish import check_folder

    folder = output or Path("evaluation")
    names = parse_names(models)
    options = parse_assignments(assignments or (), taken=_ALREADY) | {"protocol": protocol}
    if scale is not None:
        options["scale"] = scale
    if cards and options.get("bound") is not None:
        raise InputError("cards hold scores under their own bound; leave out --set bound")
    check_folder(folder, FILES, overwrite=overwrite)
    with progress_bar("images") as progress:
        result = run(names, data, progress=progress, **options)
    write_tables(result, folder, overwrite=overwrite)
    _print(result)
    for name in names if cards else ():
        if Path(name).is_dir():
            record(result, Path(name))
    say(f"\nEvery number: {folder}/images.csv, classes.csv, summary.csv, summary.json")


def _print(result: "Result") -> None:
    facts, summaries = result.facts, result.summaries()
    where = facts["data"]
    say(f"{where['name']}:{where['split']}, {summaries[0].count} images")
    say(f"{facts['protocol']['name']}: {facts['protocol']['conventions']}")
    say(f"LR by {facts['degradation']['name']}, seed {facts['settings']['seed']}\n")
    columns = {
        "model": [summary.model for summary in summaries],
        "scale": [f"x{summary.scale}" for summary in summaries],
        **{
            name: [_score(summary.mean.get(name)) for summary in summaries]
            for name in result.metrics
        },
        "s per image": [f"{summary.seconds:.3f}" for summary in summaries],
        "peak MB": [f"{summary.peak / 1e6:.0f}" for summary in summaries],
    }
    if len(columns) <= WIDEST:
        rows = [list(row) for row in zip(*columns.values(), strict=True)]
        print_table(list(columns), rows, numbers=set(columns) - {"model", "scale"})
    else:
        rows = [[name, *cells] for name, cells in columns.items() if name != "model"]
        print_table(["", *columns["model"]], rows, numbers=set(columns["model"]))


def _score(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
