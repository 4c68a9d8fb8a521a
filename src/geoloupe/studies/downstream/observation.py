"""Every model's answers, and the truth, through the same eyes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from geoloupe.evaluation.rows import Result, Row
from geoloupe.evaluation.trial import Trial
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

        It gets what was seen and the row of the protocol, which has no scores for the truth.
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
    trial = Trial.open(models, data, **options)
    first = trial.entrants[0].name
    names = [*(entrant.name for entrant in trial.entrants), TRUTH]
    seen: dict[str, list[T]] = {name: [] for name in names}
    rows = []
    for answer in trial.answers(progress):
        rows.append(answer.row)
        hr = answer.example.hr
        seen[answer.row.model].append(look(answer.sr, hr))
        if answer.row.model == first:
            seen[TRUTH].append(look(hr, hr))
    return Observation(result=Result(rows=tuple(rows), facts=trial.facts), seen=seen)
