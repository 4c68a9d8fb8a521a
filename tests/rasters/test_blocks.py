"""A file is read in blocks, each whole: one that memory cannot hold is refused before that."""

from pathlib import Path

import numpy as np
import pytest
import rasterio

from geoloupe.errors import InputError
from geoloupe.rasters import blocks
from geoloupe.rasters.opening import open_source
from tests.datasets.small import PLACE


@pytest.mark.parametrize(("together", "told"), [("pixel", "2.7 MB"), ("band", "900 KB")])
def test_a_block_that_memory_has_no_room_for_is_refused(
    tmp_path: Path, together: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "strip.tif"
    size = {"count": 3, "width": 1000, "height": 900, "dtype": "uint8", "blockysize": 900}
    place = {"crs": "EPSG:32631", "transform": PLACE}
    with rasterio.open(path, "w", **size, **place, interleave=together, compress="deflate") as out:
        out.write(np.ones((3, 900, 1000), np.uint8))
    monkeypatch.setattr(blocks, "available", lambda: 800_000)
    with pytest.raises(InputError, match=rf"blocks of 1000 x 900 pixels, which take {told}"):
        open_source(path)
    monkeypatch.setattr(blocks, "available", lambda: 3_000_000)
    open_source(path).__exit__(None, None, None)
