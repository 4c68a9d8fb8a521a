"""`geoloupe degrade`: a scene as a coarser sensor would have seen it."""

from pathlib import Path
from typing import Annotated

import typer

from geoloupe.cli.scenes import Area
from geoloupe.cli.screen import say


def degrade(
    scene: Annotated[str, typer.Argument(help="Anything that geoloupe upscale takes.")],
    *,
    output: Annotated[Path, typer.Option("-o", "--output", help="The new file.")],
    degradation: Annotated[
        str,
        typer.Option(
            "--degradation",
            "--recipe",
            help="bi, bd, dn, mtf, mulsr-test, mulsr-train, ... or a .json file.",
        ),
    ] = "bi",
    scale: Annotated[int, typer.Option(help="How many times coarser; 1 keeps the size.")] = 4,
    seed: Annotated[int, typer.Option(help="Seed of the random noise and blur.")] = 0,
    response: Annotated[
        str | None,
        typer.Option(help="Sensor to see a cube through first: nikon-d700, sentinel-2, landsat-8."),
    ] = None,
    area: Area = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing output.")
    ] = False,
) -> None:
    """Degrade a scene by a named degradation; its place, nodata and tags are kept."""
    from geoloupe.cli.progress import progress_bar
    from geoloupe.scenes.degrade import degrade as run

    with progress_bar("rows") as progress:
        layout = run(
            scene,
            output,
            overwrite=overwrite,
            progress=progress,
            degradation=degradation,
            scale=scale,
            seed=seed,
            response=response,
            area=area,
        )
    grid, bands = layout.grid, len(layout.facts.bands)
    say(output)
    say(
        f"  {grid.width} x {grid.height} pixels, {bands} band{'s' * (bands != 1)} of "
        f"{layout.radiometry.dtype}; {degradation} x{scale}, seed {seed}"
    )
