"""The main job: a scene, a model and a few choices become a new file."""

import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar, Unpack

from geoloupe import settings
from geoloupe.models.model import Model
from geoloupe.scenes.optics import Optics
from geoloupe.scenes.options import UpscaleOptions
from geoloupe.scenes.order import Command
from geoloupe.scenes.running import SceneResult, run
from geoloupe.scenes.upscale_order import UpscaleSettings, set_up
from geoloupe.system.progress import Progress, silent


@dataclass(frozen=True, kw_only=True)
class Upscaled(SceneResult):
    """What was made."""

    verb: ClassVar[str] = "upscale"
    model: str
    scale: int
    optics: Optics


def upscale(
    path: str | Path,
    output: str | Path | None = None,
    *,
    model: str | Path | Model | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    **options: Unpack[UpscaleOptions],
) -> Upscaled:
    """Enlarge a scene into a new file. After a stop at any moment, the same call resumes.

    Args:
        path: Anything GDAL opens, a Sentinel-2 product, a .mat file or an address.
        output: The new file, a Cloud Optimized GeoTIFF unless its suffix names another format;
            by default, one beside the scene.
        model: A shipped model's name, weights, or a loaded model; without it, ours of the factor.
        overwrite: Replace an old output.
        progress: Called with the number of finished tiles and of all.
        **options: scale, bands, range, sensor, mtf, memory and others; see UpscaleSettings.

    Returns:
        What was made: path, model, grid, radiometry, optics, and the seconds it took.

    Example:
        >>> made = geoloupe.upscale("scene.tif", "finer.tif", scale=2)
        >>> made.model
        'loupe-x2'
    """
    started = time.monotonic()
    chosen = settings.build(UpscaleSettings, options, "upscale")
    with ExitStack() as stack:
        order = set_up(stack, path, output, model, chosen, overwrite=overwrite)
        done = run(order, overwrite=overwrite, progress=progress or silent, started=started)
    return Upscaled(
        **asdict(done),
        path=order.target,
        model=order.model.card.name,
        optics=order.optics,
        scale=order.scene.scale,
        layout=order.scene.layout,
        plan=order.scene.plan,
        inputs=order.inputs,
    )


UPSCALE = Command(settings=UpscaleSettings, set_up=set_up, make=upscale)
