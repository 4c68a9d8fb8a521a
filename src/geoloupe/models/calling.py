"""Arrays of several kinds through a model: what `Model.__call__` takes and returns."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from geoloupe import catalog
from geoloupe.errors import InputError
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT, Radiometry

if TYPE_CHECKING:
    from geoloupe.models.model import Model

Mtf = float | tuple[float, ...] | None
Range = tuple[float, float] | None
PixelsT = TypeVar("PixelsT")

# Reflectance and filters overshoot [0, 1] a little; values beyond this have another range.
_UNIT_LIMITS = (-0.5, 2.0)


def call(
    model: "Model",
    pixels: PixelsT,
    guide: Any = None,
    *,
    value_range: Range = None,
    mtf: Mtf = None,
    **options: Any,
) -> PixelsT:
    """Return pixels enlarged by a model, as the same kind of value."""
    if not isinstance(pixels, Tensor):
        options = {"device": "auto"} | options
    if isinstance(pixels, Image):
        return _predicted(model, pixels, guide, mtf, options)
    if isinstance(pixels, Tensor):
        return _tensor(model, pixels, guide, value_range, mtf, options)
    if isinstance(pixels, np.ndarray):
        enlarge = _enlarger(model, value_range, mtf, options)
        return _array(pixels, guide, enlarge)
    if type(pixels).__module__.partition(".")[0] == "xarray":
        upscale: Any = catalog.resolve("array", "xarray")
        words = options | {"mtf": mtf} | ({"range": value_range} if value_range else {})
        return upscale(pixels, model=model, guide=guide, **words)
    raise InputError(
        f"a model takes an Image, a NumPy array, a tensor or an xarray.DataArray, not "
        f"{type(pixels).__name__}; for files, use geoloupe.upscale"
    )


def _predicted(model: "Model", image: Image, guide: Image | None, mtf: Mtf, options: Any) -> Any:
    """Return an image in its original radiometry."""
    each = (mtf,) if isinstance(mtf, int | float) else mtf
    if each is not None and len(each) not in (1, len(image.bands)):
        raise InputError(f"{len(each)} MTFs for an image of {len(image.bands)} bands")
    # Sharpening with a guide already agrees with the bands, where its method should.
    consistent = mtf is not None and not model.network.signature.guided
    predictor = model.tuned(consistent=consistent, **options).predictor(image, each)
    return predictor.super_resolve(image, guide)


def _enlarger(
    model: "Model", value_range: Range, mtf: Mtf, options: Any
) -> Callable[[NDArray[Any], NDArray[Any] | None], NDArray[Any]]:
    """Return a function that enlarges an array (C,H,W) with a guide."""

    def enlarge(values: NDArray[Any], guide: NDArray[Any] | None) -> NDArray[Any]:
        bands, taken = len(values), model.network.signature.bands
        if taken not in (None, bands):
            raise InputError(f"{model.card.name} takes {taken} bands, and the array has {bands}")
        image = _image(values, value_range)
        seen = None if guide is None else _image(guide, value_range)
        found: Image = _predicted(model, image, seen, mtf, options)
        return found.values

    return enlarge


def _array(
    values: NDArray[Any],
    guide: NDArray[Any] | None,
    enlarge: Callable[[NDArray[Any], NDArray[Any] | None], NDArray[Any]],
) -> Any:
    """Return (H,W), (C,H,W) or (N,C,H,W) enlarged."""
    if values.ndim == 2:
        return enlarge(values[None], guide if guide is None or guide.ndim == 3 else guide[None])[0]
    if values.ndim == 3:
        return enlarge(values, guide)
    if values.ndim == 4:
        guides = [None] * len(values) if guide is None else list(guide)
        return np.stack([enlarge(one, other) for one, other in zip(values, guides, strict=True)])
    raise InputError(
        f"an array has the shape (rows, columns), (bands, rows, columns) or (images, bands, rows, "
        f"columns), not {values.shape}"
    )


def _tensor(
    model: "Model", pixels: Tensor, guide: Tensor | None, value_range: Range, mtf: Mtf, options: Any
) -> Any:
    """Return a tensor of the same dtype on the same device; no gradient passes through."""
    options = {"device": str(pixels.device)} | options
    enlarge = _enlarger(model, value_range, mtf, options)
    dtype = torch.float32 if pixels.is_floating_point() else pixels.dtype
    values, seen = (
        None if x is None else x.detach().to("cpu", dtype).numpy() for x in (pixels, guide)
    )
    assert values is not None
    return torch.from_numpy(np.array(_array(values, seen, enlarge))).to(pixels)


def _image(values: NDArray[Any], value_range: Range) -> Image:
    """Make an image of an array (C,H,W): floats in [0, 1], bytes, or numbers of a stated range."""
    dtype = values.dtype
    if dtype.kind not in "fiu":
        raise InputError(f"an array of {dtype} holds no pixel values; make it floats or integers")
    if 0 in values.shape:
        raise InputError(f"an array of shape {values.shape} holds no pixels")
    if value_range is None and dtype.kind == "f":
        low, high = np.nanmin(values), np.nanmax(values)
        if low < _UNIT_LIMITS[0] or high > _UNIT_LIMITS[1]:
            raise InputError(
                f"the array holds {low:g} to {high:g}, but a network sees [0, 1]; name the values "
                "that map to 0 and 1 with value_range=(low, high)"
            )
        value_range = (0.0, 1.0)
    elif value_range is None:
        if dtype != np.uint8:
            raise InputError(
                f"an array of {dtype} does not show which values are dark and bright; name them "
                "with value_range=(low, high)"
            )
        value_range = (0.0, 255.0)
    low, high = value_range
    if not low < high:
        raise InputError(f"value_range must rise, not go from {low:g} to {high:g}")
    radiometry = Radiometry(dtype=dtype.name, low=(float(low),), high=(float(high),))
    if dtype.kind == "f" and value_range == (0.0, 1.0):
        radiometry = replace(UNIT, dtype=dtype.name)
    return Image.of(values, radiometry=radiometry)
