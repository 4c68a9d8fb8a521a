"""One self-contained HTML file: viewers, tables, figures and pictures, without any network."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, ClassVar

import numpy as np

from geoloupe.imagery.image import Image
from geoloupe.rasters.picture import Limits, limits_of, picture_bytes, visible
from geoloupe.version import __version__

_NUMBER = re.compile(r"[-+±]?\d")
_HOME = resources.files("geoloupe.reports") / "page"
_NUMBERS = 60_000  # of a layer that a page holds, unless it has little else to hold
_MISSING = 65535


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture inside the page."""

    name: str
    png: bytes

    @property
    def address(self) -> str:
        """The picture itself, as an address."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode()


@dataclass(frozen=True, kw_only=True)
class Layer(Picture):
    """A picture with the numbers behind it."""

    values: dict[str, Any] | None


@dataclass(frozen=True, kw_only=True)
class Viewer:
    """Layers of one place that are swiped, flickered or shown side by side, with linked zoom."""

    kind: ClassVar[str] = "viewer"
    title: str
    note: str = ""
    size: tuple[int, int]  # width and height that all layers are drawn at
    layers: Sequence[Layer]
    pair: tuple[int, int] = (0, -1)  # the layers that are compared first

    @property
    def facts(self) -> dict[str, Any]:
        """What the page's script gets."""
        layers = [{"name": layer.name, "values": layer.values} for layer in self.layers]
        left, right = (place % len(layers) for place in self.pair)
        return {"size": self.size, "layers": layers, "left": left, "right": right}


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of text, which can be sorted by each column."""

    kind: ClassVar[str] = "table"
    title: str
    note: str = ""
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]

    @property
    def numeric(self) -> list[bool]:
        """Return which columns hold numbers alone, which stand to the right."""
        found = [
            any(column) and all(not cell or _NUMBER.match(cell) for cell in column)
            for column in zip(*self.rows, strict=True)
        ]
        return found or [False] * len(self.headings)


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A drawing in SVG that this program made."""

    kind: ClassVar[str] = "figure"
    title: str
    note: str = ""
    svg: str

    @property
    def drawing(self) -> Any:
        """The drawing, which is not to be escaped."""
        from markupsafe import Markup

        return Markup(self.svg[self.svg.index("<svg") :])


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """Pictures beside each other."""

    kind: ClassVar[str] = "pictures"
    title: str
    note: str = ""
    pictures: Sequence[Picture]


@dataclass(frozen=True, kw_only=True)
class Page:
    """A whole page."""

    title: str
    lead: str = ""
    parts: Sequence[Viewer | Table | Figure | Pictures]
    made: str = field(default=f"Made by geoloupe {__version__}.")


def render(page: Page) -> str:
    """Write a page as HTML; every text that comes from a file is escaped."""
    from markupsafe import Markup

    style, script = (
        Markup((_HOME / name).read_text(encoding="utf-8")) for name in ("page.css", "page.js")
    )
    text: str = _template().render(page=page, style=style, script=script)
    return text


def layer(
    name: str, image: Image, limits: Limits | None = None, *, numbers: int = _NUMBERS
) -> Layer:
    """Make a layer of an image: its picture, and as many of its numbers as a page can hold."""
    shown = image.select(visible(image))
    return Layer(
        name=name,
        png=picture_bytes(shown, limits or limits_of(image)),
        values=_numbers(image, numbers),
    )


def _numbers(image: Image, most: int) -> dict[str, Any]:
    """Return stored values (B,H,W) in 16 bits; of every n-th pixel if they are many."""
    step = int(np.ceil(max(image.values.size / most, 1) ** 0.5))
    part = (slice(None), slice(step // 2, None, step), slice(step // 2, None, step))
    values, present = image.values[part].astype(np.float64), image.present[part]
    low, high = (
        (float(values[present].min()), float(values[present].max())) if present.any() else (0, 1)
    )
    span = (high - low) or 1.0
    whole = np.rint((np.where(present, values, low) - low) / span * (_MISSING - 1))
    stored = np.where(present, whole, _MISSING).astype("<u2")
    data = base64.b64encode(stored.tobytes()).decode()
    return {"data": data, "shape": list(values.shape), "low": low, "high": low + span}


@cache
def _template() -> Any:
    from jinja2 import Environment

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string((_HOME / "page.html").read_text(encoding="utf-8"))
