"""A finer image's detail put into coarser bands: a product on the finer image's grid."""

import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar, Unpack

from geoloupe import settings
from geoloupe.scenes.coregistration import Registration
from geoloupe.scenes.optics import Optics
from geoloupe.scenes.options import SharpenOptions
from geoloupe.scenes.order import Command
from geoloupe.scenes.running import SceneResult, run
from geoloupe.scenes.sharpen_order import set_up
from geoloupe.scenes.sharpen_settings import SharpenSettings
from geoloupe.system.progress import Progress, silent


@dataclass(frozen=True, kw_only=True)
class Sharpened(SceneResult):
    """What was made."""

    verb: ClassVar[str] = "sharpen"
    model: str
    guide: str
    ratios: tuple[float, ...]  # how much finer, one per pixel size of the coarse bands
    optics: tuple[Optics, ...]
    registrations: tuple[Registration, ...]


def sharpen(
    path: str | Path,
    output: str | Path | None = None,
    *,
    model: str | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    **options: Unpack[SharpenOptions],
) -> Sharpened:
    """Put a finer image's detail into coarser bands; the result has the finer image's grid.

    Args:
        path: Bands that are coarser than `guide`; or a product that holds both: Sentinel-2 (its 20
            and 60 m bands come to 10 m), a folder of Landsat Level 1 (bands by the panchromatic).
        output: The new file; by default, one beside the scene.
        model: Weights, their folder, or a method of the catalog. By default, the trained weights
            that fit the guide: guided-s2 for three bands or more, guided-pan for Landsat's
            panchromatic band; else glp, regression.
        overwrite: Replace an old output.
        progress: Called with the number of finished tiles and of all.
        **options: guide, bands, shift, memory and others; see SharpenSettings.

    Returns:
        What was made, and what was found along the way, such as the shift between the images.

    Example:
        >>> made = geoloupe.sharpen("ms.tif", "sharp.tif", guide="pan.tif")
        >>> made.ratios
        (4.0,)
    """
    started = time.monotonic()
    chosen = settings.build(SharpenSettings, options, "sharpen")
    with ExitStack() as stack:
        order = set_up(stack, path, output, model, chosen, overwrite=overwrite)
        done = run(order, overwrite=overwrite, progress=progress or silent, started=started)
    scene = order.scene
    return Sharpened(
        **asdict(done),
        path=order.target,
        model=order.model,
        guide=order.guide,
        ratios=tuple(group.meeting.ratio for group in scene.groups),
        optics=tuple(group.optics for group in scene.groups),
        registrations=order.registrations,
        layout=scene.layout,
        plan=scene.plan,
        inputs=order.inputs,
    )


SHARPEN = Command(settings=SharpenSettings, set_up=set_up, make=sharpen)
