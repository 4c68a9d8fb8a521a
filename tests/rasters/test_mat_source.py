"""Cubes in .mat files open like any other scene."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.io

import geoloupe
from geoloupe.errors import InputError, RunError
from geoloupe.imagery.grid import Window
from geoloupe.rasters import mat_source
from geoloupe.rasters.opening import open_source
from tests.real_data import DATA


@pytest.fixture(params=["v5", "v7.3"])
def cube(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Any]:
    """Write a cube (20,24,6) as both versions do."""
    values = np.random.default_rng(0).integers(0, 9000, (20, 24, 6)).astype(np.uint16)
    path = tmp_path / "cube.mat"
    if request.param == "v5":
        scipy.io.savemat(path, {"data": values, "map": np.eye(20, 24)})
    else:
        with h5py.File(path, "w", userblock_size=512) as file:
            file["data"], file["map"] = values.T, np.eye(20, 24).T
    return path, values.transpose(2, 0, 1)


def test_windows_and_bands_are_those_of_the_cube(cube: tuple[Path, Any]) -> None:
    path, values = cube
    with open_source(path) as source:
        assert (source.grid.height, source.grid.width, len(source.bands)) == (20, 24, 6)
        assert source.radiometry.high == (10000.0,)
        assert (source.read().values == values).all()
        window = Window(top=3, left=5, height=7, width=9)
        part = source.select([4, 0]).read(window)
        assert (part.values == values[[4, 0]][:, *window.slices]).all()


def test_a_cube_is_enlarged(cube: tuple[Path, Any], tmp_path: Path) -> None:
    path, values = cube
    result = geoloupe.upscale(path, tmp_path / "out.tif", model="nearest", scale=2)
    with open_source(result.path) as out:
        assert (out.read().values == values.repeat(2, 1).repeat(2, 2)).all()


def test_one_of_several_cubes_is_named(tmp_path: Path) -> None:
    one, two = np.zeros((4, 5, 3), np.uint8), np.ones((6, 7, 2), np.float64)
    scipy.io.savemat(tmp_path / "two.mat", {"one": one, "two": two})
    with pytest.raises(InputError, match=r"two\.mat: holds 2 cubes"):
        open_source(tmp_path / "two.mat")
    with open_source(f"{tmp_path / 'two.mat'}:two") as source:
        assert (source.grid.height, source.grid.width, len(source.bands)) == (6, 7, 2)
    with pytest.raises(InputError, match="no array is called 'tow'; did you mean 'two'"):
        open_source(f"{tmp_path / 'two.mat'}:tow")
    with pytest.raises(InputError, match=r"none\.mat: no such file"):
        open_source(tmp_path / "none.mat")


def test_the_range_of_a_wide_cube_is_measured_on_some_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    infer = mat_source.infer

    def watch(*values: Any, sample: Any) -> Any:
        seen.append(sample.size)
        return infer(*values, sample=sample)

    monkeypatch.setattr(mat_source, "infer", watch)
    monkeypatch.setattr(mat_source, "_SAMPLE", 1000)
    values = np.random.default_rng(0).normal(500, 100, (40, 300, 5))
    scipy.io.savemat(tmp_path / "cube.mat", {"data": values})
    with open_source(tmp_path / "cube.mat") as source:
        assert 500 <= seen[0] <= 2000
        assert source.radiometry.high[0] >= 600


def test_a_cube_that_was_never_written_is_refused_by_its_size(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "moon.mat", "w", userblock_size=512) as file:
        file.create_dataset("data", (3, 10**7, 10**7), np.uint16, chunks=(1, 64, 64))
    target = tmp_path / "out.tif"
    with pytest.raises(RunError, match=r"out\.tif: takes at least 3.2 PB to make, but the disk"):
        geoloupe.upscale(tmp_path / "moon.mat", target, model="bicubic", scale=4)


@pytest.mark.skipif(not DATA.is_dir(), reason="the real data sets are not here")
def test_real_cubes_equal_what_scipy_reads() -> None:
    paths = sorted((DATA / "hyperspectral").glob("*.mat"))
    assert paths
    for path in paths:
        stored = scipy.io.loadmat(path)
        with open_source(path) as source:
            image = source.read()
            assert image.valid.all()
            if "data" in stored:
                assert (image.values == stored["data"].transpose(2, 0, 1)).all()
            else:
                assert (image.values[:, 3, 7] == stored["Y"][:, 703]).all()


def test_a_lone_band_needs_no_name(tmp_path: Path) -> None:
    band = np.random.default_rng(0).random((20, 24)).astype(np.float32)
    scipy.io.savemat(tmp_path / "pan.mat", {"pan": band, "wavelength": np.ones((1, 6))})
    with open_source(tmp_path / "pan.mat") as source:
        assert (source.read().values == band[None]).all()
    scipy.io.savemat(tmp_path / "two.mat", {"pan": band, "mask": band > 0.5})
    with pytest.raises(InputError, match="its arrays are: pan 20x24, mask 20x24"):
        open_source(tmp_path / "two.mat")
