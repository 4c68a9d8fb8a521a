"""What every degradation of the catalog promises."""

from dataclasses import replace

import numpy as np
import pytest

from geoloupe import catalog, settings
from geoloupe.degradations.degradation import Recipe
from geoloupe.errors import InputError
from geoloupe.imagery.grid import Grid, Window
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT, Radiometry

NAMES = catalog.names("degradation")
BYTE = Radiometry(dtype="uint8", high=(255.0,))


def recipe_of(name: str) -> Recipe:
    recipe = catalog.resolve("degradation", name)
    assert isinstance(recipe, Recipe)
    return recipe


def band_count(recipe: Recipe) -> int:
    return max([len(getattr(blur, "gains", ())) for blur in recipe.blurs] + [1])


def scene(
    recipe: Recipe, height: int = 67, width: int = 50, radiometry: Radiometry = UNIT
) -> Image:
    """Make a noisy ramp with the bands the recipe wants."""
    shape = (max(band_count(recipe), 3), height, width)
    if band_count(recipe) > 1:
        shape = (band_count(recipe), height, width)
    values = np.random.default_rng(3).random(shape) * np.linspace(0.2, 0.9, width)
    grid = Grid(crs="x", transform=(2.0, 0, 100, 0, -2.0, 50), height=height, width=width)
    if radiometry == UNIT:
        return Image.of(values.astype(np.float32), radiometry=UNIT, grid=grid)
    return Image.of((255 * values).astype(np.uint8), radiometry=radiometry, grid=grid)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scale", [1, 2, 3, 4, 8, 16])
def test_size_place_and_type(name: str, scale: int) -> None:
    recipe = recipe_of(name)
    hr = scene(recipe, radiometry=BYTE)
    lr = recipe(hr, scale, np.random.default_rng(0))
    assert lr.values.shape == (len(hr.bands), 67 // scale, 50 // scale)
    assert lr.values.dtype == np.uint8
    assert lr.grid.transform == (2.0 * scale, 0, 100, 0, -2.0 * scale, 50)
    assert lr.valid.all()


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_decides(name: str) -> None:
    recipe = recipe_of(name)
    once, again, other = (
        recipe(scene(recipe), 4, np.random.default_rng(seed)).values for seed in (1, 1, 2)
    )
    assert once.tobytes() == again.tobytes()
    random = recipe.noises or len(recipe.blurs) > 1 or len(recipe.samplings) > 1
    assert (once.tobytes() == other.tobytes()) == (not random)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_constant_stays_a_constant(name: str, scale: int) -> None:
    recipe = recipe_of(name)
    flat = replace(scene(recipe), values=np.full_like(scene(recipe).values, 0.4))
    lr = replace(recipe, noises=())(flat, scale, np.random.default_rng(0))
    assert np.abs(lr.values - 0.4).max() <= 1e-6


@pytest.mark.parametrize("name", NAMES)
def test_missing_pixels_stay_missing_and_touch_nothing_else(name: str) -> None:
    recipe = recipe_of(name)
    hr = scene(recipe)
    values = hr.values.copy()
    values[:, 9, 13] = np.nan
    values[0, 40, 40] = np.nan
    lr = recipe(Image.of(values, radiometry=UNIT, grid=hr.grid), 4, np.random.default_rng(0))
    absent = np.isnan(lr.values)
    assert absent[:, 2, 3].all()
    assert absent[0, 10, 10]
    assert absent.sum() == len(values) + 1
    assert not lr.valid[2, 3]
    assert lr.valid.sum() == lr.valid.size - 1


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_strips_join_as_if_there_were_none(name: str, scale: int) -> None:
    recipe = recipe_of(name)
    hr = scene(recipe, height=35 * scale)
    whole = recipe(hr, scale, np.random.default_rng(5))
    drawn = recipe.drawn(hr, scale, np.random.default_rng(5))
    strips = []
    for top, rows in ((0, 16), (16, 16), (32, 3)):
        above, below = min(drawn.halo, top), min(drawn.halo, 35 - top - rows)
        columns = whole.grid.width
        wide = Window(top=top - above, left=0, height=above + rows + below, width=columns)
        inside = Window(top=above, left=0, height=rows, width=columns)
        part = drawn.degrade_inside(hr.crop(wide.finer(scale)), inside)
        assert part.grid == whole.grid.window(Window(top=top, left=0, height=rows, width=columns))
        strips.append(part.values)
    assert np.abs(np.concatenate(strips, axis=1) - whole.values).max() <= 1e-6


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_is_a_value_that_can_be_written_down(name: str) -> None:
    recipe = recipe_of(name)
    assert recipe.name == name
    assert settings.build(Recipe, settings.dump(recipe), name) == recipe


@pytest.mark.parametrize("name", NAMES)
def test_an_image_smaller_than_a_block_is_refused(name: str) -> None:
    recipe = recipe_of(name)
    with pytest.raises(InputError, match="50 x 3 pixels"):
        recipe(scene(recipe, height=3), 4, np.random.default_rng(0))
