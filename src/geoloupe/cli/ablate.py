"""`geoloupe ablate`: variants of a recipe trained one after the other, then compared."""

from pathlib import Path
from typing import Annotated, Any

import typer

from geoloupe.cli.assignments import parse_assignments
from geoloupe.cli.screen import say
from geoloupe.errors import InputError


def ablate(
    name: Annotated[
        str | None,
        typer.Argument(help="A .toml file of variants, or one that comes with the program."),
    ] = None,
    *,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="A folder for runs and the report.")
    ] = None,
    split: Annotated[str, typer.Option(help="The split that variants are compared on.")] = "test",
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change all variants: schedule.steps=500, data.set=mine."),
    ] = None,
) -> None:
    """Train a network with one part left out at a time, and report what each part is worth.

    A stopped ablation continues when run again; finished variants are kept.
    """
    from geoloupe.cli.progress import progress_bar
    from geoloupe.evaluation.comparison import compare
    from geoloupe.evaluation.report import write_report
    from geoloupe.reports.study import PAGE
    from geoloupe.studies.ablation import read_ablation, shipped_ablations
    from geoloupe.training.run import train
    from geoloupe.training.run_folder import RECIPE_FILE

    if name is None:
        raise InputError(f"name an ablation: {', '.join(shipped_ablations())}, or a .toml file")
    recipes = read_ablation(name, parse_assignments(assignments or ()))
    folder = output or Path("runs") / f"ablation-{Path(name).stem}"
    done = []
    for recipe in recipes:
        run = folder / recipe.name
        with progress_bar(recipe.name) as progress:
            found = train(recipe, run, resume=(run / RECIPE_FILE).exists(), progress=progress)
        say(f"{recipe.name}: {found.steps} steps in {found.seconds / 60:.1f} min")
        done.append(found.model)
    first = recipes[0]
    options: dict[str, Any] = {
        "protocol": first.validation.protocol,
        "guide": first.data.guide,
        "matched": first.data.matched,
    }
    with progress_bar("images") as progress:
        comparison = compare(done, f"{first.data.sets[0]}:{split}", progress=progress, **options)
    write_report(comparison, folder / "report", overwrite=True)
    say((folder / "report" / "report.md").read_text(encoding="utf-8").split("## How")[0])
    say(f"  {folder / 'report' / PAGE}")
