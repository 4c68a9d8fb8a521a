"""A picture that is cut short is refused and named, never filled up with something."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.errors import NotGeoreferencedWarning

from geoloupe.errors import InputError
from geoloupe.rasters.opening import open_source

DRIVERS = {".png": "PNG", ".jpg": "JPEG", ".tif": "GTiff", ".bmp": "BMP"}


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
@pytest.mark.parametrize("suffix", DRIVERS)
def test_a_picture_cut_short_is_refused(tmp_path: Path, suffix: str, share: float) -> None:
    path = tmp_path / f"cut{suffix}"
    values = np.random.default_rng(0).integers(0, 256, (3, 90, 100)).astype(np.uint8)
    profile = {"driver": DRIVERS[suffix], "count": 3, "height": 90, "width": 100, "dtype": "uint8"}
    with (
        warnings.catch_warnings(action="ignore", category=NotGeoreferencedWarning),
        rasterio.open(path, "w", **profile) as out,
    ):
        out.write(values)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(InputError, match=rf"cut\{suffix}: "), open_source(path) as source:
        source.read()
