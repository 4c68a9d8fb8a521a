"""What was measured, written into the cards of the models that it was measured on."""

import math
from collections.abc import Mapping
from pathlib import Path

from geoloupe.evaluation.rows import Result
from geoloupe.files.weights import Card, Score, read_weights, write_weights

_YARDSTICK = "bicubic"


def record(result: Result, folder: Path) -> Card | None:
    """Add a model's means to its card in `folder`; None if the model was not measured."""
    card, tensors = read_weights(folder)
    found = {summary.model: summary for summary in result.summaries()}
    own, plain = found.get(card.name), found.get(_YARDSTICK)
    if own is None:
        return None
    facts = result.facts
    score = Score(
        protocol=facts["protocol"]["name"],
        data=f"{facts['data']['name']}:{facts['data']['split']}, {facts['recipe']['name']}",
        scale=own.scale,
        values=_rounded(own.mean),
        bicubic=_rounded(plain.mean) if plain is not None and plain.scale == own.scale else {},
    )
    same = (score.protocol, score.data, score.scale)
    others = tuple(s for s in card.scores if (s.protocol, s.data, s.scale) != same)
    card = card.model_copy(update={"scores": (*others, score)})
    write_weights(folder, card, tensors, overwrite=True)
    return card


def _rounded(means: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in means.items() if math.isfinite(value)}
