"""Arrays with coordinates (xarray), enlarged by a network as files are."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
from numpy.typing import NDArray

from geoloupe import settings
from geoloupe.errors import InputError, OutOfMemoryError
from geoloupe.imagery.grid import Grid, Window
from geoloupe.imagery.nodata import Nodata, settle
from geoloupe.imagery.radiometry import Radiometry, infer
from geoloupe.models.model import Model
from geoloupe.models.predictor import check_guide
from geoloupe.rasters.facts import BandFacts, Facts
from geoloupe.rasters.planes import Layout
from geoloupe.rasters.source import Source
from geoloupe.scenes.choices import (
    PredictOptions,
    chosen_layers,
    chosen_optics,
    layout_of,
    load_chosen,
    plan_of,
    predictor_for,
    select_bands_and_range,
    settled,
)
from geoloupe.scenes.lazy_arrays import enlarged_lazily, is_lazy
from geoloupe.scenes.options import ArrayOptions
from geoloupe.scenes.scene import Enlargement
from geoloupe.storage.sizes import size_text
from geoloupe.system.memory import available

if TYPE_CHECKING:
    from xarray import DataArray, Dataset

_NAME = "the array"
_SAMPLE = 4_000_000  # values from which an array's range is measured
_BAND_NAMES = ("band", "bands", "wavelength", "wavelengths", "channel", "time")
_NODATA = ("_FillValue", "missing_value", "nodata")


def upscale_array(
    array: "DataArray",
    *,
    model: str | Path | Model | None = None,
    guide: "DataArray | None" = None,
    **options: Unpack[ArrayOptions],
) -> "DataArray | Dataset":
    """Enlarge an array in memory, with its coordinates, attributes and spatial reference.

    The numbers are those that `upscale` writes for the same scene and value range (a measured
    range may differ a little on large scenes).

    Args:
        array: An array (y,x), (band,y,x) or (time,band,y,x). Of a Dask array, models that look near
            make a Dask array; the value range is measured at once, from all chunks.
        model: A shipped model's name, weights, or a loaded model; without it, ours of the factor.
        guide: For models with a guide, of the result's size.
        **options: scale, bands, range, sensor, mtf and others; see PredictOptions.

    Returns:
        The enlarged array. With `uncertainty=True` or `detail=True` a Dataset: the enlarged array
        under its name (else "enlarged"), and beside it "sigma" or "detail", float32 in its units.

    Example:
        >>> import rioxarray
        >>> scene = rioxarray.open_rasterio("scene.tif")
        >>> geoloupe.upscale_array(scene, scale=2).sizes["x"] == 2 * scene.sizes["x"]
        True
    """
    if getattr(array, "ndim", 0) == 4 and guide is None:
        return _each(array, model, options)
    chosen = settings.build(PredictOptions, options, "upscale_array")
    loaded = load_chosen(model, chosen)
    chosen = settled(chosen, loaded)
    source = select_bands_and_range(source_of(array, chosen.nodata), loaded, chosen)
    scene = _scene(source, None if guide is None else source_of(guide), loaded, chosen)
    beside: Mapping[str, NDArray[Any]] = {}
    near = loaded.network.signature.reach == "local"
    if is_lazy(array.data) and near and guide is None and not scene.layers:
        values = enlarged_lazily(_values(array), scene)
    else:
        piece = scene.compute(next(scene.plan.blocks), lambda: None)
        values, beside = piece.values, piece.beside
    made = _marked(
        _like(array, values, scene.scale, source.indexes),
        source.radiometry.nodata,
        chosen.nodata,
    )
    return _together(made, scene.layout, beside) if scene.layers else made


def _each(
    array: "DataArray", model: str | Path | Model | None, options: ArrayOptions
) -> "DataArray | Dataset":
    """Enlarge an array (time,band,y,x), or one with another first dimension, item by item."""
    from xarray import concat

    loaded = load_chosen(model, settings.build(PredictOptions, options, "upscale_array"))

    first = array.dims[0]
    made: Any = [upscale_array(part, model=loaded, **options) for part in array]
    whole = concat(made, dim=first, join="exact")
    return whole if first in array.coords else whole.drop_vars(first, errors="ignore")


def _scene(
    source: Source, guide: Source | None, model: Model, chosen: PredictOptions
) -> Enlargement:
    """Return what enlarges an array as one block: its result is in memory."""
    optics = chosen_optics(source, chosen)
    side = max(source.grid.height, source.grid.width)
    plan = plan_of(source, model, chosen, optics=optics, group=side)
    check_guide(
        model.network.signature, None if guide is None else len(guide.bands), model.card.name
    )
    layers = chosen_layers(source, model, chosen, optics)
    layout = layout_of(source, model, plan, chosen, optics=optics, layers=layers)
    if guide is not None and guide.grid != layout.grid:
        raise InputError(
            f"the guide has {guide.grid.height} x {guide.grid.width} pixels, but the result has "
            f"{layout.grid.height} x {layout.grid.width}"
        )
    _refuse_large(layout)
    return Enlargement(
        source=source,
        guide=guide,
        predictor=predictor_for(model, optics, chosen),
        plan=plan,
        layout=layout,
        layers=layers,
    )


def _together(made: "DataArray", layout: Layout, layers: Mapping[str, NDArray[Any]]) -> "Dataset":
    """Put an array and its layers, with the same coordinates, into a Dataset."""
    from xarray import Dataset

    arrays = {made.name or "enlarged": made}
    for name, values in layers.items():
        tags = layout.beside[name].facts.tags
        own = {key: text for key, text in tags.items() if key not in layout.facts.tags}
        units = {key: made.attrs[key] for key in ("units",) if key in made.attrs}
        arrays[name] = made.copy(data=values.reshape(made.shape))
        arrays[name].attrs = units | own
        arrays[name].encoding = {}
    return Dataset(arrays)


def _refuse_large(layout: Layout) -> None:
    """Refuse a result too large for memory, as unit values and as stored."""
    pixels = layout.grid.height * layout.grid.width
    stacked = len(layout.facts.bands) * (1 + len(layout.beside))
    size, free = 4 * pixels * stacked + layout.size, available()
    if size > free:
        raise OutOfMemoryError(
            f"the array's result needs {size_text(size)} of memory, and {size_text(free)} are "
            "free; write the array to a file and enlarge that, which works in pieces"
        )


@dataclass(frozen=True)
class ArrayReader:
    """Reads values (B,H,W) in memory."""

    values: NDArray[Any]

    def read(self, indexes: Sequence[int], window: Window) -> tuple[NDArray[Any], None]:
        """Read these bands of a window; nothing is marked as missing."""
        return np.asarray(self.values[(slice(None), *window.slices)][list(indexes)]), None

    def close(self) -> None:
        """Hold nothing open."""


def source_of(array: "DataArray", nodata: Nodata = None) -> Source:
    """Treat an array as a scene, with what its attributes say in words."""
    values = _values(array)
    words = {str(key): text for key, text in array.attrs.items() if isinstance(text, str)}
    tags = {"short_name": str(array.name or "")} | words
    return Source(
        name=_NAME,
        grid=Grid(crs=None, height=values.shape[1], width=values.shape[2]),
        radiometry=_radiometry(array, values, nodata),
        facts=Facts(bands=_band_facts(array, len(values)), tags=tags),
        indexes=tuple(range(len(values))),
        reader=ArrayReader(values),
    )


def _values(array: "DataArray") -> NDArray[Any]:
    """Take the values (band,y,x), without computing those of a Dask array."""
    if not hasattr(array, "dims") or not hasattr(array, "encoding") or not hasattr(array, "ndim"):
        raise InputError(f"upscale_array takes an xarray.DataArray, not a {type(array).__name__}")
    if array.ndim not in (2, 3) or 0 in array.shape or set(array.dims[-2:]) & set(_BAND_NAMES):
        raise InputError(
            f"the array is {dict(array.sizes)}; give one of (y, x) or (band, y, x), in this order"
        )
    values: Any = array.data if is_lazy(array.data) else np.asarray(array.values)
    if values.dtype.kind not in "uif":
        raise InputError(f"the array holds {values.dtype}; convert it to numbers first")
    values = values.reshape(-1, *values.shape[-2:])
    made: NDArray[Any] = values.astype(values.dtype.newbyteorder("="), copy=False)
    return made


def _radiometry(array: "DataArray", values: NDArray[Any], nodata: Nodata) -> Radiometry:
    """Read and measure what an array's numbers mean."""
    # The encoding describes the file: decoded floats hold NaN instead.
    attributes = array.attrs if values.dtype.kind == "f" else {**array.encoding, **array.attrs}
    step = max(int((values.size / _SAMPLE) ** 0.5), 1)
    sample = np.asarray(values[:, ::step, ::step])
    missing = settle(
        _NAME,
        nodata,
        _nodata(attributes),
        dtype=values.dtype.name,
        size=(len(values), *values.shape[1:]),
        read=lambda window: np.asarray(values[(slice(None), *window.slices)]),
    )
    return infer(
        values.dtype.name,
        None if missing is None else missing.value,
        sample=sample,
        tags=_tags(array.attrs, len(values)),
    )


def _nodata(attributes: Mapping[Any, Any]) -> float | None:
    for key in _NODATA:
        try:
            return float(attributes[key])
        except (KeyError, TypeError, ValueError):
            continue  # absent, or a word such as "none"
    return None


def _tags(attributes: Mapping[Any, Any], count: int) -> list[tuple[float, float]]:
    """Read scale and offset, which stay in the attributes of an array that was not decoded."""
    try:
        return [
            (float(attributes.get("scale_factor", 1)), float(attributes.get("add_offset", 0)))
        ] * count
    except (TypeError, ValueError):
        return []


def _band_facts(array: "DataArray", count: int) -> tuple[BandFacts, ...]:
    """Read names and wavelengths from coordinates of the band dimension."""
    names = [""] * count
    micrometres: list[float | None] = [None] * count
    attributes = array.attrs.get("long_name")
    if isinstance(attributes, (tuple, list)) and len(attributes) == count:
        names = [str(name) for name in attributes]
    for name, coordinate in array.coords.items():
        if array.ndim == 3 and coordinate.dims == (array.dims[0],):
            if coordinate.dtype.kind in "UO":
                names = [str(value) for value in coordinate.values]
            elif str(name).startswith("wavelength"):
                unit = 0.001 if float(np.max(coordinate.values)) > 100 else 1.0  # of nanometres
                micrometres = [float(value) * unit for value in coordinate.values]
    return tuple(
        BandFacts(
            description=name or None,
            imagery={} if length is None else {"CENTRAL_WAVELENGTH_UM": repr(length)},
            unit=array.attrs.get("units"),
        )
        for name, length in zip(names, micrometres, strict=True)
    )


def _like(
    array: "DataArray", values: NDArray[Any], scale: int, indexes: Sequence[int]
) -> "DataArray":
    """Give the values the array's coordinates, attributes and name, each pixel subdivided."""
    if array.ndim == 3:
        array = array.isel({array.dims[0]: list(indexes)})
    down, across = array.dims[-2:]
    coords = {}
    steps = dict(zip((down, across), _steps(array), strict=True))
    for name, coordinate in array.coords.items():
        fine = coordinate.values
        for axis, dimension in enumerate(coordinate.dims):
            if dimension in (down, across):
                fine = _finer(fine, axis, scale, steps[dimension])
        coords[name] = (coordinate.dims, fine, _finer_reference(coordinate.attrs, scale))
    shape = (*array.shape[:-2], *values.shape[-2:])
    made = type(array)(
        values.reshape(shape), coords=coords, dims=array.dims, name=array.name, attrs=array.attrs
    )
    made.encoding = {key: array.encoding[key] for key in _NODATA if key in array.encoding}
    return made


def _marked(made: "DataArray", nodata: float | None, attributes: Nodata) -> "DataArray":
    """Return what missing pixels hold if the array did not say so, or if the user did."""
    said = _nodata({**made.encoding, **made.attrs})
    if attributes is not None or (said is None and nodata is not None):
        for key in _NODATA:
            made.attrs.pop(key, None)
            made.encoding.pop(key, None)
        if nodata is not None:
            made.attrs[_NODATA[0]] = made.dtype.type(nodata)
    return made


def _steps(array: "DataArray") -> tuple[float, float]:
    """Return the size of a pixel down and across, which one pixel does not show; 0 if unknown."""
    for coordinate in array.coords.values():
        if "GeoTransform" in coordinate.attrs:
            words = str(coordinate.attrs["GeoTransform"]).split()
            with suppress(ValueError, IndexError):
                return float(words[5]), float(words[1])
    return 0.0, 0.0


def _finer(centres: NDArray[Any], axis: int, scale: int, step: float) -> NDArray[Any]:
    """Return the centres of pixels divided by `scale` along an axis; the outline stays.

    Between centres they are spread evenly; beyond the outermost the last step continues.
    """
    count = centres.shape[axis]
    if centres.dtype.kind not in "uif":
        return centres.repeat(scale, axis)
    if count == 1:
        shift = ((np.arange(scale) + 0.5) / scale - 0.5) * step
        shape = [-1 if dim == axis else 1 for dim in range(centres.ndim)]
        return np.asarray(centres.repeat(scale, axis) + shift.reshape(shape))
    places = (np.arange(count * scale) + 0.5) / scale - 0.5
    before = np.clip(np.floor(places).astype(int), 0, count - 2)
    share = (places - before).reshape([-1 if dim == axis else 1 for dim in range(centres.ndim)])
    one, two = (np.take(centres, before + after, axis).astype(float) for after in (0, 1))
    return np.asarray(one + share * (two - one))


def _finer_reference(attrs: Mapping[Any, Any], scale: int) -> dict[Any, Any]:
    """Return a coordinate's attributes; a transform that rioxarray keeps there is refined."""
    attributes = dict(attrs)
    if "GeoTransform" in attributes:
        c, a, b, f, d, e = (float(number) for number in str(attributes["GeoTransform"]).split())
        finer = (c, a / scale, b / scale, f, d / scale, e / scale)
        attributes["GeoTransform"] = " ".join(repr(number) for number in finer)
    return attributes
