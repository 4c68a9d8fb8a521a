"""Rows of published tables, with their sources and what differs from a measurement of ours."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, kw_only=True)
class Published:
    """One row of a paper's table."""

    model: str
    data: str
    scale: int
    protocol: str
    scores: Mapping[str, float]
    source: str
    differences: str  # of protocol, known or possible, from a measurement of ours


def published(data: str, scale: int, protocol: str) -> list[Published]:
    """List what papers report for a data set, factor and protocol."""
    return [
        row for row in _rows() if (row.data, row.scale, row.protocol) == (data, scale, protocol)
    ]


@cache
def _rows() -> tuple[Published, ...]:
    text = (resources.files("geoloupe.evaluation") / "published.toml").read_text("utf-8")
    return tuple(
        Published(
            model=model,
            data=table["data"],
            scale=table["scale"],
            protocol=table["protocol"],
            scores=dict(zip(table["metrics"], scores, strict=True)),
            source=table["source"],
            differences=table["differences"],
        )
        for table in tomllib.loads(text)["table"]
        for model, scores in table["rows"].items()
    )
