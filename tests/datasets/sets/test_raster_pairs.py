"""Pairs of two sensors: whole where sizes fit, else cut to the pixels that both show."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geoloupe.datasets.preparation.prepare import prepare
from geoloupe.datasets.sets.raster_pairs import PAIRS
from geoloupe.errors import InputError
from geoloupe.imagery.grid import Grid
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import Radiometry
from geoloupe.rasters.product import write_image

UTM = (
    'PROJCS["WGS 84 / UTM zone 33N",GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,'
    '298.257223563]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]],PROJECTION['
    '"Transverse_Mercator"],PARAMETER["latitude_of_origin",0],PARAMETER["central_meridian",15],'
    'PARAMETER["scale_factor",0.9996],PARAMETER["false_easting",500000],PARAMETER['
    '"false_northing",0],UNIT["metre",1]]'
)


def write(folder: Path, pixel: float, size: tuple[int, int], x: float, **more: Any) -> None:
    """Write an image whose values name the ground: 10 m columns from 500000, rows from 4000000."""
    height, width = size
    north = more.get("north", 4e6)
    columns = (x - 5e5) / 10 + (np.arange(width) + 0.5) * pixel / 10
    rows = (4e6 - north) / 10 + (np.arange(height) + 0.5) * pixel / 10
    values = np.stack([rows[:, None] + 0 * columns, 0 * rows[:, None] + columns] * 2)
    grid = Grid(
        crs=more.get("crs", UTM),
        transform=(pixel, 0, x, 0, -pixel, north),
        height=height,
        width=width,
    )
    kind = Radiometry(dtype="float32", high=(1000.0,))
    image = Image.of(values.astype(np.float32)[: more.get("bands", 2)], radiometry=kind, grid=grid)
    folder.mkdir(parents=True, exist_ok=True)
    write_image(folder / "a.tif", image)


@pytest.mark.parametrize(("x", "width"), [(500020.0, 13), (499960.0, 12)])
@pytest.mark.parametrize(("north", "height"), [(4e6 - 10, 9), (4e6 + 50, 8)])
def test_a_pair_is_cut_to_the_ground_that_both_show(
    tmp_path: Path, x: float, width: int, north: float, height: int
) -> None:
    write(tmp_path / "in" / "lr", 30, (12, 14), 5e5)
    write(tmp_path / "in" / "hr", 10, (31, 40), x, north=north)
    prepared = prepare("pairs", tmp_path / "in", tmp_path / "out", split="shares").prepared
    (entry,) = prepared.entries
    lr, hr = (prepared.image(entry, part) for part in ("lr", "hr"))
    assert (lr.grid.height, lr.grid.width) == (height, width)
    assert (hr.grid.height, hr.grid.width) == (3 * height, 3 * width)
    means = hr.values.reshape(2, height, 3, width, 3).mean((2, 4))
    assert np.allclose(lr.values, means)


def test_an_archive_without_images_to_validate_can_hold_some_out(tmp_path: Path) -> None:
    PAIRS.fake(tmp_path / "in")
    plain, held = (
        prepare("pairs", tmp_path / "in", tmp_path / rule, split=rule).prepared
        for rule in ("archive", "held-out")
    )
    assert plain.counts == {"train": 6, "test": 2}
    assert held.counts == {"train": 5, "val": 1, "test": 2}
    tested = [{entry.id for entry in one.split("test")} for one in (plain, held)]
    assert tested[0] == tested[1]
    assert "2 % of its training scenes to validate" in held.facts["split"]["about"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"x": 500015.0}, "their pixels do not coincide.*gdalwarp"),
        ({"x": 900000.0}, "they show different places"),
        ({"x": 500010.0, "crs": None}, "do not lie in one coordinate system"),
        ({"x": 500010.0, "pixel": 11.0}, "their pixels do not coincide"),
        ({"x": 500010.0, "bands": 1}, "has 2 bands, and the HR image has 1"),
    ],
)
def test_pairs_that_do_not_meet_are_refused(
    tmp_path: Path, more: dict[str, Any], message: str
) -> None:
    write(tmp_path / "in" / "lr", 30, (12, 14), 5e5)
    write(tmp_path / "in" / "hr", more.pop("pixel", 10), (31, 40), more.pop("x"), **more)
    with pytest.raises(InputError, match=message):
        prepare("pairs", tmp_path / "in", tmp_path / "out")
