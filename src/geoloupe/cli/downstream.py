"""`geoloupe downstream`: how useful sharpened images are, beside interpolation and the truth."""

from dataclasses import fields
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from geoloupe import settings
from geoloupe.cli.assignments import parse_assignments, parse_names
from geoloupe.cli.screen import say


class Task(StrEnum):
    """The downstream task."""

    SCENES = "scenes"
    PIXELS = "pixels"
    INDICES = "indices"


_ALREADY = ("models", "data", "split", "scale", "task", "progress", "watch")


def downstream(
    task: Annotated[
        Task,
        typer.Argument(
            help="scenes: recognise their classes; pixels: classify the spectra of cubes, with all "
            "bands and with few; indices: NDVI and others."
        ),
    ],
    *,
    models: Annotated[
        list[str],
        typer.Option("--models", help="bicubic,loupe-x4,weights/mine; the first is the baseline."),
    ],
    data: Annotated[str, typer.Option(help="A prepared data set and its split: ucmerced:test.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="A folder for the report.")],
    scale: Annotated[
        int | None,
        typer.Option(help="Scale of models without weights. Default: that of the others."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing report.")
    ] = False,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Options of the task: epochs=30; classes=8, labels=map.tif, share=0.1, "
            "neighbours=5; of the images: protocol=sspsr, degradation=bd, limit=10, seed=1.",
        ),
    ] = None,
) -> None:
    """Try downstream tasks on sharpened images and on the truth."""
    from geoloupe.cli.progress import progress_bar
    from geoloupe.reports.study import PAGE, check_study
    from geoloupe.studies.downstream import indices, pixels, scenes

    names = parse_names(models)
    options = parse_assignments(assignments or (), taken=_ALREADY)
    if scale is not None:
        options["scale"] = scale
    numbers = {
        Task.SCENES: scenes.NUMBERS,
        Task.PIXELS: pixels.NUMBERS,
        Task.INDICES: indices.NUMBERS,
    }
    check_study(output, numbers[task], overwrite=overwrite)
    with progress_bar(task.value) as progress:
        if task is Task.SCENES:
            own = _taken(options, scenes.SceneSettings)
            learning = settings.build(scenes.SceneSettings, own, "downstream scenes")
            found = scenes.scene_classes(names, data, task=learning, progress=progress, **options)
        elif task is Task.PIXELS:
            own = _taken(options, pixels.PixelSettings)
            naming = settings.build(pixels.PixelSettings, own, "downstream pixels")
            found = pixels.pixel_classes(names, data, task=naming, progress=progress, **options)
        else:
            found = indices.index_agreement(names, data, progress=progress, **options)
    found.write(output, overwrite=overwrite)
    say(found.lead)
    say(f"  {output / PAGE}")


def _taken(options: dict[str, object], kind: type) -> dict[str, object]:
    """Take a task's settings out of the options."""
    return {field.name: options.pop(field.name) for field in fields(kind) if field.name in options}
