"""`geoloupe sharpen`: coarser bands get the detail of a finer image."""

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
    from geoloupe.scenes.sharpen import Sharpened

Scenes = Annotated[
    list[str],
    typer.Argument(help="Sentinel-2 products, Landsat Level-1 folders, or bands with a --guide."),
]
ModelName = Annotated[
    str | None,
    typer.Option(
        help="Default: what fits the guide; glp, gsa, brovey, bdsd or bicubic to compare."
    ),
]
Guide = Annotated[
    str | None,
    typer.Option(help="The finer image, such as the panchromatic band; the result has its grid."),
]
Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Other options: shift=0.5,-1, anyway=true, guide_bands=red, mtf=0.3, tile=512.",
    ),
]


def sharpen(
    scenes: Scenes,
    *,
    output: Output = None,
    guide: Guide = None,
    area: Area = None,
    mask: Mask = None,
    model: ModelName = None,
    bands: Bands = None,
    sensor: SensorName = None,
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
    """Put a finer image's detail into coarser bands. Can be stopped and run again."""
    speak(verbose)
    options = parse_assignments(assignments or (), taken=ALREADY)
    options |= said(bands=bands, sensor=sensor, guide=guide, area=area, mask=mask)
    options |= said(memory=memory, shard=shard, cluster=cluster, workers=workers)
    options |= {"model": model, "overwrite": overwrite} | ({"stac": True} if stac else {})
    making = Making(
        verb="sharpen",
        report=report,
        facts=_facts,
        dry_run=dry_run,
        preview=preview,
        as_json=as_json,
        quiet=quiet,
    )
    making.each(scenes, output, options)


def report(result: "Sharpened") -> None:
    """Print a few lines: where a result is and what it is."""
    shown = lines(result)
    if result.complete:
        for ratio, optics, found in zip(
            result.ratios, result.optics, result.registrations, strict=True
        ):
            shown += [f"  {result.model} x{ratio:.6g}; {optics}", f"  {found}"]
        shown += [f"  {name}: {path}" for name, path in result.beside.items()]
        shown.append(end(result))
    say("\n".join(shown))


def _facts(result: "Sharpened") -> dict[str, Any]:
    groups = zip(result.ratios, result.optics, result.registrations, strict=True)
    return {
        "path": str(result.path),
        "beside": {name: str(path) for name, path in result.beside.items()},
        "model": result.model,
        "guide": result.guide,
        "groups": [
            {
                "ratio": ratio,
                "sensor": optics.sensor,
                "mtf": optics.mtf,
                "shift": [found.rows, found.columns],
                "shift_how": found.how,
                "shift_corrected": found.corrected,
            }
            for ratio, optics, found in groups
        ],
        **common_facts(result),
    }
