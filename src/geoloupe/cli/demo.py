"""`geoloupe demo`: the main job end to end, on a scene that is drawn on the spot."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geoloupe.cli.progress import progress_bar
from geoloupe.cli.upscale import report
from geoloupe.errors import InputError

if TYPE_CHECKING:
    from geoloupe.imagery.image import Image

MODEL = "bicubic"
SCALE = 4
MARK = "GEOLOUPE_SAMPLE"  # the tag that tells a scene of ours from a person's
FILES = ("scene.tif", f"scene_x{SCALE}.tif", "scene.png", f"scene_x{SCALE}.png")


def demo(
    folder: Annotated[Path, typer.Argument(help="Where to write; made if it does not exist.")],
) -> None:
    """Draw a sample scene, enlarge it, and write pictures of both."""
    from geoloupe.datasets.sample import sample_scene
    from geoloupe.files.facts import BandFacts, Facts
    from geoloupe.files.picture import limits_of, visible, write_picture
    from geoloupe.files.product import write_image
    from geoloupe.inference.upscale import upscale

    _prepare(folder)
    scene, result, small, large = (folder / name for name in FILES)
    image = sample_scene()
    facts = Facts(
        bands=tuple(
            BandFacts(
                description=band.name,
                colour=band.name,
                imagery={"CENTRAL_WAVELENGTH_UM": f"{band.nm / 1000:g}"} if band.nm else {},
            )
            for band in image.bands
        ),
        tags={MARK: "drawn by geoloupe demo"},
    )
    write_image(scene, image, facts=facts, overwrite=True)
    with progress_bar("tiles") as progress:
        made = upscale(scene, result, model=MODEL, scale=SCALE, overwrite=True, progress=progress)
    colours = visible(image.bands)
    limits = limits_of(image.select(colours))
    for path, shown in ((small, image), (large, _read(result))):
        write_picture(path, shown.select(colours), limits, overwrite=True)
    typer.echo(f"drew a scene of {image.grid.width} x {image.grid.height} pixels: {scene}")
    typer.echo(f"and made it {SCALE} times finer:")
    report(made)
    typer.echo(f"pictures to look at: {small} and {large}")
    typer.echo(
        "No trained weights ship with geoloupe yet: this is bicubic interpolation, which enlarges "
        "but adds no detail."
    )


def _prepare(folder: Path) -> None:
    """Make the folder, and refuse one whose files of the same names are not the demo's."""
    from geoloupe.files.source import open_source

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made a folder ({error.strerror})") from None
    present = [name for name in FILES if (folder / name).exists()]
    if not present:
        return
    try:
        with open_source(folder / FILES[0]) as source:
            ours = MARK in source.facts.tags
    except InputError:
        ours = False
    if not ours:
        raise InputError(
            f"{folder}: has a {present[0]} that the demo did not make; choose another folder"
        )


def _read(path: Path) -> "Image":
    from geoloupe.files.source import open_source

    with open_source(path) as source:
        return source.read()
