"""Tiles cover a scene, and blending what changes nothing changes nothing."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoloupe.errors import InputError
from geoloupe.scenes.blend import Blender
from geoloupe.scenes.plan import block_side, make_plan, spans

lengths, tiles, margins = st.integers(1, 300), st.integers(1, 64), st.integers(0, 20)


@given(length=lengths, tile=tiles, margin=margins, fit=st.booleans())
def test_spans_cover_an_axis_and_throw_the_margin_away(
    length: int, tile: int, margin: int, fit: bool
) -> None:
    if tile <= 2 * margin and length > tile:
        return
    found = spans(length, tile=tile, margin=margin, fit=fit)
    most = max(span.stop - span.start for span in found)
    if fit:  # as many tiles, and none larger
        assert len(found) == len(spans(length, tile=tile, margin=margin))
        assert most <= tile
        tile = most
    assert found[0].enter == found[0].full == found[0].start == 0
    assert found[-1].leave == found[-1].end == found[-1].stop == length
    for span in found:
        assert span.stop - span.start == min(tile, length)
        assert span.start <= span.enter <= span.full <= span.leave <= span.end <= span.stop
    for before, after in pairwise(found):
        assert (before.leave, before.end) == (after.enter, after.full)
        assert before.end <= before.stop - margin
        assert after.enter >= after.start + margin


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    tile=st.integers(3, 40),
    margin=st.integers(0, 12),
    scale=st.integers(1, 3),
    group=st.integers(1, 4),
)
def test_tiles_of_one_image_blend_to_that_image(
    height: int, width: int, tile: int, margin: int, scale: int, group: int
) -> None:
    if tile <= 2 * margin:
        return
    plan = make_plan((height, width), tile=tile, margin=margin, group=group, scale=scale)
    image = np.random.default_rng(0).random((2, height * scale, width * scale), dtype=np.float32)
    for block in plan.blocks:
        blender = Blender(block=block, band_count=2)
        for row in range(len(block.rows)):
            blender.begin(row)
            for place in block.strip(row):
                rows, columns = place.window.finer(scale).slices
                blender.paint(row, place.column, image[:, rows, columns])
            values = blender.finish(row)
        rows, columns = (
            slice(side.enter * scale, side.end * scale) for side in (block.down, block.across)
        )
        assert np.array_equal(values, image[:, rows, columns])


def test_equal_plans_have_equal_names_and_others_do_not() -> None:
    one, same = (make_plan((100, 90), tile=32, margin=4) for _ in range(2))
    assert one.digest == same.digest
    assert one.digest != make_plan((100, 90), tile=32, margin=5).digest


def test_a_tile_that_is_all_margin_is_refused() -> None:
    with pytest.raises(InputError, match="leaves nothing"):
        make_plan((100, 100), tile=16, margin=8)


def test_a_tile_that_leaves_nothing_will_do_where_nothing_is_cut() -> None:
    assert make_plan((16, 12), tile=16, margin=8).count == 1
    for height, width in ((17, 12), (12, 17)):
        with pytest.raises(InputError, match="leaves nothing once 8 are cut off"):
            make_plan((height, width), tile=16, margin=8)


@pytest.mark.parametrize(("margin", "ramp"), [(0, 0), (1, 1), (8, 4), (15, 8)])
def test_half_of_the_margin_fades_where_there_is_room(margin: int, ramp: int) -> None:
    found = spans(1000, tile=200, margin=margin)
    assert {after.full - after.enter for after in found[1:]} == {ramp}
    narrow = spans(1000, tile=2 * margin + 6, margin=margin)
    assert {after.full - after.enter for after in narrow[1:]} == {min(ramp, 2)}


def test_a_block_holds_as_many_tiles_as_make_some_64_megabytes() -> None:
    side = block_side(tile=100, margin=15, pixel=64)
    assert side == 1024 // (100 - 30 - 8)
    assert 2**24 < (side * (100 - 30 - 8)) ** 2 * 64 <= 2**26
    assert block_side(tile=4000, margin=15, pixel=2**20) == 1
