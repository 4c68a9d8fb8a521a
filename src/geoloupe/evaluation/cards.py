"""Measurements, written into the cards of the measured models."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from geoloupe.evaluation.rows import Result
from geoloupe.models.card import Card, Gain, Score, read_weights, write_weights

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
        data=f"{facts['data']['name']}:{facts['data']['split']}, {facts['degradation']['name']}",
        scale=own.scale,
        values=_rounded(own.mean),
        bicubic=_rounded(plain.mean) if plain is not None and plain.scale == own.scale else {},
    )
    same = (score.protocol, score.data, score.scale)
    others = tuple(s for s in card.scores if (s.protocol, s.data, s.scale) != same)
    card = card.model_copy(update={"scores": (*others, score)})
    write_weights(folder, card, tensors, overwrite=True)
    return card


def record_gains(gains: Sequence[Gain], folder: Path) -> Card:
    """Put gains into the card in `folder`, replacing those on the same data."""
    card, tensors = read_weights(folder)
    again = {gain.data for gain in gains}
    others = [gain for gain in card.gains if gain.data not in again]
    card = card.model_copy(update={"gains": (*others, *gains)})
    write_weights(folder, card, tensors, overwrite=True)
    return card


def gain_table(gains: Sequence[Gain]) -> tuple[list[str], list[list[str]]]:
    """Tabulate gains: a line for each data set and noise, a column for each blur."""
    blurs = list(dict.fromkeys(gain.degradation for gain in gains))
    lines = dict.fromkeys((gain.data, gain.noise, gain.images) for gain in gains)
    said = {
        (gain.data, gain.noise, gain.degradation): (
            f"{gain.mean:+.2f} ({gain.low:+.2f} to {gain.high:+.2f})"
        )
        for gain in gains
    }
    rows = [
        [data, str(images), f"{noise:g}", *(said.get((data, noise, blur), "") for blur in blurs)]
        for data, noise, images in lines
    ]
    return ["data", "images", "noise", *blurs], rows


def _rounded(means: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in means.items() if math.isfinite(value)}
