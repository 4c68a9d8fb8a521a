"""`geoloupe assemble`: put a scene's shards together."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from geoloupe.cli.scenes import Overwrite
from geoloupe.cli.sharpen import report as report_sharpened
from geoloupe.cli.upscale import report as report_upscaled


def assemble(
    output: Annotated[Path, typer.Argument(help="The result whose shards are complete.")],
    *,
    overwrite: Overwrite = False,
) -> None:
    """Put the shards of a scene together into its result."""
    from geoloupe.scenes.commands import finish

    result = finish(output, overwrite=overwrite)
    reports: dict[str, Callable[[Any], None]] = {
        "sharpen": report_sharpened,
        "upscale": report_upscaled,
    }
    reports[result.verb](result)
