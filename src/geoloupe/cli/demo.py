"""`geoloupe demo`: the main job end to end, on a drawn sample scene."""

import filecmp
import shutil
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geoloupe.cli.progress import progress_bar
from geoloupe.cli.screen import say
from geoloupe.cli.upscale import report
from geoloupe.errors import InputError

if TYPE_CHECKING:
    from geoloupe.imagery.image import Image

HOME = Path(str(resources.files("geoloupe") / "sample"))
SCENE, TRUTH = "scene.tif", "truth.tif"
SCALE = 4
MARK = "GEOLOUPE_SAMPLE"  # the tag that tells our scene from a user's
FILES = (SCENE, f"scene_x{SCALE}.tif", "demo.html")
SHOWN = (250, 820, 640, 420)  # top, left, width and height of what the page shows, in fine pixels


def demo(
    folder: Annotated[Path, typer.Argument(help="Where to write; created if missing.")],
) -> None:
    """Make a sample scene four times finer, and a page that compares it with the truth."""
    from geoloupe.scenes.upscale import upscale
    from geoloupe.storage.publish import publish, publish_texts

    _prepare(folder)
    scene, result, page = (folder / name for name in FILES)
    image, truth = (_read(HOME / name) for name in (SCENE, TRUTH))
    if not (scene.exists() and filecmp.cmp(HOME / SCENE, scene, shallow=False)):
        with publish(scene, overwrite=True) as part:
            shutil.copyfile(HOME / SCENE, part)
    with progress_bar("tiles") as progress:
        made = upscale(scene, result, overwrite=True, progress=progress)
    text = _page(image, _read(result), truth, made.model)
    publish_texts(folder, {page.name: text}, overwrite=True)
    say(f"A drawn scene of {image.grid.width} x {image.grid.height} pixels: {scene}")
    say(f"and made it {SCALE} times finer:")
    report(made)
    say(f"compare it with interpolation and the truth in any browser: {page}")
    say(f"or try other models on it: geoloupe app {scene} (pip install 'geoloupe[app]')")


def _page(image: "Image", result: "Image", truth: "Image", model: str) -> str:
    """Compare a part of the result with its LR pixels, interpolation and that part of the truth."""
    from geoloupe.imagery.grid import Window
    from geoloupe.metrics.protocols import HSENET
    from geoloupe.models.model import load
    from geoloupe.models.predictor import Predictor
    from geoloupe.rasters.picture import limits_of
    from geoloupe.reports.pages import Page, Table, Viewer, layer, render

    top, left, width, height = SHOWN
    window = Window(top=top, left=left, height=height, width=width)
    smooth, pixels = (
        Predictor.of(load(name, scale=SCALE)).super_resolve(image)
        for name in ("bicubic", "nearest")
    )
    shown = {"as seen": pixels, "bicubic": smooth, model: result}
    parts = {name: each.crop(window) for name, each in shown.items()} | {"truth": truth}
    limits = limits_of(parts["truth"])
    rows = []
    for name in ("bicubic", model):
        scores = HSENET.score(parts[name], parts["truth"], SCALE)
        rows.append([name, f"{scores['psnr']:.2f}", f"{scores['ssim']:.4f}"])
    metres = image.grid.pixel_size[0]
    return render(
        Page(
            title="A scene, four times finer",
            lead=f"A drawn scene of {metres:g} m pixels became one of {metres / SCALE:g} m. "
            "Because it is drawn, the truth is known.",
            parts=[
                Viewer(
                    title="Look",
                    note="Drag the handle. All layers show the same stretch of values.",
                    size=(width, height),
                    pair=(1, 2),
                    layers=[
                        layer(name, part, limits, numbers=300_000) for name, part in parts.items()
                    ],
                ),
                Table(
                    title="Measured",
                    note=f"Against the truth, in the part shown, all bands. {HSENET.describe()}.",
                    headings=["", "PSNR, dB", "SSIM"],
                    rows=rows,
                ),
            ],
        )
    )


def _prepare(folder: Path) -> None:
    """Make the folder; refuse one whose files of these names the demo did not make."""
    from geoloupe.rasters.opening import open_source

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot make this folder ({error.strerror})") from None
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
    from geoloupe.rasters.opening import open_source

    with open_source(path) as source:
        return source.read()
