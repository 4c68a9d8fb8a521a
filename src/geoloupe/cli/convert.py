"""`geoloupe convert`: published weights become a self-describing folder of weights."""

from pathlib import Path
from typing import Annotated

import typer

from geoloupe.cli.screen import say


def convert(
    checkpoint: Annotated[Path, typer.Argument(help="A published .pt, .pth or .safetensors file.")],
    *,
    network: Annotated[
        str, typer.Option(help="The network of the weights: see geoloupe networks; or zoo.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder to write.")],
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting that the weights do not show, such as scale=8."),
    ] = None,
    bands: Annotated[
        str | None, typer.Option(help="Names of the bands in order: red,green,blue.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the model. Default: the folder's name.")
    ] = None,
    licence: Annotated[str | None, typer.Option(help="The licence of the weights.")] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace existing weights.")
    ] = False,
) -> None:
    """Convert published weights, checked name by name, into a folder that geoloupe loads."""
    from geoloupe.cli.assignments import parse_assignments
    from geoloupe.models.conversion import Label, convert_checkpoint
    from geoloupe.models.model import refuse_target, save
    from geoloupe.networks.published.conversion import as_text
    from geoloupe.networks.summary import parameter_count

    refuse_target(output, overwrite=overwrite)
    label = Label(
        name=name or output.resolve().name or network,
        bands=None if bands is None else [band.strip() for band in bands.split(",")],
        licence=licence,
    )
    model = convert_checkpoint(
        checkpoint, network, parse_assignments(assignments or ()), label=label
    )
    save(model, output, overwrite=overwrite)
    say(f"{model.network.REFERENCE.title}, {parameter_count(model.network):,} parameters:")
    for key, value in model.card.settings.items():
        say(f"  {key} = {as_text(value)}")
    guide = " --guide GUIDE" if model.network.signature.guided else ""
    say(f"written to {output}; next: geoloupe upscale IMAGE --model {output}{guide}")
