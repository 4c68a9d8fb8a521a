"""A model for images whose MTF is known, one after the other: it is told, where it can be told."""

from dataclasses import replace
from typing import Any

import numpy as np

from geoloupe.imagery.image import Image
from geoloupe.inference.model import Model
from geoloupe.inference.predictor import Predictor
from geoloupe.networks.observation import Observation


class Telling:
    """Makes the predictor of an image; that of the last MTF is kept."""

    def __init__(self, model: Model, *, consistent: bool = False, **options: Any) -> None:
        """Take a model, and what `Predictor.of` is to make it ready with.

        With `consistent`, answers agree with their images, as in products of known sensors.
        """
        self.model, self.options, self.consistent = model, options, consistent
        self._last: tuple[tuple[float, ...] | None, Predictor] | None = None

    def predictor(self, image: Image, mtf: tuple[float, ...] | None) -> Predictor:
        """Return the predictor for an image, given the MTF of all its bands or of each."""
        network: Any = self.model.network
        if not (network.signature.told or self.consistent):
            mtf = None
        if self._last is None or self._last[0] != mtf:
            self._last = (mtf, self._made(image, mtf))
        return self._last[1]

    def _made(self, image: Image, mtf: tuple[float, ...] | None) -> Predictor:
        if mtf is None:
            return Predictor.of(self.model, **self.options)
        network: Any = self.model.network
        each, signature = np.broadcast_to(mtf, len(image.bands)).tolist(), network.signature
        model = replace(self.model, network=network.told(each)) if signature.told else self.model
        made = Predictor.of(model, **self.options)
        if not self.consistent:
            return made
        return replace(made, observation=Observation.aligned(*each, scale=signature.scale))
