"""`geoloupe upscale` and `geoloupe assemble`: scenes become finer ones."""

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geoloupe.cli.progress import progress_bar
from geoloupe.cli.screen import collected_warnings, say
from geoloupe.errors import GeoloupeError, InputError
from geoloupe.settings import parse_assignments

if TYPE_CHECKING:
    from geoloupe.inference.upscale import Upscaled


Scenes = Annotated[
    list[str],
    typer.Argument(help="GeoTIFF, JPEG 2000, ENVI, PNG, ..., .mat cubes, Sentinel-2 products."),
]
Output = Annotated[
    str | None,
    typer.Option("-o", "--output", help="The new file, .tif or .png; or a folder, which is made."),
]
ModelName = Annotated[
    str | None,
    typer.Option(help="A shipped model, weights, or bicubic; else loupe-x4, or -x2 by scale=2."),
]
Bands = Annotated[
    str | None, typer.Option(help="By number, name or wavelength: 3,2,1 or red,green,865nm.")
]
SensorName = Annotated[
    str | None, typer.Option(help="One of geoloupe sensors, or unknown; else as the scene tells.")
]
Guide = Annotated[
    str | None, typer.Option(help="A sharper image of the same place, for models with one.")
]
Memory = Annotated[
    str | None, typer.Option(help="What may be used, such as 2GB; else a part of what is free.")
]
Shard = Annotated[
    str | None, typer.Option(help="Only this part, such as 2/8; then geoloupe assemble.")
]
Cluster = Annotated[
    str | None, typer.Option(help="A Dask scheduler to send the work to: tcp://host:8786.")
]
Workers = Annotated[
    int | None, typer.Option(help="Work in so many processes of a Dask cluster made here.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be done, how large and how long.")
]
Preview = Annotated[
    bool, typer.Option("--preview", help="Only one tile from the middle, as a small file.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Print warnings and errors only.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Say what is decided and done.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an old output.")]
Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "--set", help="More: scale=2, tile=128, range=0,4095, uncertainty=true, detail=true."
    ),
]


# Said by options, or nobody's to say; --set is for the rest.
_ALREADY = (
    *(
        "path",
        "output",
        "model",
        "bands",
        "sensor",
        "guide",
        "memory",
        "shard",
        "cluster",
        "workers",
    ),
    *("overwrite", "progress"),
)


def upscale(
    scenes: Scenes,
    *,
    output: Output = None,
    model: ModelName = None,
    bands: Bands = None,
    sensor: SensorName = None,
    guide: Guide = None,
    memory: Memory = None,
    shard: Shard = None,
    cluster: Cluster = None,
    workers: Workers = None,
    dry_run: DryRun = False,
    preview: Preview = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    overwrite: Overwrite = False,
    assignments: Assignments = None,
) -> None:
    """Enlarge scenes; place, bands, nodata and tags are kept. Stopped, it can be run again."""
    if verbose:
        logging.getLogger("geoloupe").setLevel(logging.INFO)
    options = parse_assignments(assignments or (), taken=_ALREADY)
    named = {
        "bands": bands,
        "sensor": sensor,
        "guide": guide,
        "memory": memory,
        "shard": shard,
        "cluster": cluster,
        "workers": workers,
    }
    options |= {name: value for name, value in named.items() if value is not None}
    options |= {"model": model, "overwrite": overwrite}
    from geoloupe.files.source import stem_of

    make = _forecast if dry_run else _preview if preview else _upscale
    several = len(scenes) > 1
    into = _folder(output, several=several)
    if into is None:
        targets = [None if output is None else Path(output)] * len(scenes)
    else:
        targets = [into / f"{stem_of(name)}.tif" for name in scenes]
    _refuse_doubles(scenes, targets)
    failed: list[tuple[str, GeoloupeError]] = []
    with _existing(into):
        for name, target in zip(scenes, targets, strict=True):
            try:
                make(name, target, options, as_json=as_json, quiet=quiet)
            except GeoloupeError as error:
                if not several:
                    raise
                failed.append((name, error))
                say(f"geoloupe: {error}", to_errors=True)
    if failed:
        word = f"{len(failed)} of {len(scenes)} scenes failed: {', '.join(n for n, _ in failed)}"
        raise type(failed[0][1])(word)


def assemble(
    output: Annotated[Path, typer.Argument(help="The result whose shards are all done.")],
    *,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an old output.")] = False,
) -> None:
    """Put the shards of a scene together into its result."""
    from geoloupe.inference.upscale import finish

    report(finish(output, overwrite=overwrite))


def _forecast(
    name: str, target: Path | None, options: dict[str, Any], *, as_json: bool, quiet: bool
) -> None:
    from geoloupe.inference.preview import forecast

    with collected_warnings() as warnings:
        found = asdict(forecast(name, target, **options))
    if as_json:
        say(json.dumps(found | {"warnings": warnings}, default=str))
    elif not quiet:
        say(_told(name, found))


def _preview(
    name: str, target: Path | None, options: dict[str, Any], *, as_json: bool, quiet: bool
) -> None:
    from geoloupe.inference.preview import preview

    with collected_warnings() as warnings:
        path = str(preview(name, target, **options))
    if as_json:
        say(json.dumps({"path": path, "warnings": warnings}))
    elif not quiet:
        say(path)


def _upscale(
    name: str, target: Path | None, options: dict[str, Any], *, as_json: bool, quiet: bool
) -> None:
    from geoloupe.inference.upscale import upscale as run

    with (
        collected_warnings() as warnings,
        progress_bar("tiles", hidden=quiet or as_json) as progress,
    ):
        result = run(name, target, progress=progress, **options)
    if as_json:
        say(json.dumps(_facts(result) | {"warnings": warnings}))
    elif not quiet:
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
    say(str(result.path))
    if not result.complete:
        others = f"{result.pending} blocks of others are missing; when all are done"
        rest = others if result.pending else "and so are all others"
        say(f"  the shard is done, {rest}: geoloupe assemble {result.path}")
        return
    say(f"  {size}, {bands} band{'s' * (bands != 1)} of {dtype}")
    say(f"  {result.model} x{result.scale}; {low:g} to {high:g} is dark to bright")
    say(f"  {result.optics}")
    for layer, path in result.beside.items():
        say(f"  {layer}: {path}{_factors(result, layer)}")
    tiles = f"{result.plan.count} tiles of {result.plan.tile}" if result.plan.count > 1 else "whole"
    say(f"  {tiles}{empty}, in {result.seconds:.1f} s")


def _folder(output: str | None, *, several: bool) -> Path | None:
    """Return the folder that `output` names: it exists, ends in a slash, or is for several."""
    from geoloupe.files.product import FORMATS

    if output is None:
        return None
    path = Path(output)
    if path.is_dir() or output.endswith(("/", os.sep)):
        return path
    if several and (path.exists() or path.suffix.lower() in FORMATS):
        raise InputError(f"{output}: is no folder; several scenes need one for their results")
    return path if several else None


@contextmanager
def _existing(folder: Path | None) -> Iterator[None]:
    """Make a folder for results, and take it away again if nothing came to lie in it."""
    if folder is None:
        yield
        return
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot make this folder ({error.strerror})") from None
    try:
        yield
    finally:
        with suppress(OSError):  # it holds something
            for place in made:
                place.rmdir()


def _refuse_doubles(scenes: list[str], targets: list[Path | None]) -> None:
    seen: dict[Path, str] = {}
    for name, target in zip(scenes, targets, strict=True):
        if target in seen:
            raise InputError(
                f"{target}: would be made of both {seen[target]} and {name}; run them apart"
            )
        if target is not None:
            seen[target] = name


def _told(name: str, found: dict[str, Any]) -> str:
    minutes = found["seconds"] / 60
    time = f"{found['seconds']:.0f} s" if minutes < 2 else f"{minutes:.0f} min"
    return (
        f"{name} -> {found['target']}\n"
        f"  {found['width']} x {found['height']} pixels, {found['bands']} bands of "
        f"{found['dtype']}, {found['bytes'] / 1e9:.2f} GB before compression\n"
        f"  {found['tiles']} tiles in {found['blocks']} blocks, {found['threads']} at once: about "
        f"{time}\n"
        f"  {found['memory'] / 1e9:.2f} GB of memory and up to {found['disk'] / 1e9:.2f} GB of "
        "disk while it works"
    )


def _factors(result: "Upscaled", layer: str) -> str:
    """Say how many sigmas hold how much of the truth."""
    tags = result.layout.beside[layer].facts.tags
    found = {key.rpartition("_")[2]: text for key, text in tags.items() if "_SIGMAS_" in key}
    told = ", ".join(f"{level} % within {text.split(',')[0]}" for level, text in found.items())
    return f" ({told} of it)" if told else ""


def _facts(result: "Upscaled") -> dict[str, Any]:
    grid = result.grid
    return {
        "path": str(result.path),
        "beside": {layer: str(path) for layer, path in result.beside.items()},
        "model": result.model,
        "scale": result.scale,
        "sensor": result.optics.sensor,
        "mtf": result.optics.mtf,
        "width": grid.width,
        "height": grid.height,
        "bands": len(result.layout.facts.bands),
        "dtype": result.radiometry.dtype,
        "tiles": result.plan.count,
        "tiles_without_data": result.skipped,
        "complete": result.complete,
        "blocks_missing": result.pending,
        "seconds": round(result.seconds, 3),
    }
