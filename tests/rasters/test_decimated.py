"""Coarse pixels: averages where GDAL knows what is missing, one pixel of each cell elsewhere."""

from pathlib import Path

import numpy as np
import pytest

from geoloupe.imagery.grid import Window
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import Radiometry
from geoloupe.rasters.decimated import SampledReader, decimated
from geoloupe.rasters.opening import open_source
from geoloupe.rasters.product import write_image
from geoloupe.rasters.source import Source


def scene(path: Path, height: int, width: int, nodata: float | None = None) -> Path:
    """Write noise."""
    values = np.random.default_rng(0).integers(1, 4000, (2, height, width)).astype(np.uint16)
    radiometry = Radiometry(dtype="uint16", high=(10000.0,), nodata=nodata)
    if nodata is not None:
        values[:, : height // 2, : width // 2] = nodata
    write_image(path, Image.of(values, radiometry=radiometry))
    return path


def whole(source: Source) -> Window:
    return Window(top=0, left=0, height=source.grid.height, width=source.grid.width)


def test_cells_are_averaged_and_what_is_left_over_is_dropped(tmp_path: Path) -> None:
    with open_source(scene(tmp_path / "a.tif", 21, 34)) as source:
        coarse = decimated(source, 4)
        assert (coarse.grid.height, coarse.grid.width) == (5, 8)
        made = coarse.read(whole(coarse))
        values = source.read().values[:, :20, :32].astype(float)
    means = values.reshape(2, 5, 4, 8, 4).mean(axis=(2, 4))
    assert np.abs(made.values - means).max() <= 1
    assert made.valid.all()


def test_a_part_is_what_the_whole_has_there(tmp_path: Path) -> None:
    with open_source(scene(tmp_path / "a.tif", 64, 48)) as source:
        for coarse in (
            decimated(source, 2),
            Source(**(source.__dict__ | {"reader": SampledReader(source.reader, 2)})),
        ):
            part = Window(top=3, left=5, height=7, width=9)
            read = coarse.reader.read
            values, _ = read((0, 1), Window(top=0, left=0, height=32, width=24))
            assert (read((0, 1), part)[0] == values[:, *part.slices]).all()


def test_missing_pixels_stay_missing_and_colour_no_others(tmp_path: Path) -> None:
    with open_source(scene(tmp_path / "a.tif", 32, 32, nodata=0)) as source:
        coarse = decimated(source, 4)
        made = coarse.read(whole(coarse))
    assert not made.valid[:4, :4].any()
    assert made.valid[4:].all()
    assert made.values[:, made.valid].min() > 500  # no zero was averaged in


def test_a_fill_that_the_file_does_not_declare_is_not_averaged(tmp_path: Path) -> None:
    path = scene(tmp_path / "a.tif", 32, 32)
    with open_source(path, nodata=7) as source:
        coarse = decimated(source, 4)
        values = coarse.read(whole(coarse)).values
        assert np.isin(values, source.read().values).all()


@pytest.mark.parametrize("factor", [2, 3, 8])
def test_files_that_gdal_does_not_read_are_sampled(tmp_path: Path, factor: int) -> None:
    with open_source(scene(tmp_path / "a.tif", 40, 56)) as source:
        values, valid = SampledReader(source.reader, factor).read(
            (1,), Window(top=0, left=0, height=40 // factor, width=56 // factor)
        )
        stored = source.read().values[1:]
    middle = factor // 2
    wanted = stored[:, middle::factor, middle::factor][:, : 40 // factor, : 56 // factor]
    assert (values == wanted).all()
    assert valid is None
