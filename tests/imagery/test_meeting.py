"""Where a coarse grid lies on a fine one: plain numbers that any two grids must keep to."""

from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoloupe.errors import InputError
from geoloupe.imagery.grid import Grid, Window
from geoloupe.imagery.meeting import Meeting

FINE = Grid(crs=None, transform=(15.0, 0, 1000.0, 0, -15.0, 9000.0), height=120, width=90)


def coarse(ratio: float, down: float, across: float, height: int, width: int) -> Grid:
    """Make a grid whose corner lies (down, across) fine pixels into FINE."""
    x, y = FINE.place(down, across)
    return Grid(
        crs=None, transform=(15 * ratio, 0, x, 0, -15 * ratio, y), height=height, width=width
    )


@given(
    ratio=st.floats(1.1, 12, allow_subnormal=False),
    down=st.floats(-30, 30, allow_subnormal=False),
    across=st.floats(-30, 30, allow_subnormal=False),
    size=st.tuples(st.integers(8, 60), st.integers(8, 60)),
)
def test_any_two_grids_meet_where_they_lie(
    ratio: float, down: float, across: float, size: tuple[int, int]
) -> None:
    met = Meeting.of(coarse(ratio, down, across, *size), FINE)
    assert met is not None
    assert met.down.axis.offset == pytest.approx(down, abs=1e-6)
    assert met.across.axis.ratio == pytest.approx(ratio, abs=1e-6)
    if met.down.ends[1] < 1 or met.across.ends[1] < 1:
        return
    crop = met.overlap(FINE)
    for start, length, offset, count in (
        (crop.top, crop.height, down, size[0]),
        (crop.left, crop.width, across, size[1]),
    ):
        assert offset - 1e-5 <= start + 0.5
        assert start + length - 0.5 <= offset + ratio * count + 1e-5


@given(
    ratio=st.floats(1.1, 12, allow_subnormal=False),
    offset=st.floats(-5, 5, allow_subnormal=False),
    start=st.integers(0, 80),
    length=st.integers(1, 40),
)
def test_a_part_holds_every_coarse_pixel_under_it_and_no_more(
    ratio: float, offset: float, start: int, length: int
) -> None:
    met = Meeting.of(coarse(ratio, offset, offset, 200, 200), FINE)
    assert met is not None
    first, part = met.down.part(start, length)
    assert first == max(floor((start - offset) / ratio + 1e-6), 0)
    last = ceil((start + length - offset) / ratio - 1e-6)
    assert first + part.count == max(last, first + 1)  # beyond its end, the nearest
    assert part.axis.offset == pytest.approx(offset + first * ratio - start, abs=1e-5)
    whole, here = met.down.under(200), part.under(length)
    assert [first + index for index in here] == whole[start : start + length]


def test_grids_that_lie_nowhere_go_by_their_size() -> None:
    small, large = (Grid(crs=None, height=h, width=w) for h, w in ((10, 20), (40, 80)))
    met = Meeting.of(small, large)
    assert met is not None
    assert (met.down.axis.ratio, met.across.axis.offset) == (4, 0)
    odd = Meeting.of(Grid(crs=None, height=334, width=468), Grid(crs=None, height=668, width=935))
    assert odd is not None
    assert odd.across.axis.ratio == 2
    with pytest.raises(InputError, match="neither image says where it lies"):
        Meeting.of(small, Grid(crs=None, height=40, width=60))


def test_a_turned_grid_does_not_meet() -> None:
    turned = Grid(crs=None, transform=(28, 3, 1000.0, 3, -28, 9000.0), height=40, width=40)
    assert Meeting.of(turned, FINE) is None
    upside_down = Grid(crs=None, transform=(30, 0, 1000.0, 0, 30, 9000.0), height=4, width=4)
    assert Meeting.of(upside_down, FINE) is None


def test_windows_of_coarse_pixels_lie_under_as_many_fine_ones() -> None:
    met = Meeting.of(coarse(2.5, -0.5, 0.25, 60, 60), FINE)
    assert met is not None
    inner = Window(top=4, left=8, height=6, width=7)
    window = met.over(inner, (120, 90))
    place, _ = met.part(window)
    assert (place.top, place.left) <= (inner.top, inner.left)
    assert place.top + place.height >= inner.top + inner.height
