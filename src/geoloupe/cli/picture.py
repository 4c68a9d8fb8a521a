"""`geoloupe picture`: a scene as a picture to look at."""

from pathlib import Path
from typing import Annotated

import typer

from geoloupe.cli.scenes import Area
from geoloupe.cli.screen import say


def picture(
    scene: Annotated[str, typer.Argument(help="Anything that geoloupe upscale takes.")],
    *,
    output: Annotated[Path, typer.Option("-o", "--output", help="The new .png or .jpg.")],
    bands: Annotated[
        str | None,
        typer.Option(help="One or three bands. Default: red, green and blue, or similar."),
    ] = None,
    area: Area = None,
    like: Annotated[str | None, typer.Option(help="Another scene whose stretch to use.")] = None,
    side: Annotated[
        int, typer.Option(help="Largest side in pixels; larger scenes are averaged.")
    ] = 2048,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing output.")
    ] = False,
) -> None:
    """Show a scene of any type and size: three bands, stretched, in eight bits."""
    from geoloupe.errors import InputError, errors_named
    from geoloupe.models.bands import choose_bands
    from geoloupe.rasters.displayed import fixed_limits
    from geoloupe.rasters.opening import open_source
    from geoloupe.rasters.picture import (
        admit_pictured,
        alike,
        limits_of,
        overview,
        visible,
        write_picture,
    )
    from geoloupe.rasters.source import Source
    from geoloupe.storage.publish import refuse_inputs

    if side < 1:
        raise InputError(f"--side must be 1 or more, not {side}")

    def shown(source: Source) -> Source:
        if bands is None:
            return source.select(visible(source))
        words = bands.split(",")
        return source.select(choose_bands(source.bands, words, wanted=None, count=None))

    def together(source: Source) -> bool:
        return bands is not None or alike(source.bands)

    refuse_inputs(output, scene, like)
    limits = None
    if like is not None:
        with errors_named(like), open_source(like, look=True, admit=admit_pictured) as other:
            limits = limits_of(overview(shown(other), side), together=together(other))
    with (
        errors_named(scene),
        open_source(scene, look=True, area=area, admit=admit_pictured) as source,
    ):
        refuse_inputs(output, *source.files)
        image = overview(shown(source), side)
        limits = limits or fixed_limits(source)
        limits = limits or limits_of(image, together=together(source))
    write_picture(output, image, limits, overwrite=overwrite)
    say(f"{output}\n  {image.grid.width} x {image.grid.height} pixels")
