"""An order to enlarge a scene: opened and checked before any pixel is computed."""

import logging
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from geoloupe import settings
from geoloupe.imagery.grid import Grid
from geoloupe.models.model import Model
from geoloupe.models.predictor import check_guide
from geoloupe.rasters.area import window_of
from geoloupe.rasters.clouds import Mask
from geoloupe.rasters.formats import fitting, suffix_of
from geoloupe.rasters.opening import OpeningOptions, aligned, open_source, place_of, stem_of
from geoloupe.rasters.planes import PIXELS, Layout
from geoloupe.rasters.product import admit_product, check_output
from geoloupe.rasters.source import Source
from geoloupe.scenes.choices import (
    PredictOptions,
    chosen_layers,
    chosen_optics,
    layout_of,
    load_chosen,
    plan_of,
    predictor_for,
    select_bands_and_range,
    settled,
)
from geoloupe.scenes.identity import Call, JobIdentity, absolute, identities
from geoloupe.scenes.optics import Optics
from geoloupe.scenes.order import ONLY_HOW, Order, Resources
from geoloupe.scenes.output_options import OutputOptions
from geoloupe.scenes.scene import Enlargement
from geoloupe.scenes.work_folder import group_before, sweep, work_folder
from geoloupe.storage.beside import beside, warn_of_strangers
from geoloupe.storage.publish import refuse_inputs
from geoloupe.storage.sizes import Admit
from geoloupe.version import __version__

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class UpscaleSettings(OutputOptions, PredictOptions, Resources):
    """What can be chosen besides the scene, the model and the result."""

    guide: str | Path | None = None
    area: str | None = None  # a box or a GeoJSON file: only the pixels it touches
    mask: Mask | None = None  # "clouds": missing in the product, by the layer the scene brings
    offset: float | None = None  # added to reflectance, where a STAC item leaves it open

    def __post_init__(self) -> None:
        OutputOptions.__post_init__(self)
        PredictOptions.__post_init__(self)
        Resources.__post_init__(self)


@dataclass(frozen=True, kw_only=True)
class UpscaleOrder(Order):
    """A scene and a model made ready."""

    scene: Enlargement
    model: Model
    optics: Optics


def set_up(
    stack: ExitStack,
    path: str | Path,
    output: str | Path | None,
    model: str | Path | Model | None,
    chosen: UpscaleSettings,
    *,
    overwrite: bool,
) -> UpscaleOrder:
    """Open everything and refuse what cannot work, before any pixel is computed."""
    loaded = load_chosen(model, chosen)
    chosen = settled(chosen, loaded)
    scale = loaded.network.signature.scale

    def place(grid: Grid) -> Path:
        return Path(output) if output is not None else _beside(path, chosen, scale, grid)

    def admit(grid: Grid, dtype: str) -> None:
        admit_product(place(grid), grid.finer(scale), dtype)

    source = stack.enter_context(open_source(path, **_opening(chosen, admit)))
    source = select_bands_and_range(source, loaded, chosen)
    optics = chosen_optics(source, chosen)
    target, group = place(source.grid), group_before(place(source.grid))
    plan = plan_of(source, loaded, chosen, optics=optics, group=group, memory=chosen.memory_bytes)
    layers = chosen_layers(source, loaded, chosen, optics)
    layout = layout_of(source, loaded, plan, chosen, optics=optics, layers=layers)
    for file in (target, *(beside(target, name) for name in layout.names_beside)):
        refuse_inputs(file, path, *source.files, chosen.guide)
    layout = _placed(layout, target, overwrite=overwrite)
    scene = Enlargement(
        source=source,
        guide=open_guide(stack, chosen, loaded, layout.grid),
        predictor=predictor_for(loaded, optics, chosen),
        plan=plan,
        layout=layout,
        layers=layers,
    )
    _tell(scene, loaded, optics)
    return UpscaleOrder(
        scene=scene,
        model=loaded,
        optics=optics,
        target=target,
        identity=_identity(path, model, loaded, chosen, scene),
        inputs=source.files,
        settings=chosen,
        set_up=set_up,
    )


def _opening(chosen: UpscaleSettings, admit: Admit) -> OpeningOptions:
    """Return how the scene is to be opened."""
    return {
        "alpha": chosen.alpha,
        "nodata": chosen.nodata,
        "trust": chosen.trust,
        "area": chosen.area,
        "mask": chosen.mask,
        "offset": chosen.offset,
        "admit": admit,
    }


def _placed(layout: Layout, target: Path, *, overwrite: bool) -> Layout:
    """Fit a layout to the kind of file `target` names, and refuse where it cannot be written."""
    layout = fitting(layout, target)
    sweep(target)
    folder = work_folder(target)
    there = layout.size if (folder / PIXELS).exists() else 0
    check_output(target, layout, overwrite=overwrite, there=there, folder=folder)
    warn_of_strangers(target, layout.names_beside)
    return layout


def _tell(scene: Enlargement, model: Model, optics: Optics) -> None:
    """Log the decisions, for those who ask."""
    source, plan, radiometry = scene.source, scene.plan, scene.source.radiometry
    names = [band.name or str(number) for number, band in enumerate(source.bands, start=1)]
    shown = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    low, high = radiometry.low, radiometry.high
    ranges = {f"{a:.12g} to {b:.12g}" for a, b in zip(low, high, strict=True)}
    nodata = "none" if radiometry.nodata is None else f"{radiometry.nodata:g}"
    _log.info("%s: %s x %s pixels", source.name, source.grid.width, source.grid.height)
    _log.info("  bands %s; %s, nodata %s", shown, radiometry.dtype, nodata)
    _log.info("  dark to bright: %s", " or ".join(sorted(ranges)[:4]))
    _log.info("%s: %s on %s", model.card.name, model.digest, scene.predictor.device)
    _log.info(
        "  %s tiles of %s pixels, %s cut off on each side, in %s blocks",
        *(plan.count, plan.tile, plan.margin, plan.block_count),
    )
    _log.info("  %s", optics)


def _identity(
    path: str | Path,
    model: str | Path | Model | None,
    loaded: Model,
    chosen: UpscaleSettings,
    scene: Enlargement,
) -> JobIdentity:
    """Return everything the result depends on, so that unfinished work is only ever continued."""
    plain = {key: value for key, value in settings.dump(chosen).items() if key not in ONLY_HOW}
    guide = scene.guide
    return JobIdentity(
        version=__version__,
        scene=identities(path, *scene.source.files),
        guide={} if guide is None else identities(chosen.guide or "", *guide.files),
        settings=plain,
        model={"name": loaded.card.name, "digest": loaded.digest},
        device=scene.predictor.device.type,
        tiles=scene.plan.digest,
        group=scene.plan.group,
        tags=dict(scene.layout.facts.tags),
        beside={name: dict(each.facts.tags) for name, each in scene.layout.beside.items()},
        blocks=scene.plan.block_count,
        call=Call(
            verb="upscale",
            path=str(absolute(path)),
            model=_named(model, loaded),
            guide=absolute(chosen.guide),
        ),
    )


def _named(model: str | Path | Model | None, loaded: Model) -> str | None:
    """Return how another process can load the model; None if it cannot."""
    if model is None:
        return loaded.card.name
    return None if isinstance(model, Model) else absolute(model)


def _beside(scene: str | Path, chosen: UpscaleSettings, scale: int, grid: Grid) -> Path:
    """Name a result after its scene: a GeoTIFF, or a PNG for a picture without georeference."""
    path = place_of(str(scene))
    picture = not grid.georeferenced and path.suffix.lower() in (".png", ".jpg", ".jpeg")
    plain = chosen.format is None and chosen.dtype is None
    suffix = ".png" if picture and plain else suffix_of(chosen.format)
    return path.with_name(f"{stem_of(str(scene))}_x{scale}{suffix}")


def open_guide(
    stack: ExitStack, chosen: UpscaleSettings, model: Model, grid: Grid
) -> Source | None:
    """Open the guide on the result's grid; None for a model that takes none."""
    signature, name = model.network.signature, model.card.name
    if chosen.guide is None:
        check_guide(signature, None, name)
        return None
    found = stack.enter_context(open_source(chosen.guide, trust=chosen.trust))
    check_guide(signature, len(found.bands), name)
    if chosen.area is not None and not (found.grid.georeferenced and grid.georeferenced):
        coarse = found.grid.coarser(signature.scale)
        found = found.within(window_of(chosen.area, coarse, name).finer(signature.scale))
    return stack.enter_context(aligned(found, grid))
