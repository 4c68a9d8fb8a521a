"""Models x a split x a protocol -> one row for each model and image."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from geoloupe import catalog, settings
from geoloupe.datasets.preparation.prepared import PreparedDataset, find
from geoloupe.datasets.samples.examples import Example, Examples
from geoloupe.degradations.degradation import Degradation
from geoloupe.degradations.loading import load_degradation
from geoloupe.errors import InputError, RunError
from geoloupe.evaluation.rows import Result, Row
from geoloupe.evaluation.scoring import Scoring
from geoloupe.imagery.image import Image
from geoloupe.imagery.response import SpectralResponse
from geoloupe.metrics.protocols import Protocol
from geoloupe.models.bands import choose_bands
from geoloupe.models.model import Model, load
from geoloupe.models.predictor import device_of
from geoloupe.models.tuned import TunedModel
from geoloupe.networks.acceleration.accelerate import Precision
from geoloupe.system.memory import PeakMemory
from geoloupe.system.progress import Progress

Watch = Callable[[Model, Image, Image], None]
"""Called with each model, its answer, and the truth in the same bands."""


@dataclass(frozen=True, kw_only=True)
class EvaluateSettings:
    """What can be chosen besides the models and the data."""

    OLD_NAMES: ClassVar[Mapping[str, str]] = {"recipe": "degradation"}

    scale: int | None = None  # for models without weights; None: as the first with weights
    protocol: str = "hsenet"
    metrics: str = ""  # more than the protocol's, with commas between; "trust" is several
    degradation: str | None = None  # None: the protocol's own
    guide: str = "nikon-d700"  # for models with a guide, on data without one
    matched: bool = False  # real LR images get the brightness of their truth first
    seed: int = 0
    limit: int | None = None  # only the first images
    bound: bool | float | None = None  # None: as each model's card says; see `Choices.bound`
    precision: Precision = "fp32"
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise ValueError(f"limit must be 1 or more, not {self.limit}")
        if self.seed < 0:
            raise ValueError(f"seed must be 0 or more, not {self.seed}")


def evaluate(
    models: Sequence[str | Path | Model],
    data: str | PreparedDataset,
    *,
    split: str = "test",
    progress: Progress | None = None,
    watch: Watch | None = None,
    **options: Any,
) -> Result:
    """Measure every model on every image of a split; `options` are those of EvaluateSettings.

    `data` is a prepared data set, its folder, or its name, perhaps with ":split" behind it.
    """
    chosen = settings.build(EvaluateSettings, options, "evaluate")
    scoring = Scoring.of(chosen.protocol, chosen.metrics)
    degradation = load_degradation(chosen.degradation or scoring.protocol.degradation)
    prepared, split = open_data(data, split)
    loaded = open_models(models, options)
    if not loaded:
        raise InputError("name at least one model to evaluate")
    rows: list[Row] = []
    peaks: dict[str, int] = {}
    for model in _differently_named(loaded):
        examples = _examples(model, prepared, split, degradation, chosen)
        telling = tuned_model(model, options)
        with PeakMemory(device_of(chosen.device)) as memory:
            for row in _rows(model, telling, examples, scoring, watch):
                rows.append(row)
                if progress is not None:
                    progress(len(rows), len(loaded) * len(examples))
        peaks[model.card.name] = memory.peak
    return Result(
        rows=tuple(rows),
        peaks=peaks,
        facts=_facts(prepared, split, scoring.protocol, degradation, chosen),
    )


def open_models(models: Sequence[str | Path | Model], options: Mapping[str, Any]) -> list[Model]:
    """Load models as `evaluate` does; interpolation takes the factor of those with weights."""
    chosen = settings.build(EvaluateSettings, options, "evaluate")
    loaded = [_load(model, chosen) for model in models]
    scales = [model.network.signature.scale for model in loaded if model.has_weights]
    if chosen.scale is None and scales:
        chosen = replace(chosen, scale=scales[0])
        loaded = [
            one if one.has_weights else _load(name, chosen)
            for one, name in zip(loaded, models, strict=True)
        ]
    return _on_common_bands(loaded)


def _on_common_bands(models: list[Model]) -> list[Model]:
    """Return models that take any bands those of the models that name theirs, if these agree."""
    named = {bands for model in models if (bands := model.card.bands)}
    if len(named) != 1:
        return models
    (bands,) = named
    return [
        replace(model, card=model.card.model_copy(update={"bands": bands}))
        if model.network.signature.bands is None
        else model
        for model in models
    ]


def tuned_model(model: Model, options: Mapping[str, Any]) -> TunedModel:
    """Make a model ready as `evaluate` does."""
    chosen = settings.build(EvaluateSettings, options, "evaluate")
    return TunedModel(model, device=chosen.device, precision=chosen.precision, bound=chosen.bound)


def examples_of(model: Model, data: str | PreparedDataset, options: Mapping[str, Any]) -> Examples:
    """Return the images that `evaluate` shows a model."""
    chosen = settings.build(EvaluateSettings, options, "evaluate")
    scoring = Scoring.of(chosen.protocol, chosen.metrics)
    prepared, split = open_data(data, "test")
    return _examples(
        model,
        prepared,
        split,
        load_degradation(chosen.degradation or scoring.protocol.degradation),
        chosen,
    )


def _examples(
    model: Model,
    prepared: PreparedDataset,
    split: str,
    degradation: Degradation,
    chosen: EvaluateSettings,
) -> Examples:
    return Examples(
        prepared=prepared,
        entries=prepared.split(split)[: chosen.limit],
        scale=model.network.signature.scale,
        degradation=degradation,
        seed=chosen.seed,
        guide=_guide(model, chosen.guide),
        guided=bool(model.network.signature.guide_bands),
        matched=chosen.matched,
    )


def _rows(
    model: Model,
    telling: TunedModel,
    examples: Examples,
    scoring: Scoring,
    watch: Watch | None,
) -> Iterator[Row]:
    for whole in examples:
        try:
            example = seen_by(model, whole)
            telling.predictor(example.lr, example.mtf)  # made before the clock runs
            started = time.perf_counter()
            sr = answer(model, telling, example)
            seconds = time.perf_counter() - started
            scores = scoring.score(example.lr, sr, example.hr, examples.scale)
        except InputError as error:
            raise InputError(f"{examples.prepared.name}, {whole.id}: {error}") from None
        except RunError as error:
            raise RunError(f"{examples.prepared.name}, {whole.id}: {error}") from None
        if watch is not None:
            watch(model, sr, example.hr)
        yield Row(
            model=model.card.name,
            scale=examples.scale,
            image=example.id,
            label=example.label,
            scores=scores,
            seconds=seconds,
        )


def seen_by(model: Model, example: Example) -> Example:
    """Return an example with the bands that a model takes."""
    lr, hr = (image.select(_chosen_bands(image, model)) for image in (example.lr, example.hr))
    mtf = example.mtf
    if mtf is not None and len(mtf) > 1:
        mtf = tuple(mtf[index] for index in _chosen_bands(example.lr, model))
    return replace(example, lr=lr, hr=hr, mtf=mtf)


def answer(model: Model, telling: TunedModel, example: Example) -> Image:
    """Enlarge an example as it is scored.

    Published rows of interpolation are of images stored as the LR is stored, so rounded, as
    MATLAB's imresize gives them; a network's floats go to the protocol as they are.
    """
    guide = example.guide
    predictor = telling.predictor(example.lr, example.mtf)
    if guide is not None and len(guide.bands) != predictor.signature.guide_bands:
        raise InputError(f"{len(guide.bands)} bands in the guide do not fit the model")
    enlarge = predictor.predict if model.has_weights else predictor.super_resolve
    return enlarge(example.lr, guide)


def _chosen_bands(image: Image, model: Model) -> list[int]:
    count = model.network.signature.bands
    return choose_bands(image.bands, None, wanted=model.card.bands, count=count)


def open_data(data: str | PreparedDataset, split: str) -> tuple[PreparedDataset, str]:
    """Open a prepared data set, whose name may tell the split, as in ucmerced:val."""
    if isinstance(data, PreparedDataset):
        return data, split
    name, colon, wanted = data.rpartition(":")
    if not colon or Path(data).exists():
        return find(data), split
    return find(name), wanted


def _load(model: str | Path | Model, chosen: EvaluateSettings) -> Model:
    if isinstance(model, Model):
        return model
    known = str(model) in catalog.names("network")
    loaded = load(model, **({"scale": chosen.scale} if known and chosen.scale else {}))
    scale = loaded.network.signature.scale
    if chosen.scale not in (None, scale):
        raise InputError(f"{model}: is a x{scale} model, but --scale asks for {chosen.scale}")
    return loaded


def _differently_named(models: list[Model]) -> list[Model]:
    names = [model.card.name for model in models]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two models are called {name!r}; rename one in its card")
    return models


def _guide(model: Model, response: str) -> SpectralResponse | None:
    """Return what makes a guide where the data set has none and the model needs one."""
    return SpectralResponse.named(response) if model.network.signature.guide_bands else None


def _facts(
    prepared: PreparedDataset,
    split: str,
    protocol: Protocol,
    degradation: Degradation,
    chosen: EvaluateSettings,
) -> dict[str, Any]:
    return {
        "data": {
            "name": prepared.name,
            "split": split,
            "rule": prepared.facts["split"],
            "index_sha256": prepared.facts["index_sha256"],
        },
        "protocol": {"name": protocol.name, "conventions": protocol.describe()},
        "degradation": settings.dump(degradation),
        "settings": settings.dump(chosen),
    }
