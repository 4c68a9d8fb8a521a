"""What a user chooses about model and scene, and what follows before any pixel is read."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from geoloupe.errors import InputError, errors_named
from geoloupe.imagery.nodata import Nodata
from geoloupe.models.bands import choose_bands
from geoloupe.models.bound import margin_of
from geoloupe.models.devices import device_of
from geoloupe.models.model import Model, default_model, load
from geoloupe.models.precision import PrecisionChoice, chosen_precision
from geoloupe.models.predictor import Predictor
from geoloupe.models.suitability import check_suited, warn_of_collar
from geoloupe.networks.acceleration.accelerate import Engine
from geoloupe.networks.observation import Observation
from geoloupe.rasters.area import with_area
from geoloupe.rasters.planes import Layout
from geoloupe.rasters.source import Source
from geoloupe.scenes.bad_bands import good_bands, told_of_bad
from geoloupe.scenes.layers import Layer, beside, layers_of, reach_of
from geoloupe.scenes.optics import UNKNOWN, Optics, observation_of, optics_of, tuned_to, with_noise
from geoloupe.scenes.plan import Plan, block_side, make_plan, tile_side
from geoloupe.version import __version__

Layers = tuple[Layer, ...]


@dataclass(frozen=True, kw_only=True)
class PredictOptions:
    """What decides a result's numbers, besides the scene and the model."""

    scale: int | None = None  # None: the model's; for ours and interpolation, 4
    bands: str | tuple[str | int, ...] | None = None  # numbers from 1, names or wavelengths
    tile: int | None = None  # None: the model's own, which is part of its answer
    range: tuple[float, float] | None = None  # stored values that the network sees as 0 and 1
    sensor: str | None = None  # a name of geoloupe sensors, or "unknown"; None: from the scene
    mtf: float | tuple[float, ...] | None = None  # of all bands, or each; None: the sensor's
    # Whether the sensor would see the scene itself in the result, noise and all; None: where it is
    # known, but for noise
    consistent: bool | None = None
    alpha: bool | None = None  # whether a band marked as transparency is; None: by its content
    trust: bool = False  # whether a file may refer to files outside its folder, and to servers
    # What missing pixels hold; None: as declared, or an obvious fill value; "none": none
    nodata: Nodata = None
    # How far answers may exceed the pixels around, in parts of their range; True: as the model's
    # card says, else as most models; False: anywhere
    bound: bool | float = True
    anyway: bool = False  # use a model on a scene that its card refuses
    ensemble: bool = False  # the mean of eight answers, one per rotation and mirror image
    uncertainty: bool = False  # a file of sigma beside the product, if the model's card allows it
    detail: bool = False  # a file of what the product adds to interpolation
    # "auto": bf16 where the processor supports it and the card proves nothing is lost
    precision: PrecisionChoice = "auto"
    engine: Engine = "torch"
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.tile is not None and self.tile < 1:
            raise ValueError(f"tile must be 1 or more, not {self.tile}")
        if self.range is not None and not -math.inf < self.range[0] < self.range[1] < math.inf:
            raise ValueError(f"range must rise, not go from {self.range[0]:g} to {self.range[1]:g}")
        if isinstance(self.nodata, float) and not math.isfinite(self.nodata):
            raise ValueError("NaN and infinity always count as missing; leave nodata out")
        if not 0 <= self.bound < math.inf:
            raise ValueError(f"bound must be true, false, or 0 or more, not {self.bound:g}")

    def stored(self, layout: Layout) -> Layout:
        """Return a layout as its values are to be stored: as the scene's are."""
        return layout


ChoicesT = TypeVar("ChoicesT", bound=PredictOptions)


def load_chosen(model: str | Path | Model | None, choices: PredictOptions) -> Model:
    """Load a model for the requested factor; None is ours."""
    scale = choices.scale
    if model is None:
        model = default_model(scale)
    if not isinstance(model, Model):
        return load(model) if scale is None else load(model, scale=scale)
    if scale not in (None, *model.scales):
        has = model.network.signature.scale
        raise InputError(f"{model.card.name} enlarges {has} times, not {scale}; leave scale out")
    return model if scale is None else model.at(scale)


def settled(choices: ChoicesT, model: Model) -> ChoicesT:
    """Return the choices with "auto" precision resolved here, so that workers use the same."""
    precision = chosen_precision(
        choices.precision, model.card, device_of(choices.device), choices.engine
    )
    return replace(choices, precision=precision)


def chosen_optics(part: Source, choices: PredictOptions) -> Optics:
    """Return the optics the chosen bands of a scene were seen through."""
    optics = optics_of(part, sensor=choices.sensor, mtf=choices.mtf)
    return with_noise(optics, part) if optics.known and choices.consistent is None else optics


def predictor_for(model: Model, optics: Optics, choices: PredictOptions) -> Predictor:
    """Make a model ready to run as requested."""
    ready = Predictor.of(
        tuned_to(model, optics),
        device=choices.device,
        precision=choices.precision,
        engine=choices.engine,
        ensemble=choices.ensemble,
        bound=choices.bound,
    )
    return replace(ready, observation=observation_of(model, optics, choices.consistent))


def margin_for(model: Model, optics: Optics, choices: PredictOptions) -> int:
    """Return the context that a tile discards: more where more than the network looks at it.

    The tiles of networks that look at all of them are no others for it.
    """
    if model.network.signature.reach == "global":
        return model.margin
    observation = observation_of(model, optics, choices.consistent)
    layers = reach_of(uncertainty=choices.uncertainty, detail=choices.detail)
    return model.margin + (0 if observation is None else observation.reach) + layers


def select_bands_and_range(source: Source, model: Model, choices: PredictOptions) -> Source:
    """Return the bands that the model needs, with the requested value range."""
    words = choices.bands.split(",") if isinstance(choices.bands, str) else choices.bands
    signature = model.network.signature
    with errors_named(source.name):
        if words is None and model.card.bands is None:
            good = good_bands(source)
            names = [source.bands[index] for index in good]
            chosen = choose_bands(names, None, wanted=None, count=signature.bands)
            indexes = [good[index] for index in chosen]
        else:
            indexes = choose_bands(
                source.bands, words, wanted=model.card.bands, count=signature.bands
            )
    source = replace(source, facts=source.facts.afresh())
    part = told_of_bad(source, indexes, named=words is not None or model.card.bands is not None)
    check_suited(part, model.card, anyway=choices.anyway)
    if choices.nodata is None:
        warn_of_collar(part)
    return part if choices.range is None else part.with_range(*choices.range)


def plan_of(
    source: Source,
    model: Model,
    choices: PredictOptions,
    *,
    optics: Optics,
    group: int | None = None,
    memory: int | None = None,
) -> Plan:
    """Cut a scene as the model needs, in blocks of `group` tiles a side or as memory allows."""
    signature, grid = model.network.signature, source.grid
    margin = margin_for(model, optics, choices)
    local = signature.reach == "local"
    layers = 1 + choices.uncertainty + choices.detail
    pixel = len(source.bands) * 4 * signature.scale**2 * layers
    tile = choices.tile or model.tile
    if local and choices.tile is None:
        tile = tile_side(tile, margin=margin, pixel=pixel)
    group = group or block_side(tile=tile, margin=margin, pixel=pixel, memory=memory)
    with errors_named(source.name):
        return make_plan(
            (grid.height, grid.width),
            tile=tile,
            margin=margin,
            group=group,
            scale=signature.scale,
            fit=local,
        )


def _agreement(observation: Observation | None) -> str:
    """Return how far a result agrees with its scene."""
    if observation is None:
        return "no"
    if not observation.noise:
        return "yes"
    return f"but for noise of {', '.join(f'{level:.2g}' for level in observation.noise)}"


def chosen_layers(source: Source, model: Model, choices: PredictOptions, optics: Optics) -> Layers:
    """Choose what goes into files beside the result."""
    wanted = {"uncertainty": choices.uncertainty, "detail": choices.detail}
    return layers_of(model, optics, **wanted, name=source.name)


def layout_of(
    source: Source,
    model: Model,
    plan: Plan,
    choices: PredictOptions,
    *,
    optics: Optics,
    layers: Layers = (),
) -> Layout:
    """Return what the result will be: the scene's facts, refined, and how it was made."""
    scale = model.network.signature.scale
    lines = zip(source.radiometry.low, source.radiometry.high, strict=True)
    bound = margin_of(model, choices.bound)
    agreed = observation_of(model, optics, choices.consistent)
    tags = {
        "GEOLOUPE_VERSION": __version__,
        "GEOLOUPE_MODEL": model.card.name,
        "GEOLOUPE_SCALE": str(scale),
        "GEOLOUPE_TILE": str(plan.tile),
        "GEOLOUPE_MARGIN": str(plan.margin),
        "GEOLOUPE_REACH": model.network.signature.reach,
        "GEOLOUPE_TILES": f"{plan.sides[0]} x {plan.sides[1]}",
        "GEOLOUPE_RANGE": "; ".join(f"{a:.12g} to {b:.12g}" for a, b in lines),
        "GEOLOUPE_SENSOR": optics.sensor or UNKNOWN,
        "GEOLOUPE_MTF": ", ".join(f"{gain:.3g}" for gain in optics.mtf),
        "GEOLOUPE_CONSISTENT": _agreement(agreed),
        "GEOLOUPE_BOUND": "none" if bound is None else f"{bound:g}",
        "GEOLOUPE_PRECISION": choices.precision,
        "GEOLOUPE_ENGINE": choices.engine,
    }
    if choices.ensemble:
        tags["GEOLOUPE_ENSEMBLE"] = "8"
    if choices.nodata is not None:
        tags["GEOLOUPE_NODATA"] = str(choices.nodata)
    layout = Layout(
        grid=source.grid.finer(scale),
        radiometry=source.radiometry,
        facts=with_area(source.facts.finer(scale).tagged(tags), source.area),
    )
    layout = choices.stored(layout)
    return replace(layout, beside=beside(layout, layers, model, optics))
