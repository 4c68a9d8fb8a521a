"""Drawings of a comparison as SVG: text stays text, colours work on light and on dark."""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

COLOURS = ("#8a929a", "#0b8f8f", "#d9822b", "#7a5ea8", "#c0392b", "#3b7dd8", "#5d8a2f", "#8a6d3b")
_INK = "#7b858e"
_WIDE_RATIO = 8  # times the least of an axis: from here on few numbers are enough
_STYLE: Any = {
    **{"svg.fonttype": "none", "svg.hashsalt": "geoloupe", "font.size": 10},
    **{"axes.edgecolor": _INK, "axes.labelcolor": _INK, "text.color": _INK},
    **{"xtick.color": _INK, "ytick.color": _INK, "axes.grid": True, "grid.color": _INK},
    **{"grid.alpha": 0.25, "axes.spines.top": False, "axes.spines.right": False},
    "legend.frameon": False,
    "text.parse_math": False,  # names of files are no formulas
}


def bars(groups: Sequence[str], series: Mapping[str, Sequence[float]], label: str) -> str:
    """Draw one bar for each group and series."""
    height = 0.8 / max(len(series), 1)
    with _drawing(9, 1.0 + 0.32 * len(groups) * max(len(series) / 2, 1)) as (axes, done):
        for index, (name, values) in enumerate(series.items()):
            places = np.arange(len(groups)) + index * height - 0.4 + height / 2
            axes.barh(places, values, height, label=name, color=_colour(index + 1))
        axes.set_yticks(np.arange(len(groups)), groups)
        axes.invert_yaxis()
        axes.set_xlabel(label)
        if len(series) > 1:
            axes.legend(loc="lower right")
        return done()


def curves(
    series: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]],
    across: str,
    up: str,
    *,
    logarithmic: str = "",
) -> str:
    """Draw lines of y over x; `logarithmic` names the axes that are: "", "x", "y" or "xy"."""
    with _drawing(9, 4.2) as (axes, done):
        for index, (name, (x, y)) in enumerate(series.items()):
            dots = "o" if len(x) <= 20 else None
            axes.plot(x, y, label=name, color=_colour(index), marker=dots, markersize=4)
        for side in logarithmic:
            _by_powers(axes, side)
        axes.set_xlabel(across)
        axes.set_ylabel(up)
        axes.legend()
        return done()


def points(places: Mapping[str, tuple[float, float]], across: str, up: str) -> str:
    """Draw a named point for each entry; the axis across is logarithmic."""
    with _drawing(9, 4.2) as (axes, done):
        for index, (name, (x, y)) in enumerate(places.items()):
            axes.scatter([x], [y], s=60, color=_colour(index), zorder=3)
            axes.annotate(name, (x, y), xytext=(8, 4), textcoords="offset points")
        axes.margins(0.2)
        _by_powers(axes, "x")
        axes.set_xlabel(across)
        axes.set_ylabel(up)
        return done()


def _by_powers(axes: Any, side: str) -> None:
    """Make an axis logarithmic, with plain numbers: matplotlib's own are formulas."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    {"x": axes.set_xscale, "y": axes.set_yscale}[side]("log")
    low, high = {"x": axes.get_xlim, "y": axes.get_ylim}[side]()
    axis = {"x": axes.xaxis, "y": axes.yaxis}[side]
    steps = (1, 2, 5) if high > _WIDE_RATIO * low else (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)
    axis.set_major_locator(LogLocator(subs=steps))
    axis.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))
    axis.set_minor_locator(NullLocator())


def plain(value: float) -> str:
    """Write a number short enough for an axis: 0.002, 40, 300 k, 1.5 G."""
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g} {letter}"
    return f"{value:g}"


def _colour(index: int) -> str:
    return COLOURS[index % len(COLOURS)]


@contextmanager
def _drawing(width: float, height: float) -> Iterator[tuple[Any, Callable[[], str]]]:
    """Return axes to draw on, and a function that ends with the SVG."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots()
        for paper in (figure.patch, axes.patch):
            paper.set_alpha(0)

        def done() -> str:
            text = io.StringIO()
            FigureCanvasSVG(figure).print_svg(text, metadata={"Date": None})
            return text.getvalue()

        yield axes, done
