"""`geoloupe train` and `geoloupe finetune`: a recipe, or a model and images, become a model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geoloupe.cli.assignments import parse_assignments
from geoloupe.cli.progress import progress_bar
from geoloupe.cli.screen import say
from geoloupe.errors import InputError

if TYPE_CHECKING:
    from geoloupe.training.hardware import Hardware
    from geoloupe.training.recipe import Recipe

Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change the recipe: optimiser.rate=1e-4, schedule.steps=2000."),
]
Output = Annotated[
    Path | None, typer.Option("-o", "--output", help="The run's new folder. Default: runs/NAME.")
]
Devices = Annotated[
    str, typer.Option(help="Number of GPUs or processes, or auto; under torchrun, auto.")
]
Accelerator = Annotated[str, typer.Option(help="cpu, cuda or auto.")]
Workers = Annotated[int | None, typer.Option(help="Number of processes that load images.")]


def train(
    recipe: Annotated[
        str | None, typer.Argument(help="A .toml file, or a recipe that comes with the program.")
    ] = None,
    *,
    output: Output = None,
    resume: Annotated[Path | None, typer.Option(help="Resume the run in this folder.")] = None,
    seeds: Annotated[
        int | None, typer.Option(help="Train as often, with a seed each: runs seed0, seed1, ...")
    ] = None,
    assignments: Assignments = None,
    accelerator: Accelerator = "auto",
    devices: Devices = "auto",
    workers: Workers = None,
) -> None:
    """Train a model from a recipe; --resume continues a stopped run as if uninterrupted."""
    from geoloupe.training.recipe import read_recipe, shipped
    from geoloupe.training.run_folder import RECIPE_FILE
    from geoloupe.training.seeds import holds_seeds

    if (recipe is None) == (resume is None):
        raise InputError(f"name a recipe or a run to --resume; recipes: {', '.join(shipped())}")
    if resume is not None:
        if assignments or output or seeds is not None:
            raise InputError("a run continues as it began: leave out --set, --seeds and --output")
        chosen, folder = read_recipe(resume / RECIPE_FILE), resume
    else:
        chosen = read_recipe(str(recipe), parse_assignments(assignments or ()))
        folder = output or Path("runs") / chosen.name
    hardware = (accelerator, devices, workers)
    if seeds is not None or (resume is not None and holds_seeds(resume)):
        _run_seeds(chosen, folder, seeds, hardware=hardware)
    else:
        _run(chosen, folder, resume=resume is not None, hardware=hardware)


def finetune(
    *,
    start: Annotated[str, typer.Option("--from", help="The model to start from.")],
    data: Annotated[
        Path, typer.Option(help="A prepared data set, or a folder of images or rasters.")
    ],
    output: Output = None,
    assignments: Assignments = None,
    accelerator: Accelerator = "auto",
    devices: Devices = "auto",
    workers: Workers = None,
) -> None:
    """Train a model further on images of your own."""
    from geoloupe.training.finetune import finetuning

    chosen = finetuning(start, data, parse_assignments(assignments or ()))
    folder = output or Path("runs") / chosen.name
    _run(chosen, folder, resume=False, hardware=(accelerator, devices, workers))


def _run(
    recipe: "Recipe", folder: Path, *, resume: bool, hardware: tuple[str, str, int | None]
) -> None:
    from geoloupe.training.run import train

    with progress_bar("steps") as progress:
        done = train(
            recipe, folder, resume=resume, hardware=_hardware(*hardware), progress=progress
        )
    if done.first:
        scores = "".join(f"; {name} {value:.4f}" for name, value in done.scores.items())
        say(f"{done.model}\n  {done.steps} steps in {done.seconds / 60:.1f} min{scores}")


def _run_seeds(
    recipe: "Recipe", folder: Path, seeds: int | None, *, hardware: tuple[str, str, int | None]
) -> None:
    """Train with several seeds, or go on with them, and print how far their scores scatter."""
    from geoloupe.training.seeds import TABLE, resume_seeds, train_seeds

    chosen = _hardware(*hardware)
    with progress_bar("steps of all seeds") as progress:
        if seeds is None:
            done = resume_seeds(folder, hardware=chosen, progress=progress)
        else:
            done = train_seeds(recipe, folder, seeds, hardware=chosen, progress=progress)
    spreads = {name: done.spread(name) for name in done.scores}
    scores = "; ".join(f"{name} {mean:.4f} ± {away:.4f}" for name, (mean, away) in spreads.items())
    say(f"{folder / TABLE}\n  {len(done.models)} seeds: {scores}")


def _hardware(accelerator: str, devices: str, workers: int | None) -> "Hardware":
    from geoloupe.training.hardware import Hardware

    if devices != "auto" and not devices.isdecimal():
        raise InputError(f"--devices is a number or auto, not {devices}")
    count: Any = int(devices) if devices.isdecimal() else devices
    return Hardware(accelerator=accelerator, devices=count, workers=workers)
