"""A model for a series of images of known MTF."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from geoloupe.imagery.image import Image
from geoloupe.imagery.noise import noise_level
from geoloupe.models.predictor import Predictor
from geoloupe.networks.observation import Observation

if TYPE_CHECKING:
    from geoloupe.models.model import Model


class TunedModel:
    """Makes an image's predictor; the one for the last MTF is kept."""

    def __init__(self, model: "Model", *, consistent: bool = False, **options: Any) -> None:
        """Take a model, and the options for `Predictor.of`.

        With `consistent`, answers agree with their images, noise aside, as in products of known
        sensors.
        """
        self.model, self.options, self.consistent = model, options, consistent
        self._last: tuple[tuple[float, ...] | None, Predictor] | None = None

    def predictor(self, image: Image, mtf: tuple[float, ...] | None) -> Predictor:
        """Return the predictor for an image, given the MTF of all its bands or of each."""
        network: Any = self.model.network
        if not (network.signature.takes_mtf or self.consistent):
            mtf = None
        each = None if mtf is None else np.broadcast_to(mtf, len(image.bands)).tolist()
        if self._last is None or self._last[0] != mtf:
            model = self.model
            if each is not None and network.signature.takes_mtf:
                model = replace(model, network=network.for_sensor(each))
            self._last = (mtf, Predictor.of(model, **self.options))
        made = self._last[1]
        if each is None or not self.consistent:
            return made
        noise = tuple(np.nan_to_num(noise_level(image)).tolist())
        seen = Observation.aligned(*each, scale=network.signature.scale, noise=noise)
        return replace(made, observation=seen)
