"""An order to sharpen bands with a guide: opened and checked before any pixel is computed."""

import logging
import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from geoloupe import settings
from geoloupe.errors import InputError, errors_named
from geoloupe.models.bound import GUIDED_MARGIN
from geoloupe.models.devices import device_of
from geoloupe.models.precision import chosen_precision
from geoloupe.models.sharpeners import (
    CLASSICAL,
    SEVERAL,
    card_of,
    default_sharpener,
    digest_of,
    make_sharpener,
    weights_for,
)
from geoloupe.networks.sharpening.guided import Guided
from geoloupe.networks.sharpening.method import Method
from geoloupe.rasters.area import with_area
from geoloupe.rasters.clouds import cloud_tags
from geoloupe.rasters.formats import fitting, suffix_of
from geoloupe.rasters.opening import place_of, stem_of
from geoloupe.rasters.planes import PIXELS, Layout
from geoloupe.rasters.product import check_output
from geoloupe.scenes.coregistration import Registration, registered
from geoloupe.scenes.fusion import Fusion, Reading
from geoloupe.scenes.identity import Call, JobIdentity, absolute, identities
from geoloupe.scenes.learning import learn
from geoloupe.scenes.optics import UNKNOWN
from geoloupe.scenes.order import ONLY_HOW, Order
from geoloupe.scenes.pairing import Pair, laid, open_pair
from geoloupe.scenes.plan import Plan, block_side, make_plan, tile_side
from geoloupe.scenes.sharpen_settings import SharpenSettings
from geoloupe.scenes.statistics import fitted
from geoloupe.scenes.work_folder import group_before, sweep, work_folder
from geoloupe.storage.beside import warn_of_strangers
from geoloupe.storage.publish import refuse_inputs
from geoloupe.version import __version__

_log = logging.getLogger(__name__)

_TILE = 512  # least pixels per side of a tile, unless the user says otherwise
_MARGINS = 14  # that fit in a side: a seventh of it is discarded


@dataclass(frozen=True, kw_only=True)
class SharpenOrder(Order):
    """Bands, their guide and a method made ready."""

    scene: Fusion
    model: str
    guide: str
    registrations: tuple[Registration, ...]


def set_up(
    stack: ExitStack,
    path: str | Path,
    output: str | Path | None,
    model: str | None,
    chosen: SharpenSettings,
    *,
    overwrite: bool,
) -> SharpenOrder:
    """Open everything and refuse what cannot work, before any pixel is computed."""
    target = Path(output) if output is not None else _beside(str(path), chosen)
    pair = laid(open_pair(stack, path, chosen), chosen)
    name, method = _method(model, pair, learns=chosen.learn)
    chosen = _settled(chosen, name, method)
    _refuse_guide_bands(method, name, pair)
    refuse_inputs(target, path, *pair.files, chosen.guide)
    sweep(target)
    plan = _plan(pair, method, chosen, group=group_before(target))
    layout = _placed(chosen.stored(pair.layout), target, overwrite=overwrite)
    scene, registrations, learned = _scene(
        pair, method, chosen, plan=plan, layout=layout, label=str(path)
    )
    tags = _tags(scene, pair, name, registrations) | learned | cloud_tags(pair.guide, pair.crop)
    facts = with_area(layout.facts.tagged(tags), pair.crop if chosen.area else None)
    scene = replace(scene, layout=replace(layout, facts=facts))
    _tell(scene, pair, name)
    return SharpenOrder(
        scene=scene,
        model=name,
        guide=pair.guide.name,
        registrations=registrations,
        target=target,
        identity=_identity(path, name, chosen, scene, pair),
        inputs=pair.files,
        settings=chosen,
        set_up=set_up,
    )


def _placed(layout: Layout, target: Path, *, overwrite: bool) -> Layout:
    """Fit a layout to the kind of file `target` names, and refuse where it cannot be written."""
    layout, folder = fitting(layout, target), work_folder(target)
    there = layout.size if (folder / PIXELS).exists() else 0
    check_output(target, layout, overwrite=overwrite, there=there, folder=folder)
    warn_of_strangers(target, layout.names_beside)
    return layout


def _scene(
    pair: Pair, method: Method, chosen: SharpenSettings, *, plan: Plan, layout: Layout, label: str
) -> tuple[Fusion, tuple[Registration, ...], dict[str, str]]:
    """Look at a whole scene's pixels: where the images lie, and what a method must know.

    The returned tags say which weights are used, and what was learned.
    """
    reading = Reading(
        guide=pair.guide,
        looked=pair.looked,
        corner=(pair.crop.top, pair.crop.left),
        device=device_of(chosen.device),
    )
    size = pair.crop.height, pair.crop.width
    found = [
        registered(reading, group, size, shift=chosen.shift, anyway=chosen.anyway)
        for group in pair.groups
    ]
    groups, registrations = (tuple(part) for part in zip(*found, strict=True))
    tags = {}
    if isinstance(method, Guided):
        method.to(reading.device)
        if chosen.learn:
            tags["GEOLOUPE_LEARNED"] = str(learn(method, reading, groups, size))
        tags["GEOLOUPE_WEIGHTS"] = digest_of(method)
    scene = Fusion(
        plan=plan,
        layout=layout,
        reading=reading,
        groups=groups,
        sharpeners=tuple(fitted(method, reading, group, size) for group in groups),
        through=pair.through,
        precision=chosen.precision,
        consistent=method.consistent if chosen.consistent is None else chosen.consistent,
        bound=_bound(chosen),
        label=label,
    )
    return scene, registrations, tags


def _method(model: str | None, pair: Pair, *, learns: bool) -> tuple[str, Method]:
    """Make the named method, or the one that fits a pair."""
    ratios = [group.meeting.ratio for group in pair.groups]
    sensors = [group.optics.sensor for group in pair.groups]
    count = len(pair.looked)
    name = model or (weights_for(count) if learns else default_sharpener(count, ratios, sensors))
    method = make_sharpener(name)
    if learns and not isinstance(method, Guided):
        raise InputError(f"{name} does not learn; leave out learn, or use the model {SEVERAL}")
    return name, method


def _settled(chosen: SharpenSettings, name: str, method: Method) -> SharpenSettings:
    """Return the settings with "auto" precision resolved here, so that workers use the same."""
    if not isinstance(method, Guided) and chosen.precision == "bf16":
        raise InputError(f"{name} computes in fp32 only; leave out precision")
    precision = chosen_precision(chosen.precision, card_of(name), device_of(chosen.device))
    return replace(chosen, precision=precision)


def _refuse_guide_bands(method: Method, name: str, pair: Pair) -> None:
    wanted = method.guide_bands
    if wanted is not None and len(pair.looked) != wanted:
        raise InputError(
            f"{pair.guide.name}: {name} needs a guide of {wanted} band, and this has "
            f"{len(pair.looked)}; choose one with guide_bands, or use the model "
            f"{CLASSICAL}, which takes any number"
        )


def _plan(pair: Pair, method: Method, chosen: SharpenSettings, *, group: int | None) -> Plan:
    """Cut the product into tiles with enough around each that they agree with the whole."""
    margin = max(
        math.ceil((method.reach + coarse.margin) * coarse.meeting.greatest)
        for coarse in pair.groups
    )
    pixel = 4 * len(pair.layout.facts.bands)
    tile = chosen.tile or tile_side(
        max(_TILE, _MARGINS * margin), margin=_MARGINS * margin // 8, pixel=pixel
    )
    group = group or block_side(tile=tile, margin=margin, pixel=pixel, memory=chosen.memory_bytes)
    with errors_named(pair.guide.name):
        return make_plan(
            (pair.crop.height, pair.crop.width), tile=tile, margin=margin, group=group, fit=True
        )


def _bound(chosen: SharpenSettings) -> float | None:
    if chosen.bound is True:
        return GUIDED_MARGIN
    return None if chosen.bound is False else float(chosen.bound)


def _tags(
    scene: Fusion, pair: Pair, name: str, registrations: Sequence[Registration]
) -> dict[str, str]:
    """Return how a product was made."""
    groups, plan, radiometry = scene.groups, scene.plan, scene.layout.radiometry
    lines = zip(radiometry.low, radiometry.high, strict=True)
    shifts = [f"{r.rows:+.2f}, {r.columns:+.2f}" if r.corrected else "none" for r in registrations]
    return {
        "GEOLOUPE_VERSION": __version__,
        "GEOLOUPE_MODEL": name,
        "GEOLOUPE_SCALE": "; ".join(f"{group.meeting.ratio:.6g}" for group in groups),
        "GEOLOUPE_GUIDE": stem_of(pair.guide.name),
        "GEOLOUPE_SHIFT": "; ".join(shifts),
        "GEOLOUPE_TILE": str(plan.tile),
        "GEOLOUPE_MARGIN": str(plan.margin),
        "GEOLOUPE_REACH": "local",
        "GEOLOUPE_TILES": f"{plan.sides[0]} x {plan.sides[1]}",
        "GEOLOUPE_RANGE": "; ".join(dict.fromkeys(f"{a:.12g} to {b:.12g}" for a, b in lines)),
        "GEOLOUPE_SENSOR": "; ".join(group.optics.sensor or UNKNOWN for group in groups),
        "GEOLOUPE_MTF": ", ".join(f"{gain:.3g}" for group in groups for gain in group.optics.mtf),
        "GEOLOUPE_CONSISTENT": "yes" if scene.consistent else "no",
        "GEOLOUPE_BOUND": "none" if scene.bound is None else f"{scene.bound:g}",
        "GEOLOUPE_PRECISION": scene.precision,
    }


def _tell(scene: Fusion, pair: Pair, name: str) -> None:
    """Log the decisions, for those who ask."""
    grid, plan = scene.layout.grid, scene.plan
    _log.info(
        "%s: %s x %s pixels, those of %s", scene.name, grid.width, grid.height, pair.guide.name
    )
    for group in scene.groups:
        bands = ", ".join(band.name or "?" for band in group.source.bands[:12])
        _log.info("  %s: %.6g times finer by %s", bands, group.meeting.ratio, name)
        _log.info("  %s", group.optics)
    _log.info(
        "  %s tiles of %s pixels, %s cut off on each side, in %s blocks",
        *(plan.count, plan.tile, plan.margin, plan.block_count),
    )


def _identity(
    path: str | Path, name: str, chosen: SharpenSettings, scene: Fusion, pair: Pair
) -> JobIdentity:
    """Return everything the result depends on, so that unfinished work is only ever continued."""
    plain = {key: value for key, value in settings.dump(chosen).items() if key not in ONLY_HOW}
    coarse = (file for group in pair.groups for file in group.source.files)
    return JobIdentity(
        version=__version__,
        scene=identities(path, *coarse),
        guide=identities(pair.guide.name, *pair.guide.files),
        settings=plain,
        model={"name": name},
        device=scene.device.type,
        tiles=scene.plan.digest,
        group=scene.plan.group,
        tags=dict(scene.layout.facts.tags),
        blocks=scene.plan.block_count,
        call=Call(
            verb="sharpen",
            path=str(absolute(path)),
            model=name,
            guide=absolute(chosen.guide),
        ),
    )


def _beside(name: str, chosen: SharpenSettings) -> Path:
    """Name a result after its scene."""
    path = place_of(name)
    return path.with_name(f"{stem_of(name)}_sharp{suffix_of(chosen.format)}")
