"""`geoloupe export`: a model as a file that other programs run."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from geoloupe.cli.screen import say


def export(
    model: Annotated[str, typer.Argument(help="A shipped model, weights, or bicubic.")],
    *,
    output: Annotated[
        Path,
        typer.Option("-o", "--output", help="The new file: .onnx, .xml (OpenVINO) or .pt2."),
    ],
    bands: Annotated[
        str | None,
        typer.Option(help="Their names or number, for models that take any. Default: 3."),
    ] = None,
    tile: Annotated[
        int | None, typer.Option(help="Take images of this side only. Default: of any size.")
    ] = None,
    mtf: Annotated[
        float | None, typer.Option(help="What the sensor passes at Nyquist. Default: 0.4.")
    ] = None,
    resolution: Annotated[
        float | None, typer.Option(help="The side of a coarse pixel in metres, for Deepness.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")] = False,
) -> None:
    """Write a model for other programs, tried by its own runtime: ONNX, OpenVINO, torch.export."""
    from geoloupe.models.exchange.export import export_model
    from geoloupe.models.model import load

    found = export_model(
        load(model),
        output,
        bands=_bands(bands),
        tile=tile,
        mtf=mtf,
        resolution=resolution,
        overwrite=overwrite,
    )
    if as_json:
        say(json.dumps(asdict(found), default=str))
        return
    size = f"{found.tile} x {found.tile} pixels" if found.tile else "any size"
    told = "" if found.mtf is None else f", MTF {found.mtf:g}"
    say("\n".join(map(str, reversed(found.files))))
    say(f"  {size}, bands {', '.join(found.bands)}{told}")
    tried = ", ".join(f"{trial.width} x {trial.height}" for trial in found.trials)
    say(f"  answers as the model does, to {found.largest_difference:.0e}, tried on {tried} pixels")


def _bands(text: str | None) -> list[str] | int | None:
    if text is None or text.isdecimal():
        return None if text is None else int(text)
    return [name.strip() for name in text.split(",")]
