"""An evaluation, opened once: models ready to run, the images each sees, and the scoring.

Everything that scores models goes through `Trial.answers`: evaluation, comparison, downstream tasks
and the validation of a training run. They differ only in what they do with an answer.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self, TypedDict, Unpack

from geoloupe import catalog, settings
from geoloupe.datasets.preparation.prepared import PreparedDataset, find
from geoloupe.datasets.samples.examples import Example, Examples
from geoloupe.degradations.degradation import Degradation
from geoloupe.degradations.loading import load_degradation
from geoloupe.errors import InputError, RunError
from geoloupe.evaluation.rows import Row
from geoloupe.evaluation.scoring import Scoring
from geoloupe.imagery.image import Image
from geoloupe.imagery.response import SpectralResponse
from geoloupe.models.bands import choose_bands
from geoloupe.models.devices import device_of
from geoloupe.models.model import Model, load
from geoloupe.models.sharpeners import is_sharpener, sharpening_model
from geoloupe.models.tuned import TunedModel
from geoloupe.networks.acceleration.accelerate import Precision
from geoloupe.system.measuring import PeakMemory, Stopwatch
from geoloupe.system.progress import Progress

_SHARPENED = 2  # default factor by which a guide makes bands finer


class EvaluateOptions(TypedDict, total=False):
    """The options of EvaluateSettings, by keyword."""

    scale: int | None
    protocol: str
    metrics: str
    degradation: str | None
    guide: str
    matched: bool
    seed: int
    limit: int | None
    every: int
    bound: bool | float | None
    precision: Precision
    device: str


@dataclass(frozen=True, kw_only=True)
class EvaluateSettings:
    """Options of `evaluate` and `compare` besides the models and the data."""

    OLD_NAMES: ClassVar[Mapping[str, str]] = {"recipe": "degradation"}

    scale: int | None = None  # of models without weights or for several factors; None: that of
    # the first with weights
    protocol: str = "hsenet"
    metrics: str = ""  # besides the protocol's, comma-separated; "trust" is several
    degradation: str | None = None  # None: the protocol's own
    guide: str = "nikon-d700"  # response that makes a guide, for data without one
    matched: bool = False  # first match the brightness of real LR images to their truth
    seed: int = 0
    limit: int | None = None  # only the first images
    every: int = 1  # only every n-th image, counted before the limit
    bound: bool | float | None = None  # None: each model's card; see `PredictOptions.bound`
    precision: Precision = "fp32"
    device: str = "auto"

    def __post_init__(self) -> None:
        for name, count in (("limit", self.limit), ("every", self.every)):
            if count is not None and count < 1:
                raise ValueError(f"{name} must be 1 or more, not {count}")
        if self.seed < 0:
            raise ValueError(f"seed must be 0 or more, not {self.seed}")


@dataclass(frozen=True, kw_only=True, eq=False)
class Entrant:
    """A model in a trial, ready to run, and the images it sees."""

    model: Model
    tuned: TunedModel
    examples: Examples

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model.card.name

    def answer(self, example: Example) -> Image:
        """Return the model's answer to an example in its own bands, in unit values if trained.

        Published rows of interpolation are of images stored like the LR, so rounded, as MATLAB's
        imresize returns them; a network's floats go to the protocol unrounded.
        """
        guide = example.guide
        predictor = self.tuned.predictor(example.lr, example.mtf)
        rounds = not (self.model.has_weights or predictor.signature.guided)
        enlarge = predictor.super_resolve if rounds else predictor.predict
        return enlarge(example.lr, guide)


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """One model's answer to one image, and its scores."""

    row: Row
    example: Example  # in the bands the model takes
    sr: Image


@dataclass(frozen=True, kw_only=True, eq=False)
class Trial:
    """Models on images under a scoring."""

    entrants: tuple[Entrant, ...]
    scoring: Scoring
    device: str = "auto"
    facts: Mapping[str, Any] = field(default_factory=dict)  # what a reader needs to repeat it

    @classmethod
    def open(
        cls,
        models: Sequence[str | Path | Model],
        data: str | PreparedDataset,
        *,
        split: str = "test",
        **options: Unpack[EvaluateOptions],
    ) -> Self:
        """Open models, data and scoring, each once; `options` are those of EvaluateSettings.

        `data` is a prepared data set, its folder, or its name, optionally with ":split".
        """
        chosen = settings.build(EvaluateSettings, options, "evaluate")
        scoring = Scoring.of(chosen.protocol, chosen.metrics)
        degradation = load_degradation(chosen.degradation or scoring.protocol.degradation)
        prepared, split = open_data(data, split)
        opened = _opened(models, chosen)
        examples = Examples(
            prepared=prepared,
            entries=prepared.split(split)[:: chosen.every][: chosen.limit],
            scale=opened[0].network.signature.scale,
            degradation=degradation,
            seed=chosen.seed,
            guided=False,
            matched=chosen.matched,
        )
        return cls(
            entrants=tuple(
                Entrant(
                    model=model,
                    tuned=TunedModel(
                        model,
                        device=chosen.device,
                        precision=chosen.precision,
                        bound=chosen.bound,
                    ),
                    examples=_shown_to(model, examples, chosen),
                )
                for model in opened
            ),
            scoring=scoring,
            device=chosen.device,
            facts=_facts(prepared, split, scoring, degradation, chosen),
        )

    def __len__(self) -> int:
        """Return the number of answers."""
        return sum(len(entrant.examples) for entrant in self.entrants)

    def answers(self, progress: Progress | None = None) -> Iterator[Answer]:
        """Yield every model's answers, model by model, image by image."""
        done = 0
        for entrant in self.entrants:
            for example in entrant.examples:
                yield self._answered(entrant, example)
                done += 1
                if progress is not None:
                    progress(done, len(self))

    def _answered(self, entrant: Entrant, whole: Example) -> Answer:
        place = f"{entrant.examples.prepared.name}, {whole.id}"
        try:
            example = in_bands_of(entrant.model, whole)
            entrant.tuned.predictor(example.lr, example.mtf)  # made before the clock starts
            with PeakMemory(device_of(self.device)) as memory, Stopwatch() as clock:
                sr = entrant.answer(example)
            scores = self.scoring.score(example.lr, sr, example.hr, entrant.examples.scale)
        except InputError as error:
            raise InputError(f"{place}: {error}") from None
        except RunError as error:
            raise RunError(f"{place}: {error}") from None
        row = Row(
            model=entrant.name,
            scale=entrant.examples.scale,
            image=example.id,
            label=example.label,
            scores=scores,
            seconds=clock.wall,
            peak=memory.peak,
        )
        return Answer(row=row, example=example, sr=sr)


def in_bands_of(model: Model, example: Example) -> Example:
    """Return an example in the bands a model takes."""

    def chosen(image: Image) -> list[int]:
        count = model.network.signature.bands
        return choose_bands(image.bands, None, wanted=model.card.bands, count=count)

    mtf = example.mtf
    if mtf is not None and len(mtf) > 1:
        mtf = tuple(mtf[index] for index in chosen(example.lr))
    lr, hr = (image.select(chosen(image)) for image in (example.lr, example.hr))
    return replace(example, lr=lr, hr=hr, mtf=mtf)


def open_data(data: str | PreparedDataset, split: str) -> tuple[PreparedDataset, str]:
    """Return a prepared data set and its split, which the name may contain, as in ucmerced:val."""
    if isinstance(data, PreparedDataset):
        return data, split
    name, colon, wanted = data.rpartition(":")
    if not colon or Path(data).exists():
        return find(data), split
    return find(name), wanted


def _opened(models: Sequence[str | Path | Model], chosen: EvaluateSettings) -> list[Model]:
    """Load models; interpolation takes the factor of the first model with weights."""
    if not models:
        raise InputError("name at least one model to evaluate")
    loaded = [load_entrant(model, chosen.scale) for model in models]
    scales = [model.network.signature.scale for model in loaded if model.has_weights]
    if chosen.scale is None and scales:
        chosen = replace(chosen, scale=scales[0])
        loaded = [
            one if one.has_weights else load_entrant(name, chosen.scale)
            for one, name in zip(loaded, models, strict=True)
        ]
    names = [model.card.name for model in loaded]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two models are called {name!r}; rename one in its card")
    return on_common_bands(loaded)


def load_entrant(model: str | Path | Model, scale: int | None) -> Model:
    """Load a model, or what sharpens by a guide; what has no factor of its own takes `scale`."""
    if isinstance(model, Model):
        return model
    if is_sharpener(model):
        return sharpening_model(model, scale or _SHARPENED)
    known = str(model) in catalog.names("network")
    loaded = load(model, **({"scale": scale} if known and scale else {}))
    if scale is None:
        return loaded
    if scale not in loaded.scales:
        own = loaded.network.signature.scale
        raise InputError(f"{model}: is an x{own} model, but scale is {scale}")
    return loaded.at(scale)


def on_common_bands(models: Sequence[Model]) -> list[Model]:
    """Give models that take any bands those the others name, if these agree."""
    named = {bands for model in models if (bands := model.card.bands)}
    if len(named) != 1:
        return list(models)
    (bands,) = named
    return [
        replace(model, card=model.card.model_copy(update={"bands": bands}))
        if model.network.signature.bands is None
        else model
        for model in models
    ]


def _shown_to(model: Model, examples: Examples, chosen: EvaluateSettings) -> Examples:
    """Return the images a model sees; similar models share them, made once."""
    signature = model.network.signature
    if signature.guided:
        response = SpectralResponse.named(chosen.guide)
        return replace(examples, scale=signature.scale, guide=response, guided=True)
    if signature.scale != examples.scale:
        return replace(examples, scale=signature.scale)
    return examples


def _facts(
    prepared: PreparedDataset,
    split: str,
    scoring: Scoring,
    degradation: Degradation,
    chosen: EvaluateSettings,
) -> dict[str, Any]:
    protocol = scoring.protocol
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
