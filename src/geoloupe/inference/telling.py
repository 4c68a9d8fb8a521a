"""A model that is told the MTF of each image, where it can be told and the image's is known."""

from dataclasses import replace
from typing import Any

import numpy as np

from geoloupe.imagery.image import Image
from geoloupe.inference.model import Model
from geoloupe.inference.predictor import Predictor


class Telling:
    """Makes the predictor of an image; that of the last MTF is kept."""

    def __init__(self, model: Model, **options: Any) -> None:
        """Take a model, and what `Predictor.of` is to make it ready with."""
        self.model, self.options = model, options
        self._last: tuple[tuple[float, ...] | None, Predictor] | None = None

    def predictor(self, image: Image, mtf: tuple[float, ...] | None) -> Predictor:
        """Return the predictor for an image, given the MTF of all its bands or of each."""
        network: Any = self.model.network
        if mtf is None or not network.signature.told:
            mtf = None
        if self._last is None or self._last[0] != mtf:
            model = self.model
            if mtf is not None:
                each = np.broadcast_to(mtf, len(image.bands)).tolist()
                model = replace(model, network=network.told(each))
            self._last = (mtf, Predictor.of(model, **self.options))
        return self._last[1]
