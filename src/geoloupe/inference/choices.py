"""What a person chooses of a model and a scene, and what follows from it before any pixel."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from geoloupe import __version__
from geoloupe.errors import InputError, naming
from geoloupe.files.planes import Layout
from geoloupe.files.source import Source
from geoloupe.imagery.nodata import Nodata
from geoloupe.inference.bands import choose_bands
from geoloupe.inference.bound import margin_of
from geoloupe.inference.model import Model, default_model, load
from geoloupe.inference.plan import Plan
from geoloupe.inference.predictor import Predictor
from geoloupe.inference.suitability import check_suited, warn_of_collar
from geoloupe.networks.inference import Engine, Precision

SourceT = TypeVar("SourceT", bound=Source)


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What decides the numbers of a result, besides the scene and the model."""

    scale: int | None = None  # None: the model's; of ours and of interpolation, 4
    bands: str | tuple[str | int, ...] | None = None  # numbers from 1, names or wavelengths
    tile: int | None = None  # None: the model's own, which belongs to its answer
    range: tuple[float, float] | None = None  # stored values that a network sees as 0 and 1
    alpha: bool = True  # False: a band that is marked as transparency is data
    # What missing pixels hold; None: as the scene says, or a fill that plainly is one; "none": none
    nodata: Nodata = None
    # How far answers may go beyond the pixels around, in parts of their range; True: as the model's
    # card says, else as most models; False: anywhere
    bound: bool | float = True
    anyway: bool = False  # use a model on a scene that its card refuses
    ensemble: bool = False  # the mean of eight answers, one for each turn and mirror image
    precision: Precision = "fp32"
    engine: Engine = "torch"
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.tile is not None and self.tile < 1:
            raise ValueError(f"tile must be 1 or more, not {self.tile}")
        if self.range is not None and not -math.inf < self.range[0] < self.range[1] < math.inf:
            raise ValueError(f"range must rise, but {self.range[0]:g} to {self.range[1]:g} do not")
        if isinstance(self.nodata, float) and not math.isfinite(self.nodata):
            raise ValueError("NaN and infinity always count as missing; leave nodata out")
        if not 0 <= self.bound < math.inf:
            raise ValueError(f"bound must be true, false or 0 and more, not {self.bound:g}")


def load_chosen(model: str | Path | Model | None, choices: Choices) -> Model:
    """Load a model for the factor that was asked for; None is ours."""
    scale = choices.scale
    if model is None:
        model = default_model(scale)
    if not isinstance(model, Model):
        return load(model) if scale is None else load(model, scale=scale)
    has = model.network.signature.scale
    if scale not in (None, has):
        raise InputError(f"{model.card.name} enlarges {has} times, not {scale}; leave scale out")
    return model


def predictor_for(model: Model, choices: Choices) -> Predictor:
    """Make a model ready to run as was asked for."""
    return Predictor.of(
        model,
        device=choices.device,
        precision=choices.precision,
        engine=choices.engine,
        ensemble=choices.ensemble,
        bound=choices.bound,
    )


def chosen_part(source: SourceT, model: Model, choices: Choices) -> SourceT:
    """Give the bands that the model needs, with the value range that was asked for."""
    words = choices.bands.split(",") if isinstance(choices.bands, str) else choices.bands
    signature = model.network.signature
    with naming(source.name):
        indexes = choose_bands(source.bands, words, wanted=model.card.bands, count=signature.bands)
    part = source.select(indexes)
    check_suited(part, model.card, anyway=choices.anyway)
    if choices.nodata is None:
        warn_of_collar(part)
    return part if choices.range is None else part.ranging(*choices.range)


def layout_of(source: Source, model: Model, plan: Plan, choices: Choices) -> Layout:
    """Say what the result will be: the scene's facts, finer, and how it was made."""
    scale = model.network.signature.scale
    lines = zip(source.radiometry.low, source.radiometry.high, strict=True)
    bound = margin_of(model, choices.bound)
    tags = {
        "GEOLOUPE_VERSION": __version__,
        "GEOLOUPE_MODEL": model.card.name,
        "GEOLOUPE_SCALE": str(scale),
        "GEOLOUPE_TILE": str(plan.tile),
        "GEOLOUPE_MARGIN": str(plan.margin),
        "GEOLOUPE_REACH": model.network.signature.reach,
        "GEOLOUPE_TILES": f"{len(plan.rows)} x {len(plan.columns)}",
        "GEOLOUPE_RANGE": "; ".join(f"{a:.12g} to {b:.12g}" for a, b in lines),
        "GEOLOUPE_BOUND": "none" if bound is None else f"{bound:g}",
        "GEOLOUPE_PRECISION": choices.precision,
        "GEOLOUPE_ENGINE": choices.engine,
    }
    if choices.ensemble:
        tags["GEOLOUPE_ENSEMBLE"] = "8"
    if choices.nodata is not None:
        tags["GEOLOUPE_NODATA"] = str(choices.nodata)
    return Layout(
        grid=source.grid.finer(scale),
        radiometry=source.radiometry,
        facts=source.facts.finer(scale).tagged(tags),
    )
