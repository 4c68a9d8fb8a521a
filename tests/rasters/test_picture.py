"""Pictures: what is stretched alone and what together."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from geoloupe.errors import InputError
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT, Radiometry
from geoloupe.imagery.spectra import Band
from geoloupe.rasters import picture as pictures
from geoloupe.rasters.opening import open_source
from geoloupe.rasters.picture import admit_pictured, limits_of, overview, visible
from tests.datasets.small import picture


def test_cubes_are_stretched_band_by_band_and_colours_together() -> None:
    values = np.random.default_rng(0).random((9, 20, 20), np.float32)
    values *= np.linspace(0.1, 1, 9, dtype=np.float32)[:, None, None]
    cube = Image.of(values, radiometry=UNIT)
    lows, highs = limits_of(cube)
    assert len(lows) == len(highs) == 3
    assert highs[2] < 0.5 < highs[0]
    assert limits_of(cube, together=True) == limits_of(cube.select(visible(cube)))
    coloured = replace(cube, bands=(Band("red"), Band("green"), Band("blue"), *(Band(),) * 6))
    assert len(limits_of(coloured)[0]) == 1


@pytest.mark.parametrize("strip", [100, 5000, 2**24])
def test_an_overview_does_not_depend_on_how_much_is_read_at_once(
    tmp_path: Path, strip: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = np.random.default_rng(0).random((2, 130, 97)).astype(np.float32)
    values[:, 41:44, 30:50] = np.nan
    path = picture(tmp_path / "scene.tif", values)
    monkeypatch.setattr(pictures, "_STRIP", strip)
    with open_source(path) as source:
        found = overview(source, 30).values
    assert found.shape == (2, 26, 19)
    cells = values[:, :130, :95].reshape(2, 26, 5, 19, 5)
    assert np.allclose(found, np.nanmean(cells, axis=(2, 4)), atol=1e-6, equal_nan=True)


def test_a_scene_that_nobody_could_look_through_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "moon.vrt"
    path.write_text(
        '<VRTDataset rasterXSize="2000000000" rasterYSize="2000000000">'
        '<VRTRasterBand dataType="UInt16" band="1"/></VRTDataset>'
    )
    with (
        pytest.raises(InputError, match="2000000000 x 2000000000 pixels are too many"),
        open_source(path, admit=admit_pictured),
    ):
        pass


@pytest.mark.parametrize(
    ("names", "dtype", "shown"),
    [
        (("B02", "B03", "B04", "B08"), "uint16", [2, 1, 0]),
        (("", "", "", ""), "uint16", [2, 1, 0]),
        (("", "", "", ""), "uint8", [0, 1, 2]),
        (("nir", "red", "green", "blue"), "uint8", [1, 2, 3]),
        (("",) * 5, "uint16", [3, 2, 1]),
        (("",) * 7, "uint16", [5, 3, 2]),
        (("", ""), "uint16", [0]),
    ],
)
def test_what_people_see_are_three_bands(
    names: tuple[str, ...], dtype: str, shown: list[int]
) -> None:
    values = np.zeros((len(names), 4, 4), dtype)
    bands = tuple(Band(name) for name in names)
    assert visible(Image.of(values, bands=bands, radiometry=Radiometry(dtype=dtype))) == shown
