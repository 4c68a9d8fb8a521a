"""`geoloupe upscale`: a scene becomes a finer one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geoloupe.cli.progress import progress_bar
from geoloupe.settings import parse_assignments

if TYPE_CHECKING:
    from geoloupe.inference.upscale import Upscaled


def upscale(
    scene: Annotated[str, typer.Argument(help="Any raster that GDAL reads: GeoTIFF, PNG, ...")],
    *,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="The new file, .tif or .png; else beside the scene."),
    ] = None,
    model: Annotated[str, typer.Option(help="A weights file or folder, or bicubic.")] = "bicubic",
    bands: Annotated[
        str | None, typer.Option(help="Which bands, by number or name: 3,2,1 or red,green,blue.")
    ] = None,
    guide: Annotated[
        Path | None, typer.Option(help="A sharper image of the same place, for models with one.")
    ] = None,
    precision: Annotated[
        str, typer.Option(help="fp32, or bf16: faster on newer processors, less exact.")
    ] = "fp32",
    engine: Annotated[
        str, typer.Option(help="What computes: torch, compile, openvino or onnxruntime.")
    ] = "torch",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an old output.")] = False,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="More: scale=2 (for bicubic), tile=128, range=0,4095, device=cuda."
        ),
    ] = None,
) -> None:
    """Enlarge a scene; its place, bands, nodata and tags are kept."""
    from geoloupe.inference.upscale import upscale as run

    named = {"bands": bands, "guide": guide, "precision": precision, "engine": engine}
    options = parse_assignments(assignments or ())
    options |= {name: value for name, value in named.items() if value is not None}
    with progress_bar("tiles") as progress:
        result = run(scene, output, model=model, overwrite=overwrite, progress=progress, **options)
    report(result)


def report(result: "Upscaled") -> None:
    """Print where a result is and what it is, a few lines."""
    grid, layout = result.grid, result.layout
    low, high = layout.radiometry.low[0], layout.radiometry.high[0]
    width, height = grid.pixel_size
    size = f"{grid.width} x {grid.height} pixels"
    if grid.georeferenced:
        size += f" of {width:g} x {height:g} map units"
    dtype, bands = layout.radiometry.dtype, len(layout.facts.bands)
    empty = f", {result.skipped} of them without data" if result.skipped else ""
    typer.echo(str(result.path))
    typer.echo(f"  {size}, {bands} band{'s' * (bands != 1)} of {dtype}")
    typer.echo(f"  {result.model} x{result.scale}; {low:g} to {high:g} is dark to bright")
    tiles = f"{result.plan.count} tiles of {result.plan.tile}" if result.plan.count > 1 else "whole"
    typer.echo(f"  {tiles}{empty}, in {result.seconds:.1f} s")
