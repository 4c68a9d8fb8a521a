"""The scene that the demo draws."""

import numpy as np

from geoloupe.datasets.sample import sample_scene


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
