"""What a raster claims about itself costs no more to look at than what it holds."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geoloupe.errors import InputError
from geoloupe.rasters import facts, raster
from geoloupe.rasters.opening import open_source
from tests.datasets.small import picture


def claim(path: Path, width: int, height: int, bands: int = 1) -> Path:
    """Write a raster of any size without pixels."""
    told = "".join(f'<VRTRasterBand dataType="Int16" band="{n + 1}"/>' for n in range(bands))
    path.write_text(f'<VRTDataset rasterXSize="{width}" rasterYSize="{height}">{told}</VRTDataset>')
    return path


@pytest.mark.parametrize("size", [(1, 900_000), (900_000, 1), (3, 70_000), (900, 900), (9, 9)])
@pytest.mark.parametrize("bands", [1, 7])
def test_a_range_is_measured_on_so_many_values_and_no_more(
    tmp_path: Path, size: tuple[int, int], bands: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    infer = raster.infer

    def watch(*values: Any, sample: Any, **more: Any) -> Any:
        seen.append(sample.size)
        return infer(*values, sample=sample, **more)

    monkeypatch.setattr(raster, "infer", watch)
    monkeypatch.setattr(raster, "_SAMPLE", 1000)
    with open_source(claim(tmp_path / "scene.vrt", *size, bands)):
        assert min(200, size[0] * size[1] * bands) <= seen[0] <= 1000


def test_more_bands_than_any_instrument_has_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = picture(tmp_path / "many.tif", np.ones((12, 4, 4), np.uint8))
    monkeypatch.setattr(facts, "_BANDS", 12)
    open_source(path).__exit__(None, None, None)
    monkeypatch.setattr(facts, "_BANDS", 11)
    with pytest.raises(InputError, match=r"many\.tif: holds 12 bands, and at most 11 can be read"):
        open_source(path)


def test_a_scene_can_be_refused_before_a_pixel_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(grid: Any, dtype: str) -> None:
        raise InputError(f"{grid.width} x {grid.height} of {dtype}")

    for name in ("_radiometry", "_transparency"):
        monkeypatch.setattr(raster, name, lambda *_: pytest.fail("pixels were read"))
    with pytest.raises(InputError, match="70 x 90 of int16"):
        open_source(claim(tmp_path / "scene.vrt", 70, 90), admit=refuse)
