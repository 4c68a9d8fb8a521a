"""What only people can look at becomes a picture; to enlarge it, a command is named."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from geoloupe.errors import InputError
from geoloupe.rasters.opening import open_source
from tests.datasets.small import PLACE
from tests.program import program

PALETTE = {0: (0, 0, 0, 0), 1: (250, 10, 0, 255), 2: (0, 100, 7, 255), 9: (3, 30, 200, 255)}
SIZE: dict[str, Any] = {"height": 40, "width": 60, "crs": "EPSG:32631", "transform": PLACE}


def classes(path: Path, dtype: str = "uint8") -> Any:
    """Write a map whose numbers are entries of a palette."""
    values = np.random.default_rng(0).choice(list(PALETTE), (40, 60)).astype(dtype)
    with rasterio.open(path, "w", count=1, dtype=dtype, **SIZE) as out:
        out.write_colormap(1, PALETTE)
        out.write(values, 1)
    return values


def radar(path: Path, dtype: str) -> Any:
    """Write an image of complex numbers, one of them nothing."""
    rng = np.random.default_rng(0)
    values = (rng.normal(0, 90, (2, 40, 60)) + 1j * rng.normal(0, 90, (2, 40, 60))).round()
    values[:, 3, 4] = 0
    with rasterio.open(path, "w", count=2, dtype=dtype, **SIZE) as out:
        out.write(values.astype("complex64"))
    return values


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize(("name", "dtype"), [("a.png", "uint8"), ("a.tif", "uint16")])
def test_palettes_are_shown_in_their_colours(tmp_path: Path, name: str, dtype: str) -> None:
    values = classes(tmp_path / name, dtype)
    clear = name == "a.png"  # TIFF's palettes know no transparency
    with open_source(tmp_path / name, look=True) as source:
        image = source.read()
        assert [band.name for band in source.bands] == ["red", "green", "blue"]
    for entry, colour in PALETTE.items():
        where = values == entry
        assert (image.valid[where] == (colour[3] > 0 or not clear)).all()
        assert (image.values[:, where] == np.array(colour[:3])[:, None]).all()
    done = program("picture", tmp_path / name, "-o", tmp_path / "map.png")
    assert done.returncode == 0, done.stderr
    with open_source(tmp_path / "map.png") as source:
        made = source.read()
    assert (made.values == np.where(image.valid, image.values, made.values)).all()
    assert (made.valid == image.valid).all()


@pytest.mark.parametrize("dtype", ["complex64", "complex128", "complex_int16"])
def test_complex_numbers_are_shown_in_decibels(tmp_path: Path, dtype: str) -> None:
    values = radar(tmp_path / "slc.tif", dtype)
    with open_source(tmp_path / "slc.tif", look=True) as source:
        image = source.select([1]).read()
    expected = 10 * np.log10(values.real[1] ** 2 + values.imag[1] ** 2 + (values[1] == 0))
    assert not image.valid[3, 4]
    assert np.abs(np.where(image.valid, image.values[0] - expected, 0)).max() < 1e-3
    done = program("picture", tmp_path / "slc.tif", "-o", tmp_path / "slc.png", "--bands", "2")
    assert done.returncode == 0, done.stderr
    with open_source(tmp_path / "slc.png") as source:
        shown = source.read().values[0]
    dark, bright = expected < np.quantile(expected, 0.1), expected > np.quantile(expected, 0.9)
    assert shown[dark].mean() + 90 < shown[bright].mean()


@pytest.mark.parametrize(
    ("make", "command"),
    [
        (classes, "gdal_translate -expand rgb '{}' 'a b_rgb.tif'"),
        (
            lambda path: radar(path, "complex64"),
            "gdal_calc.py -A '{}' --calc='abs(A)' --type=Float32 --outfile='a b_amplitude.tif'",
        ),
    ],
)
def test_what_makes_it_an_image_is_one_command(tmp_path: Path, make: Any, command: str) -> None:
    path = tmp_path / "a b.tif"
    make(path)
    with pytest.raises(InputError) as caught:
        open_source(path)
    assert command.format(path) in str(caught.value)
    assert "geoloupe picture shows" in str(caught.value)
