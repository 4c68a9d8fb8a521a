"""Every model's answers, and the truth, through the same eyes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from geoloupe.errors import InputError
from geoloupe.evaluation.evaluate import evaluate, open_models
from geoloupe.evaluation.rows import Result, Row
from geoloupe.imagery.image import Image
from geoloupe.system.progress import Progress

TRUTH = "truth"

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Observation(Generic[T]):
    """What was seen in each image, in the order of the rows of the result."""

    result: Result
    seen: Mapping[str, Sequence[T]]  # by model, and by TRUTH for the truth itself

    def judged(self, judge: Callable[[T, Row], Mapping[str, float]]) -> Result:
        """Return one row for each image of every model and of the truth, scored by `judge`.

        It is told what was seen and the row of the protocol, which has no scores for the truth.
        """
        first = self.result.models[0]
        rows = []
        for name, seen in self.seen.items():
            source = first if name == TRUTH else name
            plain = [row for row in self.result.rows if row.model == source]
            if name == TRUTH:
                plain = [replace(row, model=TRUTH, scores={}, seconds=0.0) for row in plain]
            rows += [
                replace(row, scores=judge(one, row)) for one, row in zip(seen, plain, strict=True)
            ]
        return replace(self.result, rows=tuple(rows))


def observe(
    models: Sequence[str],
    data: str,
    look: Callable[[Image, Image], T],
    *,
    progress: Progress | None,
    options: Mapping[str, Any],
) -> Observation[T]:
    """Look at every answer (sr, hr) and once at every truth; `options` are `evaluate`'s."""
    opened = open_models(models, options)
    if not opened:
        raise InputError("name at least one model")
    first = opened[0].card.name
    seen: dict[str, list[T]] = {model.card.name: [] for model in opened}
    seen[TRUTH] = []

    def watch(model: Any, sr: Image, hr: Image) -> None:
        seen[model.card.name].append(look(sr, hr))
        if model.card.name == first:
            seen[TRUTH].append(look(hr, hr))

    result = evaluate(tuple(opened), data, progress=progress, watch=watch, **options)
    return Observation(result=result, seen=seen)
