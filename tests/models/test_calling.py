"""A model is called with arrays of any kind and returns the same kind."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from rasterio.transform import Affine

import geoloupe
from geoloupe.errors import InputError
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import Radiometry
from geoloupe.models import predictor
from geoloupe.models.model import Model


@pytest.fixture(scope="module")
def model() -> Model:
    """The default model of factor 2."""
    return geoloupe.load("loupe-x2")


def pixels(*shape: int) -> Any:
    """Make smooth floats between 0.2 and 0.8."""
    rows, columns = np.mgrid[0 : shape[-2], 0 : shape[-1]]
    return np.broadcast_to(0.5 + 0.3 * np.sin(rows / 5 + columns / 7), shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(20, 24), (3, 20, 24), (4, 20, 24), (2, 3, 20, 24)])
def test_an_array_comes_back_twice_as_large(model: Model, shape: tuple[int, ...]) -> None:
    found = model(pixels(*shape))
    assert found.shape == (*shape[:-2], 40, 48)
    assert found.dtype == np.float32
    assert abs(found.mean() - 0.5) < 0.2


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.uint8])
def test_a_tensor_comes_back_as_one_of_its_dtype(model: Model, dtype: torch.dtype) -> None:
    lr = torch.from_numpy(pixels(2, 3, 20, 24).copy())
    given = (lr * 255).to(dtype) if dtype == torch.uint8 else lr.to(dtype)
    found = model(given)
    assert (found.dtype, tuple(found.shape)) == (dtype, (2, 3, 40, 48))
    one = 255 if dtype == torch.uint8 else 1
    expected = torch.from_numpy(model((given.float() / one).numpy()))
    assert (found.double() / one - expected).abs().max() < 0.004


def test_values_of_another_range_are_enlarged_alike(model: Model) -> None:
    unit = pixels(3, 20, 24)
    stored = np.rint(unit * 10000).astype(np.uint16)
    found = model(stored, value_range=(0, 10000))
    assert found.dtype == np.uint16
    assert np.abs(found / 10000 - model(stored.astype(np.float32) / 10000)).max() < 1e-4


def test_a_missing_pixel_stays_missing(model: Model) -> None:
    values = pixels(3, 20, 24).copy()
    values[:, 4, 5] = np.nan
    found = model(values)
    assert np.isnan(found).sum() == 3 * 4
    assert np.isnan(found[:, 8:10, 10:12]).all()


def test_an_image_keeps_what_its_numbers_mean(model: Model) -> None:
    radiometry = Radiometry(dtype="uint16", high=(3000.0,), nodata=0)
    image = Image.of((pixels(3, 20, 24) * 3000).astype(np.uint16), radiometry=radiometry)
    found = model(image, mtf=0.3)
    assert found.radiometry == radiometry
    assert found.grid.width == 48


def test_an_xarray_keeps_its_coordinates(model: Model) -> None:
    xarray = pytest.importorskip("xarray")
    array = xarray.DataArray(pixels(3, 20, 24), dims=("band", "y", "x"), coords={"x": range(24)})
    found = model(array)
    assert found.dims == array.dims
    assert found.x.to_numpy()[:3] == pytest.approx([-0.25, 0.25, 0.75])


def test_a_call_gives_what_a_scene_gets(model: Model, tmp_path: Path) -> None:
    """With the MTF named both sharpen, agree with the scene and are bounded in the same way."""
    lr = (pixels(3, 40, 44) * 255).round().astype(np.uint8)
    profile = {"driver": "GTiff", "count": 3, "height": 40, "width": 44, "dtype": "uint8"}
    place = {"crs": "EPSG:32631", "transform": Affine(10, 0, 0, 0, -10, 0)}
    with rasterio.open(tmp_path / "in.tif", "w", **profile, **place) as out:
        out.write(lr)
    geoloupe.upscale(tmp_path / "in.tif", tmp_path / "out.tif", model=model, mtf=0.3)
    with rasterio.open(tmp_path / "out.tif") as product:
        expected = product.read().astype(int)
    assert np.abs(model(lr, mtf=0.3).astype(int) - expected).max() <= 1


def test_a_second_call_finds_the_model_ready(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    model(pixels(3, 8, 8), mtf=0.25)
    monkeypatch.setattr(predictor, "accelerate", None)
    model(pixels(3, 9, 8), mtf=0.25)


@pytest.mark.parametrize(
    ("values", "more", "message"),
    [
        (np.full((3, 8, 8), 3000.0, np.float32), {}, r"holds 3000 to 3000.*value_range"),
        (np.zeros((3, 8, 8), np.uint16), {}, r"uint16 does not show.*value_range"),
        (np.zeros((3, 8, 8), np.uint16), {"value_range": (5, 5)}, "must rise"),
        (np.zeros((3, 8, 8), complex), {}, "holds no pixel values"),
        (np.zeros(8, np.float32), {}, "has the shape"),
        (np.zeros((3, 0, 8), np.float32), {}, "holds no pixels"),
        (np.zeros((3, 8, 8), np.float32), {"mtf": (0.2, 0.3)}, "2 MTFs for an image of 3"),
        ([[0.0]], {}, "not list"),
    ],
)
def test_mistakes_are_sentences(
    model: Model, values: Any, more: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        model(values, **more)


def test_bands_that_a_network_does_not_take_are_refused() -> None:
    with pytest.raises(InputError, match="hsenet-x4 takes 3 bands, and the array has 4"):
        geoloupe.load("hsenet-x4")(np.zeros((4, 8, 8), np.float32))
