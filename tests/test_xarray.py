"""The accessor `.loupe`: eager, lazy and through time, always the same numbers."""

from typing import Any

import numpy as np
import pytest

import geoloupe
from geoloupe.errors import InputError

xarray = pytest.importorskip("xarray")
dask_array = pytest.importorskip("dask.array")
pytest.importorskip("geoloupe.xarray")


def scene(dtype: str = "uint16", bands: int = 4, *, hole: bool = False) -> Any:
    rng = np.random.default_rng(0)
    values = (rng.random((bands, 150, 130)) * 3000 + 500).astype(dtype)
    attrs: dict[str, Any] = {"long_name": tuple("bgrn"[:bands])}
    if hole:
        values[:, 40:90, 30:100] = 0
        attrs["_FillValue"] = 0
    return xarray.DataArray(
        values,
        dims=("band", "y", "x"),
        coords={"y": np.arange(150)[::-1] * 10.0, "x": np.arange(130) * 10.0},
        attrs=attrs,
        name="reflectance",
    )


def chunked(array: Any) -> Any:
    return array.chunk({"y": 64, "x": 50})


@pytest.mark.parametrize("model", ["loupe-x2", "bicubic"])
@pytest.mark.parametrize("hole", [False, True])
def test_a_dask_array_becomes_one_and_the_same_numbers(model: str, hole: bool) -> None:
    options: dict[str, Any] = {"scale": 2}
    eager = scene(hole=hole).loupe.upscale(model, **options)
    lazy = chunked(scene(hole=hole)).loupe.upscale(model, **options)
    assert isinstance(lazy.data, dask_array.Array)
    assert lazy.chunks == ((4,), (128, 128, 44), (100, 100, 60))
    assert lazy.dtype == eager.dtype
    difference = np.abs(lazy.values.astype(int) - eager.values)
    if hole:  # what is taken for the pixels of a hole depends on how far one sees around it
        assert difference.max() < 60
        difference[:, 80 - 32 : 180 + 32, 60 - 32 : 200 + 32] = 0  # the hole, and 16 pixels around
    assert difference.max() <= 1
    assert xarray.testing.assert_equal(lazy.coords.to_dataset(), eager.coords.to_dataset()) is None
    assert lazy.attrs == eager.attrs


def test_only_what_is_asked_for_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    from geoloupe.scenes import lazy_arrays

    made = []
    enlarge = lazy_arrays._made

    def counted(*args: Any) -> Any:
        made.append(args[2])
        return enlarge(*args)

    monkeypatch.setattr(lazy_arrays, "_made", counted)
    lazy = chunked(scene()).loupe.upscale("bicubic", scale=2)
    assert made == []
    lazy.isel(y=slice(0, 10), x=slice(0, 10)).compute()
    assert len(made) == 1


def test_bands_are_chosen_of_a_dask_array_too() -> None:
    lazy = chunked(scene()).loupe.upscale("bicubic", scale=2, bands="3,1")
    eager = scene().loupe.upscale("bicubic", scale=2, bands="3,1")
    assert np.array_equal(lazy.values, eager.values)


def test_a_network_that_sees_a_whole_tile_is_computed_at_once() -> None:
    rgb = scene(bands=3).isel(y=slice(0, 40), x=slice(0, 40)).astype("uint8")
    rgb.attrs["long_name"] = ("red", "green", "blue")
    made = chunked(rgb).loupe.upscale("hsenet-x4")
    assert isinstance(made.data, np.ndarray)
    assert np.array_equal(made.values, rgb.loupe.upscale("hsenet-x4").values)


def test_time_is_a_row_of_scenes() -> None:
    one = scene()
    two: Any = xarray.concat([one, one // 2], "time").assign_coords(time=[2020, 2021])
    made = two.loupe.upscale("bicubic", scale=2)
    assert made.dims == ("time", "band", "y", "x")
    assert made.time.values.tolist() == [2020, 2021]
    parts: Any = list(two)
    for number, part in enumerate(parts):
        expected: Any = geoloupe.upscale_array(part, model="bicubic", scale=2)
        assert np.array_equal(made.values[number], expected.values)


def test_a_dataset_of_bands_is_enlarged_together() -> None:
    dataset: Any = scene().assign_coords(band=list("bgrn")).to_dataset("band")
    dataset["r"].attrs["units"] = "1e-4"
    made = dataset.loupe.upscale("loupe-x2")
    expected = scene().loupe.upscale("loupe-x2")
    assert list(made) == list("bgrn")
    assert made["r"].attrs["units"] == "1e-4"
    assert np.array_equal(np.asarray(made["r"]), expected.values[2])


def test_what_is_no_scene_is_refused() -> None:
    with pytest.raises(InputError, match="its variables must be"):
        xarray.Dataset({"a": ("x", np.zeros(9))}).loupe.upscale("bicubic", scale=2)
    dataset = scene().assign_coords(band=list("bgrn")).to_dataset("band")
    with pytest.raises(InputError, match="leave out uncertainty and detail"):
        dataset.loupe.upscale("loupe-x2", detail=True)
