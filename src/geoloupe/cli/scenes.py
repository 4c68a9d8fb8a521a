"""Commands that turn scenes into files: their options, names of results, and failures."""

import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from geoloupe.cli.progress import json_progress, progress_bar
from geoloupe.cli.screen import collected_warnings, in_flags, say
from geoloupe.errors import GeoloupeError, InputError

Output = Annotated[
    str | None,
    typer.Option(
        "-o", "--output", help="The new file: .tif, .zarr, .png; or a folder, which is made."
    ),
]
Bands = Annotated[
    str | None, typer.Option(help="By number, name or wavelength: 3,2,1 or red,green,865nm.")
]
SensorName = Annotated[
    str | None,
    typer.Option(
        help="A name of geoloupe sensors, or unknown. Default: recognised from the scene."
    ),
]
Area = Annotated[
    str | None,
    typer.Option(
        help="Only a part: left,bottom,right,top (add @EPSG:4326 for degrees), or a .geojson."
    ),
]
Mask = Annotated[
    str | None,
    typer.Option(
        help="clouds: leave them out, by the layer that a product brings (SCL, QA_PIXEL)."
    ),
]
Memory = Annotated[
    str | None, typer.Option(help="Memory limit, such as 2GB. Default: a part of free memory.")
]
Shard = Annotated[
    str | None,
    typer.Option(help="Compute only this part, such as 2/8; finish with geoloupe assemble."),
]
Cluster = Annotated[
    str | None, typer.Option(help="A Dask scheduler to send the work to: tcp://host:8786.")
]
Workers = Annotated[
    int | None, typer.Option(help="Number of worker processes of a local Dask cluster.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Print what would be done, its size and its time.")
]
Preview = Annotated[
    bool, typer.Option("--preview", help="Compute only one tile from the middle, as a small file.")
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print JSON for a script; progress, line by line, to stderr.")
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Print warnings and errors only.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Log what is decided and done.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an existing output.")]

Stac = Annotated[
    bool, typer.Option("--stac", help="Write a STAC item beside it: what it is, how it was made.")
]

# Set by options, or not by users at all; --set is for the rest.
ALREADY = (
    *("path", "output", "model", "bands", "sensor", "guide", "area", "memory", "shard", "cluster"),
    *("mask", "workers", "stac", "overwrite", "progress"),
)


@dataclass(frozen=True, kw_only=True)
class Making:
    """How a command makes scenes and reports what it made."""

    verb: str
    report: Callable[[Any], None]  # a few lines for people
    facts: Callable[[Any], dict[str, Any]]  # the same for programs
    dry_run: bool
    preview: bool
    as_json: bool
    quiet: bool

    def each(self, names: Sequence[str], output: str | None, options: dict[str, Any]) -> None:
        """Make every scene; of several, one that fails is named and the rest are still made."""
        from geoloupe.rasters.opening import stem_of

        scenes = list(names) if output is None else _in_folders(names)
        several = len(scenes) > 1 or scenes != list(names)
        into = _folder(output, several=several)
        if into is None:
            targets = [None if output is None else Path(output)] * len(scenes)
        else:
            suffix = ".zarr" if options.get("format") == "zarr" else ".tif"
            targets = [into / f"{stem_of(name)}{suffix}" for name in scenes]
        _refuse_doubles(scenes, targets)
        make = self._forecast if self.dry_run else self._preview if self.preview else self._make
        if several and into is not None and make == self._make and "shard" not in options:
            self._batch(dict(zip(scenes, cast("list[Path]", targets), strict=True)), into, options)
            return
        failed: list[tuple[str, GeoloupeError]] = []
        with _existing(into):
            for name, target in zip(scenes, targets, strict=True):
                try:
                    make(name, target, options)
                except GeoloupeError as error:
                    if not several:
                        raise
                    failed.append((name, error))
                    say(f"geoloupe: {in_flags(str(error))}", to_errors=True)
        _refuse_failed(failed, len(scenes))

    def _batch(self, scenes: Mapping[str, Path], into: Path, options: dict[str, Any]) -> None:
        """Make what a folder's summary does not know as made, and write there what became of it."""
        from geoloupe.scenes.batch import Batch

        batch = Batch.of(into, self.verb, options)
        failed: list[tuple[str, GeoloupeError]] = []
        kept = 0
        with _existing(into):
            for name, target in scenes.items():
                known = None if options["overwrite"] else batch.kept(name, target)
                if known is not None:
                    kept += 1
                    self._tell_kept(target, known.facts)
                    continue
                batch.begun(name, target)
                try:
                    result, warnings = self._make(name, target, options)
                except GeoloupeError as error:
                    failed.append((name, error))
                    batch.failed(name, target, in_flags(str(error)))
                    say(f"geoloupe: {in_flags(str(error))}", to_errors=True)
                else:
                    batch.made(name, result, self.facts(result), warnings)
        if not (self.quiet or self.as_json):
            made = len(scenes) - kept - len(failed)
            say(f"{made} made, {kept} kept from before, {len(failed)} failed: {batch.table}")
        _refuse_failed(failed, len(scenes))

    def _tell_kept(self, target: Path, facts: Mapping[str, Any]) -> None:
        if self.as_json:
            say(json.dumps({**facts, "kept": True}))
        elif not self.quiet:
            say(f"{target}\n  kept: made before from the same files with the same settings")

    def _forecast(self, name: str, target: Path | None, options: dict[str, Any]) -> None:
        from geoloupe.scenes.preview import forecast

        with collected_warnings() as warnings:
            found = asdict(forecast(name, target, verb=self.verb, **options))
        if self.as_json:
            say(json.dumps(found | {"warnings": warnings}, default=str))
        elif not self.quiet:
            say(_told(name, found))

    def _preview(self, name: str, target: Path | None, options: dict[str, Any]) -> None:
        from geoloupe.scenes.preview import preview

        with collected_warnings() as warnings:
            path = str(preview(name, target, verb=self.verb, **options))
        if self.as_json:
            say(json.dumps({"path": path, "warnings": warnings}))
        elif not self.quiet:
            say(path)

    def _make(
        self, name: str, target: Path | None, options: dict[str, Any]
    ) -> tuple[Any, list[str]]:
        """Make a scene, and return the result with its warnings."""
        from geoloupe.scenes.commands import COMMANDS

        with (
            collected_warnings() as warnings,
            progress_bar("tiles", hidden=self.quiet or self.as_json) as shown,
        ):
            progress = json_progress() if self.as_json and not self.quiet else shown
            result = COMMANDS[self.verb].make(name, target, progress=progress, **options)
        if self.as_json:
            say(json.dumps(self.facts(result) | {"warnings": warnings}))
        elif not self.quiet:
            self.report(result)
        return result, warnings


def speak(verbose: bool) -> None:
    """Log decisions if asked to."""
    if verbose:
        logging.getLogger("geoloupe").setLevel(logging.INFO)


def said(**options: Any) -> dict[str, Any]:
    """Return the options that were given."""
    return {name: value for name, value in options.items() if value is not None}


def lines(result: Any) -> list[str]:
    """Return where a result is and what it is, or that a shard of it is done."""
    grid, layout = result.grid, result.layout
    width, height = grid.pixel_size
    size = f"{grid.width} x {grid.height} pixels"
    if grid.georeferenced:
        size += f" of {width:g} x {height:g} map units"
    dtype, bands = layout.radiometry.dtype, len(layout.facts.bands)
    if not result.complete:
        others = f"{result.pending} blocks of other shards are missing; when all are done"
        rest = others if result.pending else "and so are all others"
        return [
            str(result.path),
            f"  the shard is done, {rest}: geoloupe assemble {result.path}",
        ]
    masked = layout.facts.tags.get("GEOLOUPE_MASKED")
    return [
        str(result.path),
        f"  {size}, {bands} band{'s' * (bands != 1)} of {dtype}",
        *([] if masked is None else [f"  masked: {masked}"]),
    ]


def end(result: Any) -> str:
    """Return the number of tiles and the seconds of a result, in words."""
    empty = f", {result.skipped} of them without data" if result.skipped else ""
    tiles = f"{result.plan.count} tiles of {result.plan.tile}" if result.plan.count > 1 else "whole"
    return f"  {tiles}{empty}, in {result.seconds:.1f} s"


def common_facts(result: Any) -> dict[str, Any]:
    """Return what every result is, for programs."""
    return {
        "width": result.grid.width,
        "height": result.grid.height,
        "bands": len(result.layout.facts.bands),
        "dtype": result.radiometry.dtype,
        "tiles": result.plan.count,
        "tiles_without_data": result.skipped,
        "masked": result.layout.facts.tags.get("GEOLOUPE_MASKED"),
        "complete": result.complete,
        "blocks_missing": result.pending,
        "seconds": round(result.seconds, 3),
    }


def _in_folders(names: Sequence[str]) -> list[str]:
    """Put the scenes of a folder in its place, where the folder is not a scene itself."""
    from geoloupe.rasters.opening import folder_of_scenes

    return [scene for name in names for scene in folder_of_scenes(name) or [name]]


def _refuse_failed(failed: Sequence[tuple[str, GeoloupeError]], count: int) -> None:
    if failed:
        names = ", ".join(name for name, _ in failed)
        raise type(failed[0][1])(f"{len(failed)} of {count} scenes failed: {names}")


def _folder(output: str | None, *, several: bool) -> Path | None:
    """Return the folder that `output` names: it exists, ends in a slash, or is for several."""
    from geoloupe.rasters.formats import FORMATS

    if output is None:
        return None
    path = Path(output)
    store = path.suffix.lower() == ".zarr" and not several  # a folder that is one result
    if output.endswith(("/", os.sep)) or (path.is_dir() and not store):
        return path
    if several and (path.exists() or path.suffix.lower() in FORMATS):
        raise InputError(f"{output}: is not a folder; several scenes need one for their results")
    return path if several else None


@contextmanager
def _existing(folder: Path | None) -> Iterator[None]:
    """Make a folder for results, and remove it again if nothing ends up in it."""
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


def _refuse_doubles(scenes: Sequence[str], targets: Sequence[Path | None]) -> None:
    from geoloupe.storage.names import alike

    seen: dict[str, str] = {}
    for name, target in zip(scenes, targets, strict=True):
        if target is None:
            continue
        place = alike(target)
        if place in seen:
            raise InputError(
                f"{target}: would be made from both {seen[place]} and {name}; run them separately"
            )
        seen[place] = name


def _told(name: str, found: dict[str, Any]) -> str:
    from geoloupe.storage.sizes import size_text

    minutes = found["seconds"] / 60
    time = f"{found['seconds']:.0f} s" if minutes < 2 else f"{minutes:.0f} min"
    values = f"; {found['range']} is dark to bright" if found["range"] else ""
    return (
        f"{name} -> {found['target']}\n"
        f"  {found['width']} x {found['height']} pixels, {found['bands']} bands of "
        f"{found['dtype']}, {size_text(found['bytes'])} before compression\n"
        f"  sensor {found['sensor']}, MTF {found['mtf']}{values}\n"
        f"  {found['tiles']} tiles in {found['blocks']} blocks, {found['threads']} at once: about "
        f"{time}\n"
        f"  {size_text(found['memory'])} of memory and up to {size_text(found['disk'])} of disk "
        "while it works"
    )
