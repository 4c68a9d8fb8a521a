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
    limits = _brightness(image)
    _write_picture(small, image, limits)
    _write_picture(large, _read(result), limits)
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


def _brightness(image: "Image") -> tuple[float, float]:
    """Give the stored values that a picture shows as black and white."""
    import numpy as np

    shown = image.values[:3][image.present[:3]]
    low, high = np.quantile(shown, (0.005, 0.995))
    return float(low), float(high)


def _write_picture(path: Path, image: "Image", limits: tuple[float, float]) -> None:
    """Write red, green and blue as people expect to see them, transparent where no data are."""
    from dataclasses import replace

    from geoloupe.files.facts import BandFacts, Facts
    from geoloupe.files.product import write_image
    from geoloupe.imagery.grid import Grid
    from geoloupe.imagery.radiometry import Radiometry

    low, high = limits
    colours = image.select([0, 1, 2])
    stretched = replace(
        colours,
        radiometry=replace(colours.radiometry, low=(low,), high=(high,)),
        grid=Grid(crs=None, height=image.grid.height, width=image.grid.width),
    )
    picture = stretched.in_radiometry(Radiometry(dtype="uint8", high=(255.0,)))
    bands = tuple(BandFacts(colour=colour) for colour in ("red", "green", "blue"))
    write_image(path, picture, facts=Facts(bands=bands, mask="alpha"), overwrite=True)
