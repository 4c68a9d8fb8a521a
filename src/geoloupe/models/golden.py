"""A shipped model's answer to one known image: proof that it works here as it did at home."""

import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from geoloupe.errors import InputError
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT
from geoloupe.models.model import Model
from geoloupe.models.predictor import Predictor
from geoloupe.models.sharpeners import ONE, TrainedSharpener
from geoloupe.networks.observation import Observation

FILE = "golden.json"
TOLERANCE = 1e-4  # unit values; processors round differently, but sums of bands differ by less
_SIDE_PX = 24  # LR pixels
_COUNT = 64  # values that are kept
_MTF, _FINER = 0.3, 2  # of the bands sharpeners are tried on


def answers(model: Model | TrainedSharpener) -> NDArray[np.float32]:
    """Return some values of the model's answer to the known image."""
    sr = _sharpened(model) if isinstance(model, TrainedSharpener) else _enlarged(model)
    places = np.linspace(0, sr.size - 1, _COUNT).astype(np.int64)
    return sr.reshape(-1)[places]


def _enlarged(model: Model) -> NDArray[np.float32]:
    signature = model.network.signature
    guide = None
    if signature.guided:
        guide = known_image(signature.guide_bands or 1, _SIDE_PX * signature.scale)
    # Without a bound, which would hide changes by a processor or a damaged file.
    predictor = Predictor.of(model, precision="fp32", bound=False)
    found: NDArray[np.float32] = predictor.predict(
        known_image(signature.bands or 4, _SIDE_PX), guide
    ).values
    return found


def _sharpened(model: TrainedSharpener) -> NDArray[np.float32]:
    lr, guide = (
        torch.tensor(known_image(bands, side).values)[None]
        for bands, side in ((4, _SIDE_PX), (1 if model.card.name == ONE else 4, _SIDE_PX * _FINER))
    )
    with torch.inference_mode():
        sr = model.network(lr, guide, [Observation.aligned(_MTF, scale=_FINER)] * 4)
    found: NDArray[np.float32] = sr[0].numpy()
    return found


def golden_text(model: Model | TrainedSharpener) -> str:
    """Write a model's answers to the file beside its weights."""
    return json.dumps([round(float(value), 6) for value in answers(model)]) + "\n"


def largest_error(model: Model | TrainedSharpener, folder: Path) -> float:
    """Return how far the model's answers are from those beside its weights, in unit values."""
    path = folder / FILE
    try:
        kept = np.array(json.loads(path.read_text(encoding="utf-8")), np.float32)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    found = answers(model)
    if kept.shape != found.shape:
        raise InputError(f"{path}: holds {kept.size} values where {found.size} are expected")
    return float(np.abs(found - kept).max())


def known_image(bands: int, height: int, width: int | None = None) -> Image:
    """Draw waves and an edge, without any random number generator."""
    width = height if width is None else width
    row, column = np.mgrid[0:height, 0:width] / np.array([height, width])[:, None, None]
    number = np.arange(bands)[:, None, None]
    waves = np.sin(9 * row + 0.7 * number) * np.cos(13 * column - 0.3 * number)
    values = 0.5 + 0.25 * waves + 0.15 * (row + column > 1)
    return Image.of(values.astype(np.float32), radiometry=UNIT)
