"""Two images in a notebook, with a slider between them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from geoloupe.errors import InputError
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import infer
from geoloupe.rasters.opening import open_source
from geoloupe.rasters.picture import limits_of, overview, picture_bytes, visible
from geoloupe.scenes.arrays import source_of

if TYPE_CHECKING:
    from anywidget import AnyWidget

_HERE = Path(__file__).parent
_MAX_SIDE_PX = 2048  # of what is sent to the page


def compare_widget(
    first: Any, second: Any, *, names: Sequence[str] | None = None, width: int = 800
) -> "AnyWidget":
    """Show two images of one place in a notebook: drag the slider, wheel to zoom, F to flicker.

    Both are stretched alike, as the first one is, and drawn at one size, whatever theirs are.

    Args:
        first: A file, an Image, an array (rows, columns) or (bands, rows, columns), or an
            xarray.DataArray.
        second: Another one.
        names: What stands above each.
        width: The most pixels of the page that it takes.

    Returns:
        A widget, which a notebook shows.

    Example:
        >>> widget = geoloupe.compare_widget("scene.tif", "finer.tif")
        >>> widget.names
        ['scene', 'finer']
    """
    try:
        import anywidget
        import traitlets
    except ImportError:
        raise InputError(
            "the widget needs more packages: pip install 'geoloupe[notebook]'"
        ) from None
    left, right = (_seen(image) for image in (first, second))
    limits = limits_of(left)
    high = max(left, right, key=lambda image: image.grid.height * image.grid.width).grid

    class Comparison(anywidget.AnyWidget):
        """Two pictures, their names, and the size that both are drawn at."""

        _esm = _HERE / "slider.js"
        _css = _HERE / "slider.css"
        left = traitlets.Bytes().tag(sync=True)
        right = traitlets.Bytes().tag(sync=True)
        names = traitlets.List(traitlets.Unicode()).tag(sync=True)
        size = traitlets.List(traitlets.Int()).tag(sync=True)
        width = traitlets.Int().tag(sync=True)

    return Comparison(
        left=picture_bytes(left, limits),
        right=picture_bytes(right, limits),
        names=list(names or (_name(first, "first"), _name(second, "second"))),
        size=[high.width, high.height],
        width=width,
    )


def _seen(image: Any) -> Image:
    """Return the bands of anything that people look at, in unit values."""
    if isinstance(image, str | Path):
        with open_source(image, look=True) as source:
            return overview(source.select(visible(source)), _MAX_SIDE_PX)
    if isinstance(image, np.ndarray):
        if image.ndim not in (2, 3) or 0 in image.shape:
            raise InputError(f"an array of {image.shape} is no image; give (bands, rows, columns)")
        values = image.reshape(-1, *image.shape[-2:])
        image = Image.of(values, radiometry=infer(values.dtype.name, None, sample=values))
    if not isinstance(image, Image):
        source = source_of(image)
        return overview(source.select(visible(source)), _MAX_SIDE_PX)
    return image.select(visible(image)).in_unit()


def _name(image: Any, otherwise: str) -> str:
    """Name what has a name."""
    if isinstance(image, str | Path):
        return Path(image).stem
    return str(getattr(image, "name", None) or otherwise)
