"""`geoloupe leaderboard`: models x data sets x protocols x factors, in one page and one table."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geoloupe.cli.assignments import parse_assignments, parse_names
from geoloupe.cli.progress import progress_bar
from geoloupe.cli.screen import say
from geoloupe.errors import InputError

if TYPE_CHECKING:
    from geoloupe.studies.leaderboard.runs import PlannedRun

_OF_RECIPES = ("batch",)  # settings of recipes that have no dot in their names
_ALREADY = ("models", "data", "split", "protocol", "scale", "progress", "watch")


Models = Annotated[
    list[str] | None,
    typer.Option(
        "--models",
        help="bicubic,loupe-x4 and so on; --models mine=runs/a,runs/b is one model with two "
        "seeds. The first is what others are compared with.",
    ),
]
Data = Annotated[
    list[str],
    typer.Option(help="Prepared data sets and their splits: ucmerced:test,landsat7:test."),
]
Protocols = Annotated[
    list[str] | None, typer.Option(help="One or more, such as hsenet,sspsr. Default: hsenet.")
]
Scales = Annotated[
    list[str] | None,
    typer.Option(help="Factors, such as 2,4. Default: those of the models with weights."),
]
Output = Annotated[Path, typer.Option("-o", "--output", help="A folder for the leaderboard.")]
Recipes = Annotated[
    list[str] | None, typer.Option(help="Recipes to train first: srcnn-ucmerced,mine.toml.")
]
Seeds = Annotated[int, typer.Option(help="Number of seeds that recipes are trained with.")]
Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Other options: robust=mtf,noise or robust=none, reference=bicubic, cost=false, "
        "every=10, limit=20, metrics=sam; with a dot, and batch, of all recipes "
        "(schedule.steps=2000) or of one (srcnn-ucmerced.optimiser.rate=1e-4).",
    ),
]


def leaderboard(
    *,
    models: Models = None,
    data: Data,
    protocol: Protocols = None,
    scale: Scales = None,
    output: Output = Path("leaderboard"),
    train: Recipes = None,
    seeds: Seeds = 1,
    assignments: Assignments = None,
) -> None:
    """Measure models on data sets under protocols, on clean and on harder LR images.

    Every cell is kept: run again, only what is new or has changed is measured, and a stopped
    leaderboard continues.
    """
    from geoloupe.studies.leaderboard.board import begin, check
    from geoloupe.studies.leaderboard.board import leaderboard as run
    from geoloupe.studies.leaderboard.entries import read_entries, refuse_twins
    from geoloupe.studies.leaderboard.report import PAGE, lead, write_board
    from geoloupe.studies.leaderboard.runs import entries_of, plan_runs

    given = parse_assignments(assignments or (), taken=_ALREADY)
    changes = {key: value for key, value in given.items() if "." in key or key in _OF_RECIPES}
    options = {key: value for key, value in given.items() if key not in changes}
    entries = read_entries(models or ())
    runs = plan_runs(parse_names(train or ()), seeds, output, changes)
    if not entries and not runs:
        raise InputError("name models, recipes to train, or both")
    entries += entries_of(runs)
    refuse_twins(entries)
    scales = [_factor(word) for word in parse_names(scale or ())]
    sets, protocols = parse_names(data), parse_names(protocol or ["hsenet"])
    check(sets, protocols, options)
    begin(output)
    _train(runs)
    found = run(
        entries,
        sets,
        output,
        protocols=protocols,
        scales=scales,
        watch=progress_bar,
        **options,
    )
    write_board(found, output)
    say(lead(found))
    for refused in found.refused:
        say(f"not measured: {refused.cell.entry}, {refused.cell.section.title}: {refused.why}")
    say(f"  {output / PAGE}")


def _train(runs: Sequence["PlannedRun"]) -> None:
    """Train what is not trained yet."""
    from geoloupe.training.run import train

    for run in runs:
        with progress_bar(run.folder.name) as progress:
            done = train(run.recipe, run.folder, resume=run.begun, progress=progress)
        say(f"{run.folder.name}: {done.steps} steps in {done.seconds / 60:.1f} min")


def _factor(word: str) -> int:
    if not word.removeprefix("x").isdecimal() or int(word.removeprefix("x")) < 1:
        raise InputError(f"a scale is a whole number such as 4, not {word}")
    return int(word.removeprefix("x"))
