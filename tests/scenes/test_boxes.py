"""A box through a model is what the whole scene's product holds there."""

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoloupe.errors import InputError
from geoloupe.imagery.grid import Window
from geoloupe.rasters.opening import open_source
from geoloupe.scenes.boxes import _cells, open_box
from geoloupe.scenes.plan import make_plan
from geoloupe.scenes.upscale import upscale
from tests.scenes.test_upscale import write


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """Write noise of three bands."""
    values = np.random.default_rng(0).integers(1, 4000, (3, 150, 170)).astype(np.uint16)
    write(tmp_path / "scene.tif", values)
    return tmp_path / "scene.tif"


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_cells_fill_a_box_once(data: st.DataObject) -> None:
    height, width = (data.draw(st.integers(1, 300)) for _ in range(2))
    plan = make_plan((height, width), tile=64, margin=8, fit=data.draw(st.booleans()))
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    size = (data.draw(st.integers(1, height - top)), data.draw(st.integers(1, width - left)))
    window = Window(top=top, left=left, height=size[0], width=size[1])
    seen = np.zeros((height, width), int)
    for cell in _cells(plan, window):
        seen[cell.core.slices] += 1
        assert cell.read.top <= cell.core.top
        assert cell.core.top + cell.core.height <= cell.read.top + cell.read.height
        assert cell.read.left <= cell.core.left
        assert cell.core.left + cell.core.width <= cell.read.left + cell.read.width
    assert (seen[window.slices] == 1).all()
    assert seen.sum() == window.height * window.width


def test_a_box_of_a_local_network_is_a_part_of_the_product(scene: Path, tmp_path: Path) -> None:
    upscale(scene, tmp_path / "whole.tif", model="loupe-x2")
    window = Window(top=20, left=31, height=110, width=120)
    with ExitStack() as stack:
        box = open_box(stack, scene, window, model="loupe-x2")
        assert len(box.cells) > 1
        whole = stack.enter_context(open_source(tmp_path / "whole.tif"))
        for cell in box.cells:
            image = box.compute(cell)
            assert image is not None
            same = whole.read(cell.core.finer(2))
            assert image.grid.transform == same.grid.transform
            assert np.abs(image.values.astype(int) - same.values.astype(int)).max() <= 1


def test_a_network_that_sees_all_of_a_tile_gets_the_plans_tiles(scene: Path) -> None:
    window = Window(top=0, left=0, height=150, width=170)
    with ExitStack() as stack:
        box = open_box(stack, scene, window, model="hsenet-x4", tile=96)
        plan = box.scene.plan
        tiles = [
            tile.window
            for block in plan.blocks
            for row in range(len(block.rows))
            for tile in block.strip(row)
        ]
        assert {cell.read for cell in box.cells} == set(tiles)
        assert len(tiles) > 1


@pytest.mark.parametrize("place", [(-1, 0, 5, 5), (0, 0, 151, 5), (0, 170, 5, 1), (0, 0, 0, 5)])
def test_a_box_outside_is_refused(scene: Path, place: tuple[int, int, int, int]) -> None:
    top, left, height, width = place
    window = Window(top=top, left=left, height=height, width=width)
    with ExitStack() as stack, pytest.raises(InputError, match="does not lie within"):
        open_box(stack, scene, window)


def test_a_box_without_data_has_no_picture(tmp_path: Path) -> None:
    write(tmp_path / "empty.tif", np.zeros((3, 40, 40), np.uint16), nodata=0)
    with ExitStack() as stack:
        window = Window(top=0, left=0, height=40, width=40)
        box = open_box(stack, tmp_path / "empty.tif", window, model="bicubic", scale=2)
        assert [box.compute(cell) for cell in box.cells] == [None]
