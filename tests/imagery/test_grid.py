"""Where pixels lie after cutting and refining."""

from hypothesis import given
from hypothesis import strategies as st

from geoloupe.imagery.grid import Grid, Window

numbers = st.floats(-1e6, 1e6, allow_subnormal=False)
sides = st.floats(0.1, 100)


transforms = st.tuples(sides, numbers, numbers, numbers, sides, numbers)


@given(transform=transforms, scale=st.integers(1, 16))
def test_a_finer_grid_keeps_its_outline(
    transform: tuple[float, float, float, float, float, float], scale: int
) -> None:
    grid = Grid(crs="x", transform=transform, height=7, width=5)
    finer = grid.finer(scale)
    assert (finer.height, finer.width) == (7 * scale, 5 * scale)
    for corner in ((0, 0), (7, 0), (0, 5), (7, 5)):
        before = grid.place(*corner)
        after = finer.place(corner[0] * scale, corner[1] * scale)
        size = max(map(abs, (*before, *transform)))
        assert all(abs(x - y) <= 1e-9 * size for x, y in zip(before, after, strict=True))


@given(top=st.integers(0, 9), left=st.integers(0, 9), scale=st.integers(1, 8))
def test_cutting_and_refining_commute(top: int, left: int, scale: int) -> None:
    grid = Grid(crs="x", transform=(2.0, 0.5, 100.0, 0.25, -2.0, 50.0), height=20, width=20)
    window = Window(top=top, left=left, height=3, width=4)
    assert grid.window(window).finer(scale) == grid.finer(scale).window(window.finer(scale))


def test_a_picture_lies_nowhere_and_stays_there() -> None:
    grid = Grid(crs=None, height=4, width=6)
    assert not grid.georeferenced
    assert grid.finer(4) == Grid(crs=None, height=16, width=24)


TURNED = Grid(crs="x", transform=(3.0, 4.0, 100.0, -4.0, 12.0, 50.0), height=21, width=11)


def test_a_pixel_is_as_long_as_its_sides() -> None:
    assert TURNED.pixel_size == (5.0, (16 + 144) ** 0.5)
    assert Grid(crs="x", transform=(2.0, 0, 0, 0, -7.0, 0), height=1, width=1).pixel_size == (2, 7)


def test_a_coarser_grid_drops_what_fills_no_pixel() -> None:
    coarser = TURNED.coarser(4)
    assert (coarser.height, coarser.width) == (5, 2)
    assert coarser.place(1, 1) == TURNED.place(4, 4)
    assert coarser.finer(4) == TURNED.window(Window(top=0, left=0, height=20, width=8))


def test_a_part_begins_at_its_own_corner() -> None:
    part = TURNED.window(Window(top=5, left=2, height=3, width=4))
    assert part.place(0, 0) == TURNED.place(5, 2)
    assert part.place(3, 4) == TURNED.place(8, 6)


def test_rows_and_columns_count_from_the_outer_corner() -> None:
    assert Grid(crs=None, height=4, width=6).place(3, 2) == (2.0, 3.0)
    assert Grid(crs=None, height=4, width=6).bounds == (0.0, 0.0, 6.0, 4.0)
