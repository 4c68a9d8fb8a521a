"""What a sharpened image does to the indices that people compute from it: vegetation, water, ..."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoloupe.errors import InputError
from geoloupe.imagery.image import Image


@dataclass(frozen=True)
class Index:
    """A normalised difference (plus - minus) / (plus + minus) of two bands by common name."""

    name: str
    plus: str
    minus: str
    about: str


NDVI = Index("NDVI", "nir", "red", "green vegetation (Rouse et al., 1974)")
NDWI = Index("NDWI", "green", "nir", "open water (McFeeters, 1996)")
NDBI = Index("NDBI", "swir1", "nir", "built-up land (Zha et al., 2003)")
NDSI = Index("NDSI", "green", "swir1", "snow (Hall et al., 1995)")
INDICES = (NDVI, NDWI, NDBI, NDSI)


def index_map(image: Image, index: Index) -> NDArray[np.float64]:
    """Compute an index (H,W) in unit values, NaN where a band is missing.

    A sum of zero counts as index 0. Reflectance below zero counts as zero, so that the index stays
    within [-1, 1].
    """
    plus, minus = (_band(image, index, common) for common in (index.plus, index.minus))
    total = plus + minus
    safe = np.where(total == 0, 1.0, total)
    return (plus - minus) / safe


def index_error(sr: Image, hr: Image, index: Index) -> float:
    """Average |index of SR - index of HR| over the pixels that both hold; 0 if there are none."""
    if sr.valid.shape != hr.valid.shape:
        raise InputError(
            f"the SR image has {sr.grid.width} x {sr.grid.height} pixels and the HR image "
            f"{hr.grid.width} x {hr.grid.height}; an index is compared pixel by pixel"
        )
    error = np.abs(index_map(sr, index) - index_map(hr, index))
    known = ~np.isnan(error)
    return float(error[known].mean()) if known.any() else 0.0


def _band(image: Image, index: Index, common: str) -> NDArray[np.float64]:
    """Return the first band (H,W) that sensors call `common`."""
    found = [band.common for band in image.bands]
    if common not in found:
        missing = [name for name in (index.plus, index.minus) if name not in found]
        known = ", ".join(name for name in found if name) or "none that is known"
        raise InputError(
            f"{index.name} needs the bands {index.plus} and {index.minus}, and the image has no "
            f"{' and no '.join(missing)}; its bands are {known}"
        )
    band = image.select([found.index(common)]).in_unit().values[0]
    return np.maximum(band.astype(np.float64), 0.0)
