"""How far one product can be trusted: measured on windows spread over it, in plain words."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from geoloupe.errors import InputError
from geoloupe.imagery.grid import spread_windows
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT
from geoloupe.imagery.resize import imresize
from geoloupe.metrics.indices import INDICES, index_error
from geoloupe.metrics.texture import LEAST_SCALE, Strokes, find_strokes, texture
from geoloupe.metrics.trust import detail_maps, trust
from geoloupe.models.model import Model, load
from geoloupe.models.shipped import shipped
from geoloupe.models.tuned import TunedModel
from geoloupe.rasters.area import window_of
from geoloupe.scenes.full_scale import MEANINGS, full_scale
from geoloupe.scenes.optics import JPEG_NOISE
from geoloupe.scenes.overlaid import Overlaid, overlaid
from geoloupe.scenes.seams import seam_steps

_WINDOW_PX = 128  # LR pixels of a measured window
_WINDOWS = 3  # windows along each axis
_FAULTS = {"seams": "seams", "texture": "invented texture"}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One measurement."""

    name: str
    value: float
    unit: str
    limit: float | None  # upper limit of the accepted range; None: reported only
    meaning: str

    @property
    def good(self) -> bool:
        """Whether the value is within its limit."""
        return self.limit is None or self.value <= self.limit


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """All findings of a product, and one window of it to look at."""

    product: str
    scale: int
    findings: tuple[Finding, ...]
    windows: int
    shown: Mapping[str, Image]  # LR pixels, the product, perhaps the truth
    doubt: NDArray[np.float64] | None  # (H,W) of the shown window: where detail may be invented
    doubt_name: str

    @property
    def unmeasured(self) -> str:
        """What could not be measured, as a sentence; empty if nothing."""
        if self.scale >= LEAST_SCALE:
            return ""
        return f"Invented texture is not measured below a factor of {LEAST_SCALE}: look at it."

    @property
    def verdict(self) -> str:
        """Return a sentence or two as a verdict."""
        bad = [finding for finding in self.findings if not finding.good]
        if not bad:
            measured = {finding.name for finding in self.findings}
            faults = [text for name, text in _FAULTS.items() if name in measured]
            shown = f", and shows no {' and no '.join(faults)}" if faults else ""
            return f"It agrees with its input in brightness, colour and position{shown}."
        worst = "; ".join(f"{f.name} is {f.value:.3g}{f.unit}, above {f.limit:g}" for f in bad)
        return f"Check it before use: {worst}."


def inspect(
    product: str | Path,
    lr: str | Path,
    hr: str | Path | None = None,
    *,
    model: str | None = None,
    guide: str | Path | None = None,
    area: str | None = None,
) -> Inspection:
    """Measure whether a product can be trusted: brightness, colour, position, seams, added detail.

    Args:
        product: What was made.
        lr: What it was made from.
        hr: The truth on the product's grid, if known.
        model: What made it, if its tags do not say: to measure doubt.
        guide: The panchromatic image that sharpened it: adds QNR and HQNR.
        area: Measure there only: a box or a GeoJSON file, as `upscale` takes it. A product that was
            made of an area is compared with that area unasked.

    Returns:
        Findings with their limits, a verdict in words, and maps of doubt and of added detail.

    Example:
        >>> found = geoloupe.inspect("finer.tif", "scene.tif")
        >>> found.findings[0].name
        'reflectance'
    """
    with ExitStack() as stack:
        seen = overlaid(stack, product, lr, hr, guide)
        tags = seen.fine.facts.tags
        seams = seam_steps(seen.fine, seen.coarse, tags, seen.scale, seen.cuts)  # of all of it
        if area is not None:
            seen = seen.within(window_of(area, seen.coarse.grid, seen.coarse.name))
        found = _inspected(seen, _maker(model, tags.get("GEOLOUPE_MODEL"), seen.scale), tags, seams)
        if seen.guide is None:
            return found
        places = {"side": _WINDOW_PX, "along": _WINDOWS}
        more = full_scale(seen.fine, seen.coarse, seen.guide, seen.scale, **places)
        return replace(found, findings=(*found.findings, *_findings(more)))


def _inspected(
    seen: Overlaid, model: Model | None, tags: Mapping[str, str], seams: float | None
) -> Inspection:
    fine, coarse, truth, scale = seen.fine, seen.coarse, seen.truth, seen.scale
    telling = None if model is None or truth is not None else _telling(model, tags)
    mtf = _mtf(tags, len(coarse.bands))
    rows: list[dict[str, float]] = []
    strokes: list[Strokes] = []
    shown: tuple[dict[str, Image], NDArray[np.float64] | None] | None = None
    failure = InputError(f"{coarse.name}: no window of it holds data")
    for window in spread_windows(coarse.grid, side=_WINDOW_PX, along=_WINDOWS):
        low, high = coarse.read(window), fine.read(window.finer(scale))
        if not low.valid.any():
            continue
        real = None if truth is None else truth.read(window.finer(scale))
        spread = None
        if telling is not None:
            spread = telling.predictor(low, mtf).disagreement(low).astype(np.float64)
        try:
            row = _measured(low, high, real, scale)
        except InputError as error:  # too few pixels: skip this window only
            failure = InputError(f"{fine.name}: {error}")
            continue
        if seen.resampled:  # a hole's border moved with the pixels
            del row["nodata"]
        if spread is not None:
            row["disagreement"] = float(spread.mean())
        rows.append(row)
        strokes.append(find_strokes(low, high, scale))
        if shown is None:  # the middle, if it holds data
            images = {"input": low.repeated(scale), "product": high}
            images |= {} if real is None else {"truth": real}
            shown = images, spread if real is None else _invented(low, high, real, scale)
    if shown is None:
        raise failure
    names = dict.fromkeys(name for row in rows for name in row)
    means = {name: fmean(row[name] for row in rows if name in row) for name in names}
    whole = {
        "texture": texture(strokes) if scale >= LEAST_SCALE else None,
        "seams": seams,
    }
    return Inspection(
        product=fine.name,
        scale=scale,
        findings=tuple(
            _findings(
                means | {k: v for k, v in whole.items() if v is not None}, jpeg=coarse.facts.jpeg
            )
        ),
        windows=len(rows),
        shown=shown[0],
        doubt=shown[1],
        doubt_name="disagreement of eight views" if truth is None else "invented detail",
    )


def _measured(low: Image, high: Image, real: Image | None, scale: int) -> dict[str, float]:
    measures = trust(low, high, real, scale).to_dict().items()
    row = {name: value for name, value in measures if value is not None}
    row["nodata"] = abs(float(low.valid.mean()) - float(high.valid.mean()))
    row["clipped"] = max(_clipped(high) - _clipped(low), 0.0)
    down = _averaged(high, low, scale)
    for index in INDICES:
        try:
            row[f"{index.name} drift"] = index_error(down, low, index)
        except InputError:
            continue  # it lacks the bands for it
    return row


_MEANINGS: dict[str, tuple[str, float | None, str]] = {
    "reflectance": ("", 0.01, "mean difference from the input, both on its pixels; bright is 1"),
    "spectral": ("°", 2.0, "mean angle between spectra of input and product"),
    "spatial": (" px", 0.5, "shift against the input, in pixels of the product"),
    "synthesis": ("", None, "mean difference from interpolation: how much was added"),
    "improvement": ("", None, "share of the detail that is right"),
    "omission": ("", None, "share of the detail that is missing"),
    "hallucination": ("", 0.34, "share of the detail that is neither input nor truth"),
    "disagreement": ("", 0.02, "deviation among eight rotated and mirrored answers"),
    "texture": ("", 0.1, "share of it with fine strokes that nothing in the input supports"),
    "seams": (
        "",
        0.004,
        "brightness step along seams but not beside them; 1 is the contrast",
    ),
    "nodata": ("", 1e-6, "difference between the shares without data"),
    "clipped": ("", 0.001, "share of values at the type's limits, beyond the input's"),
    **{name: ("", None, meaning) for name, meaning in MEANINGS.items()},
}


_JPEG_ERROR = JPEG_NOISE / 255 * 0.8  # the mean size of what has this deviation

LIMITS = {name: limit for name, (_, limit, _) in _MEANINGS.items() if limit is not None}


def _findings(means: Mapping[str, float], *, jpeg: bool = False) -> Iterator[Finding]:
    for name, value in means.items():
        unit, limit, meaning = _MEANINGS.get(name, ("", 0.02, "mean change of the index"))
        if jpeg and name == "reflectance" and limit is not None:
            limit = round(limit + _JPEG_ERROR, 3)
            meaning += "; the input is kept as JPEG, whose artefacts need not be in the product"
        yield Finding(name=name, value=value, unit=unit, limit=limit, meaning=meaning)


def _maker(name: str | None, tag: str | None, scale: int) -> Model | None:
    """Load the model that the user names, or the shipped one in the product's tags."""
    place = name or shipped().get(tag or "")
    if place is None:
        return None
    model = load(place)
    fits = model.network.signature.scale == scale and not model.network.signature.guided
    return model if fits else None


def _telling(model: Model, tags: Mapping[str, str]) -> TunedModel:
    """Prepare a model to give the answers the product was made from."""
    return TunedModel(model, consistent=tags.get("GEOLOUPE_CONSISTENT", "no") != "no")


def _mtf(tags: Mapping[str, str], count: int) -> tuple[float, ...] | None:
    """Return the MTF of `count` bands that the product's tags record, or None."""
    try:
        gains = tuple(float(gain) for gain in tags["GEOLOUPE_MTF"].split(","))
    except (KeyError, ValueError):
        return None
    return gains if len(gains) == count and all(0 < gain < 1 for gain in gains) else None


def _clipped(image: Image) -> float:
    if image.values.dtype.kind not in "ui" or not image.valid.any():
        return 0.0
    limits = np.iinfo(image.values.dtype)
    values = image.values[image.present]
    return float(((values == limits.min) | (values == limits.max)).mean())


def _averaged(high: Image, low: Image, scale: int) -> Image:
    values = high.in_unit().values
    bands, height, width = values.shape
    cells = values.reshape(bands, height // scale, scale, width // scale, scale)
    return Image.of(cells.mean(axis=(2, 4)), radiometry=UNIT, grid=low.grid, bands=low.bands)


def _invented(low: Image, high: Image, real: Image, scale: int) -> NDArray[np.float64]:
    """Map the share of invented detail (H,W), 0 where there is no detail."""
    units: Sequence[NDArray[np.float64]] = [
        np.nan_to_num(image.in_unit().values.astype(np.float64)) for image in (low, high, real)
    ]
    up = imresize(units[0], scale, method="bilinear")
    maps = detail_maps(up, units[1], units[2], valid=high.valid & real.valid)
    return np.nan_to_num(maps.hallucination)
