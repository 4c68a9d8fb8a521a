"""Rasters of a data set: what one merely claims to hold is refused unread."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import rasterio

from geoloupe import catalog
from geoloupe.datasets.preparation.prepare import prepare
from geoloupe.errors import GeoloupeError
from tests.datasets import small


@pytest.fixture(autouse=True)
def _catalog(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    small.enter(monkeypatch)
    yield
    catalog.targets.cache_clear()


@pytest.mark.parametrize(
    ("free", "told"),
    [
        (10**9, r"takes at least 4 TB to make, but the disk has 1 GB left"),
        (10**13, r"moon\.tif: a row of 2000000 pixels needs about 16 MB of memory, and 10 MB are"),
    ],
)
def test_a_raster_of_holes_needs_the_disk_and_the_memory_that_it_claims(
    tmp_path: Path, free: int, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=free)
    monkeypatch.setattr("geoloupe.rasters.product.shutil.disk_usage", lambda _: usage)
    monkeypatch.setattr("geoloupe.datasets.sets.rasters.available", lambda: 10**7)
    (tmp_path / "in").mkdir()
    size = {"width": 2_000_000, "height": 2_000_000, "count": 1, "dtype": "uint8"}
    blocks = {"tiled": True, "blockxsize": 65536, "blockysize": 65536, "sparse_ok": True}
    place = {"crs": "EPSG:32631", "transform": small.PLACE}
    with rasterio.open(tmp_path / "in" / "moon.tif", "w", **size, **blocks, **place):
        pass
    (tmp_path / "list").write_text("train moon\n")
    with pytest.raises(GeoloupeError, match=told):
        prepare("small", tmp_path / "in", tmp_path / "out", split=str(tmp_path / "list"))
