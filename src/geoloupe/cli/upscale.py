"""`geoloupe upscale`: enlarge scenes."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from geoloupe.cli.assignments import parse_assignments
from geoloupe.cli.scenes import (
    ALREADY,
    Area,
    AsJson,
    Bands,
    Cluster,
    DryRun,
    Making,
    Mask,
    Memory,
    Output,
    Overwrite,
    Preview,
    Quiet,
    SensorName,
    Shard,
    Stac,
    Verbose,
    Workers,
    common_facts,
    end,
    lines,
    said,
    speak,
)
from geoloupe.cli.screen import say

if TYPE_CHECKING:
    from geoloupe.scenes.upscale import Upscaled


Scenes = Annotated[
    list[str],
    typer.Argument(help="GeoTIFF, JPEG 2000, ENVI, PNG, ..., .mat cubes, Sentinel-2 products."),
]
ModelName = Annotated[
    str | None,
    typer.Option(
        help="A shipped model, weights, or bicubic. Default: loupe-x4, or the loupe of scale=."
    ),
]
Guide = Annotated[
    str | None, typer.Option(help="A finer image of the same place, for models that take one.")
]
Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Other options: scale=2, tile=128, range=0,4095, uncertainty=true, dtype=uint8.",
    ),
]


def upscale(
    scenes: Scenes,
    *,
    output: Output = None,
    model: ModelName = None,
    bands: Bands = None,
    sensor: SensorName = None,
    guide: Guide = None,
    area: Area = None,
    mask: Mask = None,
    memory: Memory = None,
    shard: Shard = None,
    cluster: Cluster = None,
    workers: Workers = None,
    dry_run: DryRun = False,
    preview: Preview = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    stac: Stac = False,
    overwrite: Overwrite = False,
    assignments: Assignments = None,
) -> None:
    """Enlarge scenes; place, bands, nodata and tags are kept. Can be stopped and run again."""
    speak(verbose)
    options = parse_assignments(assignments or (), taken=ALREADY)
    options |= said(bands=bands, sensor=sensor, guide=guide, area=area, mask=mask)
    options |= said(memory=memory, shard=shard, cluster=cluster, workers=workers)
    options |= {"model": model, "overwrite": overwrite} | ({"stac": True} if stac else {})
    making = Making(
        verb="upscale",
        report=report,
        facts=_facts,
        dry_run=dry_run,
        preview=preview,
        as_json=as_json,
        quiet=quiet,
    )
    making.each(scenes, output, options)


def report(result: "Upscaled") -> None:
    """Print a few lines: where a result is and what it is."""
    low, high = result.radiometry.low[0], result.radiometry.high[0]
    shown = lines(result)
    if result.complete:
        shown += [
            f"  {result.model} x{result.scale}; {low:g} to {high:g} is dark to bright",
            f"  {result.optics}",
            *(f"  {name}: {path}{_factors(result, name)}" for name, path in result.beside.items()),
            end(result),
        ]
    say("\n".join(shown))


def _factors(result: "Upscaled", layer: str) -> str:
    """Return how many sigmas hold how much of the truth."""
    there = result.layout.beside.get(layer)
    tags = {} if there is None else there.facts.tags
    found = {key.rpartition("_")[2]: text for key, text in tags.items() if "_SIGMAS_" in key}
    shown = ", ".join(f"{level} % within {text.split(',')[0]}" for level, text in found.items())
    return f" ({shown} of it)" if shown else ""


def _facts(result: "Upscaled") -> dict[str, Any]:
    return {
        "path": str(result.path),
        "beside": {layer: str(path) for layer, path in result.beside.items()},
        "model": result.model,
        "scale": result.scale,
        "sensor": result.optics.sensor,
        "mtf": result.optics.mtf,
        **common_facts(result),
    }
