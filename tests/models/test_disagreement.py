"""Eight views of an image: their answers are turned back before they are compared."""

import numpy as np
import torch
from torch import Tensor

from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT
from geoloupe.models.predictor import Predictor
from geoloupe.models.transfer import transfer_to
from geoloupe.networks.signature import Signature

RNG = np.random.default_rng(0)
LR = Image.of(RNG.random((2, 6, 9), np.float32), radiometry=UNIT)


def leaning(lr: Tensor, _guide: Tensor | None) -> Tensor:
    """Answer with each pixel, and more the farther right it is."""
    return lr + torch.linspace(0, 1, lr.shape[-1])


def predictor(*, ensemble: bool = False) -> Predictor:
    return Predictor(
        network=leaning,
        signature=Signature(scale=1, bands=None),
        name="leaning",
        rings=4,
        transfer=transfer_to(torch.device("cpu")),
        ensemble=ensemble,
    )


def test_views_disagree_by_what_a_network_adds_in_one_direction() -> None:
    down, right = np.meshgrid(np.linspace(0, 1, 6), np.linspace(0, 1, 9), indexing="ij")
    added = np.stack([right, 1 - right, down, 1 - down] * 2)
    spread = predictor().disagreement(LR)
    assert np.allclose(spread, added.std(axis=0, ddof=1), atol=1e-6)


def test_their_mean_leans_nowhere() -> None:
    mean = predictor(ensemble=True).predict(LR).values
    assert np.allclose(mean, LR.values + 0.5, atol=1e-6)
