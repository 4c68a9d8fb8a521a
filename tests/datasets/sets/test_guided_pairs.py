"""Pairs of coarse and finer bands: the guide lies on the coarse pixels wherever the grids lie."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from geoloupe.datasets.preparation.prepare import prepare
from geoloupe.datasets.sets.guided_pairs import PAN, S2
from geoloupe.errors import InputError
from tests.rasters.test_sentinel2 import product
from tests.scenes.test_sharpen_products import landsat


def ramp(rows: Any, columns: Any) -> Any:
    """Make a plane, which no sensor blurs."""
    return 1000 + 3 * rows[:, None] + 2 * columns[None, :]


def write(path: Path, values: Any, *, pixel: float, corner: float = 0.0) -> None:
    """Write a band whose upper left corner lies `corner` m right and below of the other's."""
    height, width = values.shape
    place = Affine(pixel, 0, 5e5 + corner, 0, -pixel, 4e6 - corner)
    profile = {"driver": "GTiff", "count": 1, "height": height, "width": width}
    with rasterio.open(path, "w", dtype="uint16", transform=place, **profile) as out:
        out.write(np.rint(values).astype(np.uint16), 1)


@pytest.mark.parametrize("offset", [0.0, -5.0, 3.0])
def test_a_guide_lies_where_the_coarse_pixels_are(tmp_path: Path, offset: float) -> None:
    """A coarse pixel sees the plane at its own middle, half a fine pixel off or not."""
    fine, coarse = np.arange(96) + 0.5, np.arange(24) + 0.5
    write(tmp_path / "a_pan.tif", ramp(10 * fine, 10 * fine), pixel=10.0)
    here = 40 * coarse + offset
    write(tmp_path / "a_ms.tif", ramp(here, here), pixel=40.0, corner=offset)
    prepared = prepare(PAN, tmp_path, tmp_path / "out", seed=0).prepared
    (entry,) = prepared.entries
    hr, guide = (prepared.image(entry, part).values[0].astype(float) for part in ("hr", "guide"))
    assert hr.shape == guide.shape == ((24, 24) if offset == 0 else (23, 23))
    inside = np.s_[4:-4, 4:-4]  # mirrored borders bend a plane
    assert np.abs(hr - guide)[inside].max() <= 1


def test_areas_join_without_a_seam(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    write(tmp_path / "a_10m.tif", rng.integers(100, 9000, (120, 120)), pixel=10.0)
    write(tmp_path / "a_20m.tif", rng.integers(100, 9000, (60, 60)), pixel=20.0)
    whole = prepare(S2, tmp_path, tmp_path / "whole").prepared
    cut = prepare(S2.tiny(), tmp_path, tmp_path / "cut").prepared
    assert len(cut.entries) == 9
    assert len({entry.label for entry in cut.entries}) == 1
    for part in ("hr", "guide"):
        pieces = {entry.id: cut.image(entry, part).values for entry in cut.entries}
        rows = [
            np.concatenate([pieces[f"a-{row}-{column}"] for column in range(3)], axis=2)
            for row in range(3)
        ]
        assert np.array_equal(
            np.concatenate(rows, axis=1), whole.image(whole.entries[0], part).values
        )


def test_products_are_found_in_a_folder(tmp_path: Path) -> None:
    product(tmp_path)
    prepared = prepare(S2, tmp_path, tmp_path / "s2").prepared
    (entry,) = prepared.entries
    assert entry.parts["hr"].shape[2] == 6
    assert entry.parts["guide"].shape[2] == 4
    (tmp_path / "landsat").mkdir()
    folder = landsat(tmp_path / "landsat")
    prepared = prepare(PAN, folder.parent, tmp_path / "pan").prepared
    (entry,) = prepared.entries
    assert entry.parts["guide"].shape[2] == 1


def test_a_raster_without_its_partner_is_named(tmp_path: Path) -> None:
    write(tmp_path / "a_ms.tif", np.ones((24, 24)), pixel=40.0)
    with pytest.raises(InputError, match=r"a_ms\.tif: has no partner whose name ends in _pan"):
        prepare(PAN, tmp_path, tmp_path / "out")
