"""What every degradation of the catalog promises."""

from dataclasses import replace

import numpy as np
import pytest

from geoloupe import catalog, settings
from geoloupe.degradations.degradation import Degradation
from geoloupe.errors import InputError
from geoloupe.imagery.grid import Grid, Window
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT, Radiometry

NAMES = catalog.names("degradation")
BYTE = Radiometry(dtype="uint8", high=(255.0,))


def degradation_of(name: str) -> Degradation:
    degradation = catalog.resolve("degradation", name)
    assert isinstance(degradation, Degradation)
    return degradation


def band_count(degradation: Degradation) -> int:
    return max([len(getattr(blur, "gains", ())) for blur in degradation.blurs] + [1])


def scene(
    degradation: Degradation, height: int = 67, width: int = 50, radiometry: Radiometry = UNIT
) -> Image:
    """Make a noisy ramp with the bands the degradation wants."""
    shape = (max(band_count(degradation), 3), height, width)
    if band_count(degradation) > 1:
        shape = (band_count(degradation), height, width)
    values = np.random.default_rng(3).random(shape) * np.linspace(0.2, 0.9, width)
    grid = Grid(crs="x", transform=(2.0, 0, 100, 0, -2.0, 50), height=height, width=width)
    if radiometry == UNIT:
        return Image.of(values.astype(np.float32), radiometry=UNIT, grid=grid)
    return Image.of((255 * values).astype(np.uint8), radiometry=radiometry, grid=grid)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scale", [1, 2, 3, 4, 8, 16])
def test_size_place_and_type(name: str, scale: int) -> None:
    degradation = degradation_of(name)
    hr = scene(degradation, radiometry=BYTE)
    lr = degradation(hr, scale, np.random.default_rng(0))
    assert lr.values.shape == (len(hr.bands), 67 // scale, 50 // scale)
    assert lr.values.dtype == np.uint8
    assert lr.grid.transform == (2.0 * scale, 0, 100, 0, -2.0 * scale, 50)
    assert lr.valid.all()


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_decides(name: str) -> None:
    degradation = degradation_of(name)
    once, again, other = (
        degradation(scene(degradation), 4, np.random.default_rng(seed)).values for seed in (1, 1, 2)
    )
    assert once.tobytes() == again.tobytes()
    random = degradation.noises or len(degradation.blurs) > 1 or len(degradation.samplings) > 1
    assert (once.tobytes() == other.tobytes()) == (not random)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_constant_stays_a_constant(name: str, scale: int) -> None:
    degradation = degradation_of(name)
    flat = replace(scene(degradation), values=np.full_like(scene(degradation).values, 0.4))
    lr = replace(degradation, noises=())(flat, scale, np.random.default_rng(0))
    assert np.abs(lr.values - 0.4).max() <= 1e-6


@pytest.mark.parametrize("name", NAMES)
def test_missing_pixels_stay_missing_and_touch_nothing_else(name: str) -> None:
    degradation = degradation_of(name)
    hr = scene(degradation)
    values = hr.values.copy()
    values[:, 9, 13] = np.nan
    values[0, 40, 40] = np.nan
    lr = degradation(Image.of(values, radiometry=UNIT, grid=hr.grid), 4, np.random.default_rng(0))
    absent = np.isnan(lr.values)
    assert absent[:, 2, 3].all()
    assert absent[0, 10, 10]
    assert absent.sum() == len(values) + 1
    assert not lr.valid[2, 3]
    assert lr.valid.sum() == lr.valid.size - 1


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_strips_join_as_if_there_were_none(name: str, scale: int) -> None:
    degradation = degradation_of(name)
    hr = scene(degradation, height=35 * scale)
    whole = degradation(hr, scale, np.random.default_rng(5))
    drawn = degradation.drawn(hr, scale, np.random.default_rng(5))
    strips = []
    for top, rows in ((0, 16), (16, 16), (32, 3)):
        above, below = min(drawn.halo, top), min(drawn.halo, 35 - top - rows)
        columns = whole.grid.width
        wide = Window(top=top - above, left=0, height=above + rows + below, width=columns)
        inside = Window(top=above, left=0, height=rows, width=columns)
        part = drawn.degrade_inside(hr.crop(wide.finer(scale)), inside)
        assert part.grid == whole.grid.window(Window(top=top, left=0, height=rows, width=columns))
        strips.append(part.values)
    apart = np.abs(np.concatenate(strips, axis=1) - whole.values)
    if drawn.quality is not None:  # decoders smooth the colour of JPEG over one row at a seam
        apart = np.delete(apart, [15, 16, 31, 32], axis=1)
    assert apart.max() <= 1e-6


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_is_a_value_that_can_be_written_down(name: str) -> None:
    degradation = degradation_of(name)
    assert degradation.name == name
    assert settings.build(Degradation, settings.dump(degradation), name) == degradation


@pytest.mark.parametrize("name", NAMES)
def test_an_image_smaller_than_a_block_is_refused(name: str) -> None:
    degradation = degradation_of(name)
    with pytest.raises(InputError, match="50 x 3 pixels"):
        degradation(scene(degradation, height=3), 4, np.random.default_rng(0))
