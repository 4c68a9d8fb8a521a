"""Arrays with coordinates: the numbers of a file, and coordinates that still fit."""

from pathlib import Path

import numpy as np
import pytest
import rasterio

import geoloupe
from geoloupe.errors import InputError, OutOfMemoryError
from geoloupe.scenes import arrays
from tests.datasets.small import picture

xarray = pytest.importorskip("xarray")
rioxarray = pytest.importorskip("rioxarray")

# rioxarray multiplies transforms in a way that their package will drop.
pytestmark = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")


def test_an_array_gives_what_its_file_gives(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(1, 9000, (3, 70, 90)).astype(np.uint16)
    path = picture(tmp_path / "scene.tif", values)
    made = geoloupe.upscale(path, tmp_path / "out.tif", model="bicubic", scale=3, tile=32)
    with rioxarray.open_rasterio(path) as scene:
        fine = geoloupe.upscale_array(scene, model="bicubic", scale=3, tile=32)
    with rasterio.open(made.path) as out:
        assert (fine.values == out.read()).all()
        assert fine.dtype == "uint16"
        assert fine.dims == ("band", "y", "x")
        assert fine.rio.transform() == pytest.approx(out.transform, abs=1e-9)
        assert fine.rio.crs == out.crs
        columns = (np.arange(out.width) + 0.5) * out.transform.a + out.transform.c
        assert fine.x.values == pytest.approx(columns, abs=1e-6)
        assert fine.rio.bounds() == pytest.approx(tuple(out.bounds), abs=1e-6)


def test_coordinates_names_and_attributes_stay() -> None:
    y, x = np.arange(10, 4, -1.0), np.arange(8) * 2.0
    scene = xarray.DataArray(
        np.linspace(0, 1, 96, dtype=np.float32).reshape(2, 6, 8),
        dims=("band", "lat", "lon"),
        coords={
            "band": ["red", "nir"],
            "wavelength": ("band", [665.0, 842.0]),
            "lat": y,
            "lon": x,
            "elevation": (("lat", "lon"), y[:, None] + 0.5 * x),
            "time": np.datetime64("2020-01-01"),
        },
        name="reflectance",
        attrs={"units": "1"},
    )
    fine = geoloupe.upscale_array(scene, scale=4, bands="842nm")
    assert fine.shape == (1, 24, 32)
    assert fine.band.values.tolist() == ["nir"]
    assert fine.wavelength.values.tolist() == [842]
    assert fine.lat.values[:2] == pytest.approx([10.375, 10.125])
    assert fine.elevation.values == pytest.approx(
        fine.lat.values[:, None] + 0.5 * fine.lon.values, abs=1e-9
    )
    assert (fine.name, fine.attrs, fine.time.values) == ("reflectance", scene.attrs, scene.time)
    # Averaged back, every coordinate is what it was.
    assert fine.lon.values.reshape(-1, 4).mean(1) == pytest.approx(x, abs=1e-12)


def test_missing_values_stay_missing_and_nothing_else() -> None:
    values = np.full((9, 9), 0.5, np.float32)
    values[4, 2] = np.nan
    fine = geoloupe.upscale_array(xarray.DataArray(values, dims=("y", "x")), scale=2)
    assert fine.shape == (18, 18)
    assert (np.isnan(fine.values) == np.isnan(values).repeat(2, 0).repeat(2, 1)).all()
    counted = xarray.DataArray(np.full((5, 5), 7, np.int16), dims=("y", "x"))
    counted.values[0, 0] = -1
    counted.attrs["_FillValue"] = -1
    whole = geoloupe.upscale_array(counted, scale=2)
    assert (whole.values[:2, :2] == -1).all()
    assert (whole.values[2:, 2:] == 7).all()


@pytest.mark.parametrize(
    ("array", "options", "message"),
    [
        (np.zeros((2, 2, 2, 4, 4)), {}, r"give one of \(y, x\) or \(band, y, x\)"),
        (np.zeros((4, 4), complex), {}, "holds complex128"),
        (np.zeros((4, 4)), {"scael": 2}, "did you mean 'scale'"),
        (np.zeros((4, 4)), {"bands": "2"}, "there is no band 2"),
    ],
)
def test_what_does_not_work_is_said(array: np.ndarray, options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        geoloupe.upscale_array(xarray.DataArray(array), **options)


def test_a_guide_of_another_size_is_refused() -> None:
    scene = xarray.DataArray(np.zeros((31, 8, 8), np.float32), dims=("band", "y", "x"))
    guide = xarray.DataArray(np.zeros((3, 8, 8), np.float32), dims=("band", "y", "x"))
    with pytest.raises(InputError, match="takes no guide"):
        geoloupe.upscale_array(scene, guide=guide)


def test_a_result_that_memory_has_no_room_for_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = xarray.DataArray(np.zeros((2, 50, 40), np.float32), dims=("band", "y", "x"))
    monkeypatch.setattr(arrays, "available", lambda: 500_000)
    told = r"the array's result needs 512 KB of memory, and 500 KB are free; write the array to a"
    with pytest.raises(OutOfMemoryError, match=told):
        geoloupe.upscale_array(scene, model="bicubic", scale=4)
