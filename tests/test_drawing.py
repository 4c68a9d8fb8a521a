"""The drawn scene, and the files of it that come with the program."""

import numpy as np
from tools.draw_sample import files
from tools.drawing.scene import sample_scene

from geoloupe.cli.demo import HOME
from geoloupe.rasters.opening import open_source


def test_the_sample_scene_is_the_same_each_time_and_looks_like_a_place() -> None:
    scene, again = sample_scene(), sample_scene()
    assert np.array_equal(scene.values, again.values)
    assert [band.name for band in scene.bands] == ["red", "green", "blue", "nir"]
    assert scene.values.dtype == np.uint16
    assert scene.grid.georeferenced
    corner = ~scene.valid
    assert 0 < corner.mean() < 0.1
    assert (scene.values[:, corner] == 0).all()
    red, _, _, nir = scene.values.astype(float)[:, scene.valid]
    index = (nir - red) / (nir + red)
    assert index.min() < 0  # water
    assert index.max() > 0.4  # plants
    rows = scene.values[1].astype(float)
    neighbours = np.corrcoef(rows[:, :-1].ravel(), rows[:, 1:].ravel())[0, 1]
    assert neighbours > 0.8  # a picture, not noise


def test_what_ships_is_what_is_drawn() -> None:
    for name, drawn in files().items():
        with open_source(HOME / name) as source:
            image = source.read()
        assert np.array_equal(image.values, drawn.values)
        assert image.grid.transform == drawn.grid.transform
        assert [band.name for band in image.bands] == [band.name for band in drawn.bands]
        assert (HOME / name).stat().st_size < 600_000
