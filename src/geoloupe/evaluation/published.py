"""Rows of published tables, with their sources and why they cannot be compared."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
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
    warning: str  # what differs from a measurement of ours, or may


def published(data: str, scale: int, protocol: str) -> list[Published]:
    """List what papers report for a data set, factor and protocol."""
    text = (resources.files("geoloupe.evaluation") / "published.json").read_text("utf-8")
    rows = [Published(**row) for row in json.loads(text)]
    return [row for row in rows if (row.data, row.scale, row.protocol) == (data, scale, protocol)]
