"""A first guess at clouds: bright and white pixels, enough to leave bad chips out of training."""

import numpy as np

from geoloupe.imagery.image import Image

_BRIGHT = 0.4  # unit value above which visible light is as bright as cloud
_WHITE = 0.3  # mean difference from grey, relative to it, below which a pixel is white
_VISIBLE = ("red", "green", "blue")


def cloud_fraction(image: Image) -> float:
    """Return the share of the valid pixels that look like cloud; 0 where nothing is valid.

    Snow, sand and white roofs look alike: a guess for choosing training chips, not a mask.
    """
    names = [band.common for band in image.bands]
    visible = [names.index(name) for name in _VISIBLE if name in names]
    values = image.in_unit().values[visible or slice(None)]
    if not image.valid.any():
        return 0.0
    values = np.nan_to_num(values[:, image.valid], nan=0.0)
    grey = values.mean(axis=0)
    whiteness = np.abs(values - grey).mean(axis=0)
    cloudy = (values.min(axis=0) > _BRIGHT) & (whiteness < _WHITE * grey)
    return float(cloudy.mean())
