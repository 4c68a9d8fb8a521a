"""The main job: a scene, a model and a few choices become a new file."""

import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geoloupe import __version__, settings
from geoloupe.errors import InputError
from geoloupe.files.product import Layout, check_output, create
from geoloupe.files.publish import refuse_inputs
from geoloupe.files.raster import open_aligned
from geoloupe.files.source import Source, open_source
from geoloupe.imagery.grid import Grid
from geoloupe.imagery.radiometry import Radiometry
from geoloupe.inference.bands import choose_bands
from geoloupe.inference.model import Model, load
from geoloupe.inference.plan import Plan, make_plan
from geoloupe.inference.predictor import Engine, Precision, Predictor, check_guide
from geoloupe.inference.scene import Progress, Scene, write_scene


@dataclass(frozen=True, kw_only=True)
class UpscaleSettings:
    """What can be chosen besides the scene, the model and the result."""

    scale: int | None = None  # for a model without weights; others have theirs
    bands: str | tuple[str | int, ...] | None = None  # numbers from 1 or names
    guide: Path | None = None
    tile: int | None = None  # None: the model's own, which belongs to its answer
    range: tuple[float, float] | None = None  # stored values that a network sees as 0 and 1
    precision: Precision = "fp32"
    engine: Engine = "torch"
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.tile is not None and self.tile < 1:
            raise ValueError(f"tile must be 1 or more, not {self.tile}")
        if self.range is not None and not self.range[0] < self.range[1]:
            raise ValueError(f"range must rise, but {self.range[0]:g} to {self.range[1]:g} do not")


@dataclass(frozen=True, kw_only=True)
class Upscaled:
    """What was made, for people and programs."""

    path: Path
    model: str
    scale: int
    layout: Layout
    plan: Plan
    skipped: int  # tiles without data
    seconds: float

    @property
    def grid(self) -> Grid:
        """The grid of the result."""
        return self.layout.grid

    @property
    def radiometry(self) -> Radiometry:
        """What the numbers of the scene and of the result mean."""
        return self.layout.radiometry


def upscale(
    path: str | Path,
    output: str | Path | None = None,
    *,
    model: str | Path | Model = "bicubic",
    overwrite: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> Upscaled:
    """Enlarge a scene into a new file; `options` are the fields of UpscaleSettings."""
    started = time.monotonic()
    chosen = settings.build(UpscaleSettings, options, "upscale")
    with ExitStack() as stack:
        source = stack.enter_context(open_source(path))
        loaded = _load(model, chosen.scale)
        scale = loaded.network.signature.scale
        source = _chosen_part(source, loaded, chosen)
        plan = make_plan(
            source.grid.height,
            source.grid.width,
            tile=chosen.tile or loaded.tile,
            margin=loaded.margin,
        )
        layout = _layout(source, loaded, plan, chosen)
        target = Path(output) if output is not None else _beside(Path(path), scale, source.grid)
        refuse_inputs(target, path, chosen.guide)
        check_output(target, layout, overwrite=overwrite)
        scene = Scene(
            source=source,
            guide=_open_guide(stack, chosen.guide, loaded, layout.grid),
            predictor=Predictor.of(
                loaded, device=chosen.device, precision=chosen.precision, engine=chosen.engine
            ),
            plan=plan,
        )
        with create(target, layout, overwrite=overwrite) as product:
            skipped = write_scene(scene, product, progress=progress or _silent)
    return Upscaled(
        path=target,
        model=loaded.card.name,
        scale=scale,
        layout=layout,
        plan=plan,
        skipped=skipped,
        seconds=time.monotonic() - started,
    )


def _silent(done: int, count: int) -> None:
    """Report no progress."""


def _load(model: str | Path | Model, scale: int | None) -> Model:
    if not isinstance(model, Model):
        return load(model) if scale is None else load(model, scale=scale)
    has = model.network.signature.scale
    if scale not in (None, has):
        raise InputError(f"{model.card.name} enlarges {has} times, not {scale}; leave scale out")
    return model


def _chosen_part(source: Source, model: Model, chosen: UpscaleSettings) -> Source:
    """Give the bands that the model needs, with the value range that was asked for."""
    words = chosen.bands.split(",") if isinstance(chosen.bands, str) else chosen.bands
    signature = model.network.signature
    try:
        indexes = choose_bands(source.bands, words, wanted=model.card.bands, count=signature.bands)
    except InputError as error:
        raise InputError(f"{source.name}: {error}") from None
    part = source.select(indexes)
    return part if chosen.range is None else part.ranging(*chosen.range)


def _layout(source: Source, model: Model, plan: Plan, chosen: UpscaleSettings) -> Layout:
    """Say what the result will be: the scene's facts, finer, and how it was made."""
    scale = model.network.signature.scale
    low, high = source.radiometry.low, source.radiometry.high
    tags = {
        "GEOLOUPE_VERSION": __version__,
        "GEOLOUPE_MODEL": model.card.name,
        "GEOLOUPE_SCALE": str(scale),
        "GEOLOUPE_TILE": str(plan.tile),
        "GEOLOUPE_MARGIN": str(plan.margin),
        "GEOLOUPE_TILES": f"{len(plan.rows)} x {len(plan.columns)}",
        "GEOLOUPE_RANGE": "; ".join(f"{a:g} to {b:g}" for a, b in zip(low, high, strict=True)),
        "GEOLOUPE_PRECISION": chosen.precision,
        "GEOLOUPE_ENGINE": chosen.engine,
    }
    return Layout(
        grid=source.grid.finer(scale),
        radiometry=source.radiometry,
        facts=source.facts.finer(scale).tagged(tags),
    )


def _beside(path: Path, scale: int, grid: Grid) -> Path:
    """Name a result after its scene: a GeoTIFF, or a PNG for a picture that lies nowhere."""
    picture = not grid.georeferenced and path.suffix.lower() in (".png", ".jpg", ".jpeg")
    return path.with_name(f"{path.stem}_x{scale}{'.png' if picture else '.tif'}")


def _open_guide(stack: ExitStack, path: Path | None, model: Model, grid: Grid) -> Source | None:
    signature, name = model.network.signature, model.card.name
    if path is None:
        check_guide(signature, None, name)
        return None
    with open_source(path) as found:
        check_guide(signature, len(found.bands), name)
    return stack.enter_context(open_aligned(str(path), grid))
