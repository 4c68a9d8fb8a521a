"""Guides: sharper images of the same place, with grids, edges and kinds of file of their own."""

from pathlib import Path

import numpy as np
import pytest
import scipy.io
from rasterio.crs import CRS
from rasterio.transform import Affine

from geoloupe.errors import InputError
from geoloupe.imagery.grid import Grid
from geoloupe.rasters.opening import aligned, open_source
from tests.scenes.test_upscale import PLACE, ramp, write

FINE = Affine(2.5, 0.0, PLACE.c, 0.0, -2.5, PLACE.f)
GRID = Grid(crs=CRS.from_epsg(32631).to_wkt(), transform=tuple(FINE)[:6], height=48, width=40)


def test_where_a_guide_ends_it_has_no_data(tmp_path: Path) -> None:
    shifted = FINE @ Affine.translation(3, 0)
    path = write(tmp_path / "guide.tif", np.full((3, 48, 37), 200, np.uint8), transform=shifted)
    with open_source(path) as guide, aligned(guide, GRID) as fitted:
        image = fitted.read()
    assert not image.valid[:, :3].any()
    assert image.valid[:, 3:].all()
    assert (image.values[:, :, 4:] == 200).all()


def test_a_guide_far_inside_the_scene_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "guide.tif", ramp(3, 24, 20, "uint8"), transform=FINE)
    with (
        open_source(path) as guide,
        pytest.raises(InputError, match=r"guide\.tif: ends .* inside the scene"),
    ):
        aligned(guide, GRID)


@pytest.mark.parametrize("width", [40, 39])
def test_a_cube_file_guides_by_its_size(tmp_path: Path, width: int) -> None:
    path = tmp_path / "guide.mat"
    scipy.io.savemat(path, {"rgb": np.ones((48, width, 3), np.uint8)})
    with open_source(path) as guide:
        if width == 40:
            assert aligned(guide, GRID).read().values.shape == (3, 48, 40)
        else:
            with pytest.raises(InputError, match=r"guide\.mat.*: 39 x 48 pixels, .* 40 x 48"):
                aligned(guide, GRID)
