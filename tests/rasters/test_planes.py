"""Overviews: each coarse pixel is the mean of those that hold data, and missing without any."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from geoloupe.imagery.grid import Grid
from geoloupe.imagery.radiometry import Radiometry
from geoloupe.rasters import planes as planes_module
from geoloupe.rasters.facts import BandFacts, Facts
from geoloupe.rasters.planes import Layout, Planes, _means

TYPES = ["uint8", "int16", "uint16", "int32", "int64", "uint64", "float32"]


@given(data=st.data(), dtype=st.sampled_from(TYPES), nodata=st.sampled_from([None, 0, 1]))
def test_means_of_four(data: st.DataObject, dtype: str, nodata: float | None) -> None:
    limits = (-1e6, 1e6) if dtype == "float32" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    small = st.integers(max(int(limits[0]), -3), 3)
    whole = st.integers(int(limits[0]), int(limits[1]))
    values = data.draw(arrays(dtype, (2, 2), elements=st.one_of(small, whole)))
    absent = data.draw(arrays(bool, (2, 2)))
    if nodata is not None:
        absent |= values == nodata
    (mean,) = _means(values, absent, nodata).ravel()
    present = values[~absent].astype(object)
    if not present.size:
        assert mean == (nodata or 0)
    elif mean in present:
        assert nodata is None or mean != nodata
    else:
        exact = sum(int(value) for value in present) / present.size
        assert abs(float(mean) - exact) <= max(0.5, abs(exact) * 1e-6, float(limits[1]) * 1e-12)
        assert nodata is None or mean != nodata or dtype == "float32"


@pytest.mark.parametrize(
    ("dtype", "four", "nodata", "mean"),
    [
        ("int16", [1, -1, 1, -1], 0, 1),  # 0 would read as missing
        ("uint8", [0, 0, 0, 1], None, 0),
        ("int64", [2**62] * 4, None, 2**62),
        ("uint64", [2**64 - 1] * 4, None, 2**64 - 2048),  # the greatest that a float can hold
    ],
)
def test_means_neither_vanish_nor_wrap(dtype: str, four: Any, nodata: Any, mean: int) -> None:
    values = np.array(four, dtype).reshape(2, 2)
    found = _means(values, np.zeros((2, 2), bool), nodata)
    assert found.item() == mean


@pytest.mark.parametrize("masked", [False, True])
def test_any_rectangle_can_be_read(tmp_path: Path, masked: bool) -> None:
    values = np.random.default_rng(0).integers(0, 9999, (3, 20, 17)).astype(np.uint16)
    valid = values[0] > 3000
    planes = Planes.create(tmp_path, layout(3, 20, 17, masked=masked))
    planes.put(values, valid, top=0)
    for rows in (slice(0, 20), slice(3, 11), slice(19, 20)):
        for columns in (slice(None), slice(0, 17), slice(0, 5), slice(4, 17), slice(16, 17)):
            for band in range(3):
                assert np.array_equal(planes.read(band, rows, columns), values[band, rows, columns])
            if masked:
                found = planes.read_mask(rows, columns)
                assert np.array_equal(found, valid[rows, columns] * np.uint8(255))


def test_overviews_do_not_depend_on_how_many_average_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = np.random.default_rng(0).integers(0, 9999, (3, 700, 610)).astype(np.uint16)
    found = []
    for name, threads, pixels in (("one", 1, 2**21), ("many", 8, 1000)):
        monkeypatch.setattr(planes_module.os, "cpu_count", lambda threads=threads: threads)
        monkeypatch.setattr(planes_module, "_AT_ONCE", pixels)
        (tmp_path / name).mkdir()
        planes = Planes.create(tmp_path / name, layout(3, 700, 610))
        planes.put(values, values[0] >= 0, top=0)
        planes.as_vrt()
        found.append((tmp_path / name / "overview1.raw").read_bytes())
    assert found[0] == found[1]
    coarse = np.frombuffer(found[0], np.uint16).reshape(3, 350, 305)
    means = values.reshape(3, 350, 2, 305, 2).mean((2, 4))
    assert np.abs(coarse - means).max() <= 0.5


def layout(bands: int, height: int, width: int, *, masked: bool = False) -> Layout:
    """Describe a result of 16 bits."""
    return Layout(
        grid=Grid(crs=None, height=height, width=width),
        radiometry=Radiometry(dtype="uint16"),
        facts=Facts(bands=(BandFacts(),) * bands, mask="mask" if masked else "none"),
    )
