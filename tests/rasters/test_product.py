"""Results are read back in pieces that memory has room for, whatever their shape."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoloupe.errors import InputError
from geoloupe.imagery.grid import Grid
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import Radiometry
from geoloupe.rasters import gdal_files
from geoloupe.rasters.facts import BandFacts, Facts
from geoloupe.rasters.formats import FORMATS
from geoloupe.rasters.gdal_files import packing_memory, packing_options, places
from geoloupe.rasters.opening import open_source
from geoloupe.rasters.planes import Layout
from geoloupe.rasters.product import create, write_image

ROOT = Path(__file__).parents[2]


def layout(bands: int, height: int, width: int, dtype: str = "uint16") -> Layout:
    """Describe a result."""
    return Layout(
        grid=Grid(crs=None, height=height, width=width),
        radiometry=Radiometry(dtype=dtype),
        facts=Facts(bands=(BandFacts(),) * bands),
    )


@given(
    bands=st.sampled_from([1, 3, 4, 13, 224, 1000]),
    height=st.integers(1, 3000),
    width=st.integers(1, 40_000),
    dtype=st.sampled_from(["uint8", "uint16", "float32"]),
    kind=st.sampled_from([".tif", ".png"]),
)
def test_every_pixel_is_read_back_once_and_few_at_a_time(
    bands: int, height: int, width: int, dtype: str, kind: str
) -> None:
    whole = layout(bands, height, width, dtype)
    pixel = bands * np.dtype(dtype).itemsize
    least = 128 * 128 * pixel if kind == ".tif" else width * pixel  # a block, a line
    seen = 0
    edge = (0, 0)
    for rows, columns in places(whole, FORMATS[kind]):
        assert (rows.start, columns.start) >= edge  # from the top, from the left
        edge = (rows.start, columns.start + 1)
        size = (rows.stop - rows.start) * (columns.stop - columns.start)
        assert size * pixel <= max(2**25, least)
        seen += size
        assert rows.stop <= height
        assert columns.stop <= width
    assert seen == height * width


@pytest.mark.parametrize("memory", [None, 10**9, 10**6])
@pytest.mark.parametrize("bands", [4, 224])
def test_as_many_threads_pack_as_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch, bands: int, memory: int | None
) -> None:
    monkeypatch.setattr(gdal_files, "available", lambda: 4 * 10**8)
    monkeypatch.setattr(gdal_files, "resident", lambda: 5 * 10**8)
    monkeypatch.setattr(gdal_files.os, "cpu_count", lambda: 64)
    made = layout(bands, 1000, 1000, "float32")
    threads = int(packing_options(FORMATS[".tif"], made, memory)["num_threads"])
    room = {None: 2 * 10**8, 10**9: 2**28, 10**6: 0}[memory]
    assert threads == min(max(room // packing_memory(made), 1), 64)


def test_what_a_killed_writer_left_goes_with_the_next_one(tmp_path: Path) -> None:
    dies = (
        "import os, sys; from pathlib import Path\n"
        "from geoloupe.rasters.product import create\n"
        "from tests.rasters.test_product import layout\n"
        "with create(Path(sys.argv[1]), layout(1, 64, 64)): os._exit(9)"
    )
    place = tmp_path / "out.tif"
    words = [sys.executable, "-c", dies, str(place)]
    assert subprocess.run(words, check=False, cwd=ROOT).returncode == 9
    (left,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert list(left.iterdir())
    (tmp_path / ".other.tif.12345678.work").mkdir()
    with create(place, layout(1, 64, 64)) as product:
        assert left.is_dir()
        with pytest.raises(InputError, match="another process is writing it"):
            create(place, layout(1, 64, 64)).__enter__()
        ones = np.ones((1, 64, 64), np.uint16)
        product.write(Image.of(ones, radiometry=Radiometry(dtype="uint16")), top=0)
    assert {path.name for path in tmp_path.iterdir()} == {"out.tif", ".other.tif.12345678.work"}


def test_a_meaningless_offset_is_kept_and_no_fault_of_the_disk(tmp_path: Path) -> None:
    odd = layout(2, 20, 30)
    bands = (BandFacts(offset=float("nan")), BandFacts(scale=0.5))
    write_image(
        tmp_path / "odd.tif",
        Image(
            values=np.ones((2, 20, 30), np.uint16),
            valid=np.ones((20, 30), bool),
            bands=tuple(band.band for band in bands),
            grid=odd.grid,
            radiometry=odd.radiometry,
        ),
        facts=Facts(bands=bands),
    )
    with open_source(tmp_path / "odd.tif") as source:
        assert np.isnan(source.facts.bands[0].offset)
        assert source.facts.bands[1].scale == 0.5
