"""`geoloupe prepare`: a downloaded archive becomes a data set for training and evaluation."""

from pathlib import Path
from typing import Annotated

import typer

from geoloupe.cli.screen import say


def prepare(
    name: Annotated[str, typer.Argument(help="A data set, such as ucmerced; `list` shows all.")],
    *,
    source: Annotated[
        Path | None, typer.Option("--from", help="The archive: its folder, .zip or file.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="A new folder. Default: data/NAME.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="A rule of the data set, or a file of lines: test beach07")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the split; it is recorded.")] = 0,
) -> None:
    """Check an archive, split it, and write it once in a fast form; can be stopped and resumed."""
    from geoloupe import catalog
    from geoloupe.cli.progress import progress_bar
    from geoloupe.datasets.preparation.prepare import prepare as run
    from geoloupe.datasets.preparation.prepared import default_folder
    from geoloupe.errors import InputError

    if name == "list":
        _list()
        return
    dataset = catalog.resolve("dataset", name)
    if source is None:
        card = dataset.card  # type: ignore[attr-defined]
        raise InputError(
            f"name the place of {name} with --from: {card.layout}. Get it at {card.source}"
        )
    target = output or default_folder(name)
    with progress_bar("scenes") as progress:
        outcome = run(name, source, target, split=split, seed=seed, progress=progress)
    counts = ", ".join(f"{count} {split}" for split, count in outcome.prepared.counts.items())
    rule = outcome.prepared.facts["split"]
    say(str(target))
    say(f"  {counts}; {rule['about']} (rule {rule['rule']}, seed {rule['seed']})")
    for note in outcome.notes:
        say(f"  {note}")


def _list() -> None:
    from geoloupe import catalog

    for name in catalog.names("dataset"):
        card = catalog.resolve("dataset", name).card  # type: ignore[attr-defined]
        say(f"{name:12} {card.about}")
        say(f"{'':12} rules: {'; '.join(f'{n}: {r.about}' for n, r in card.rules.items())}")
        say(f"{'':12} from {card.source}")
