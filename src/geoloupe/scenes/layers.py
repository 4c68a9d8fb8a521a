"""Layers beside a product: how certain each pixel is, and what was added to the scene."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from geoloupe.errors import InputError
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import Radiometry
from geoloupe.models import doubt
from geoloupe.models.doubt import Doubt
from geoloupe.models.model import Model
from geoloupe.networks.observation import Observation
from geoloupe.rasters.planes import Layout
from geoloupe.rasters.storing import Packing
from geoloupe.scenes.optics import Optics
from geoloupe.storage.beside import DETAIL, SIGMA

_log = logging.getLogger(__name__)

_LINES = 3  # LR pixels around a pixel that interpolation looks at
_MIN_WEIGHT_SHARE = 0.1  # of its weights fall on pixels present, wherever a pixel itself is present


class Layer(Protocol):
    """A layer of as many bands as the product has."""

    @property
    def name(self) -> str:
        """What its file is named after."""
        ...

    def of(self, sr: Image, lr: Image, scale: int) -> NDArray[np.float32]:
        """Make it (B,H,W) from an answer in unit values, NaN where that is, and its image."""
        ...


@dataclass(frozen=True, kw_only=True)
class Sigma:
    """How far the truth may be from the answer: within it for 68 of 100 pixels."""

    doubt: Doubt
    name: str = SIGMA

    def of(self, sr: Image, lr: Image, scale: int) -> NDArray[np.float32]:
        """Derive it from how rough the answer is."""
        return self.doubt.sigma(sr, scale, rounding_steps(lr.radiometry))


@dataclass(frozen=True, kw_only=True)
class Detail:
    """What the answer adds to cubic interpolation of the scene."""

    name: str = DETAIL

    def of(self, sr: Image, lr: Image, scale: int) -> NDArray[np.float32]:
        """Subtract the interpolated scene from the answer."""
        unit = lr.in_unit().values
        present = torch.from_numpy((~np.isnan(unit)).astype(np.float32))[None]
        values = torch.from_numpy(np.nan_to_num(unit))[None]
        alike = Observation.aligned(0.5, scale=scale)  # interpolation does not use the MTF
        size = (sr.grid.height, sr.grid.width)
        plain = alike.interpolate(values, size)[0]
        if not bool(present.all()):  # of the pixels present
            share = alike.interpolate(present, size)[0]
            plain = plain / torch.where(share > _MIN_WEIGHT_SHARE, share, 1)
        return sr.values - plain.numpy()


def reach_of(*, uncertainty: bool, detail: bool) -> int:
    """Return how many LR pixels around a pixel the layers look at."""
    return max(doubt.REACH if uncertainty else 0, _LINES if detail else 0)


def layers_of(
    model: Model, optics: Optics, *, uncertainty: bool, detail: bool, name: str
) -> tuple[Layer, ...]:
    """Choose the layers of a scene called `name`; refuse sigma without a calibration.

    Warn where it was calibrated on other sensors only.
    """
    layers: list[Layer] = []
    if uncertainty:
        calibration = model.card.calibration
        if calibration is None:
            raise InputError(
                f"{model.card.name}: its uncertainty has not been measured, so sigma cannot "
                "be estimated; choose a model whose card has a calibration, see geoloupe models"
            )
        layers.append(Sigma(doubt=Doubt.of(calibration, optics.mtf)))
        why = uncalibrated(model, optics)
        if why:
            _log.warning(
                "%s: sigma is not calibrated for this sensor (%s); take it as a hint of where "
                "the answer is less certain",
                *(name, why),
            )
    return tuple([*layers, Detail()] if detail else layers)


def uncalibrated(model: Model, optics: Optics) -> str:
    """Return why a model's calibration does not hold for a scene; empty if it does."""
    calibration = model.card.calibration
    if calibration is None:
        return "there is no calibration"
    if not optics.known:
        return "the sensor is unknown"
    low, high = calibration.mtf[0], calibration.mtf[-1]
    beyond = sorted({f"{gain:.2f}" for gain in optics.mtf if not low <= gain <= high})
    return f"MTF {', '.join(beyond)} is not within {low:g} to {high:g}" if beyond else ""


def calibrated_on(model: Model) -> str:
    """Return what a model's sigma is calibrated on."""
    found = model.card.calibration
    return f"on {found.data}, MTF {found.mtf[0]:g} to {found.mtf[-1]:g}" if found else "no"


def beside(
    layout: Layout, layers: Sequence[Layer], model: Model, optics: Optics
) -> dict[str, Layout]:
    """Return what the layers' files will be: the product's facts, floats in its units."""
    found = {}
    for layer in layers:
        tags = {"GEOLOUPE_LAYER": _ABOUT[layer.name]}
        if isinstance(layer, Sigma):
            why = uncalibrated(model, optics)
            tags |= {
                f"GEOLOUPE_SIGMAS_{level}": ", ".join(
                    f"{table.factors[number]:.3g}" for table in layer.doubt.tables
                )
                for number, level in enumerate(doubt.LEVELS)
            } | {"GEOLOUPE_CALIBRATED": f"no: {why}" if why else calibrated_on(model)}
        found[layer.name] = _layout(layout, layer.name, tags)
    return found


_ABOUT = {
    SIGMA: "sigma: 68 of 100 pixels of the truth lie within it, in the product's units",
    DETAIL: "detail: the product minus cubic interpolation of the scene, in the product's units",
}


def _layout(layout: Layout, name: str, tags: dict[str, str]) -> Layout:
    facts, radiometry = layout.facts, layout.radiometry
    bands = tuple(
        replace(
            band,
            description=f"{band.band.name} {name}".strip(),
            colour="undefined",
            offset=0.0,
        )
        for band in facts.bands
    )
    spans = _spans(radiometry)
    return replace(
        layout,
        radiometry=Radiometry(
            dtype="float32",
            high=tuple(abs(span) for span in spans) if name == SIGMA else spans,
            nodata=math.nan,
        ),
        facts=replace(facts, bands=bands, mask="none").tagged(tags),
        beside={},
        packing=_packing(layout.packing),
    )


def _packing(packing: Packing) -> Packing:
    """Return how layers are packed: they are GeoTIFFs, beside a Zarr store too."""
    if packing.format == "zarr":
        return Packing(blocksize=packing.blocksize)
    return replace(packing, item=False)


def _spans(radiometry: Radiometry) -> tuple[float, ...]:
    """Return what a stored step of one is worth, for all bands or each."""
    low, high = radiometry.low, radiometry.high
    count = max(len(low), len(high))
    return tuple(high[band % len(high)] - low[band % len(low)] for band in range(count))


def rounding_steps(radiometry: Radiometry) -> NDArray[np.float32]:
    """Return what stored values are rounded to (B or 1,1,1) in unit values; floats are not."""
    whole = np.dtype(radiometry.dtype).kind in "iu"
    spans = np.abs(np.array(_spans(radiometry), np.float64))[:, None, None]
    return (whole / spans).astype(np.float32)
