"""Recipes: strict, complete, and the same when written and read again."""

from dataclasses import replace
from pathlib import Path

import pytest

from geoloupe.errors import InputError
from geoloupe.networks import build
from geoloupe.studies.ablation import read_ablation, shipped_ablations
from geoloupe.training.recipe import read_recipe, recipe_text, shipped


@pytest.mark.parametrize("name", shipped())
def test_shipped_recipes_are_whole_and_fit_their_networks(name: str, tmp_path: Path) -> None:
    recipe = read_recipe(name)
    build(recipe.network, **recipe.settings)
    path = tmp_path / "again.toml"
    path.write_text(recipe_text(recipe))
    assert read_recipe(path) == recipe
    assert recipe_text(read_recipe(path)) == path.read_text()


def test_changes_are_by_dotted_name() -> None:
    changed = read_recipe("smoke", {"optimiser.rate": 0.5, "settings.blocks": 1, "batch": 3})
    assert (changed.optimiser.rate, changed.settings["blocks"], changed.batch) == (0.5, 1, 3)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("optimiser.rat", 1, "did you mean 'rate'"),
        ("optimizer.rate", 1, "did you mean 'optimiser'"),
        ("batch", 0, "batch must be 1 or more"),
        ("batch", "many", "batch: .*integer"),
        ("schedule.epochs", 3, "one of steps, epochs or minutes"),
        ("optimiser.ema", 1.0, "below 1"),
        ("network", "hsnet", "did you mean 'hsenet'"),
        ("loss.l1", 0, "one of them above 0"),
        ("loss.pairs", [[0, 1]], "pairs are of two bands"),
        ("optimiser.betas", [2, 3], "ema and betas"),
        ("optimiser.eps", -1, "eps and weight_decay"),
        ("validation.every", 0, "every and images"),
        ("seed", -1, "seed must be 0 or more"),
        ("batch.size", 4, "batch has no parts"),
    ],
)
def test_what_is_wrong_is_said(key: str, value: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_recipe("smoke", {key: value})


def test_a_file_that_is_no_recipe_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text("name = ")
    with pytest.raises(InputError, match=r"a\.toml: is not TOML"):
        read_recipe(path)
    with pytest.raises(InputError, match=r"b\.toml: no such file"):
        read_recipe(tmp_path / "b.toml")
    with pytest.raises(InputError, match="no recipe is called 'smok'; did you mean 'smoke'"):
        read_recipe("smok")


@pytest.mark.parametrize("name", shipped_ablations())
def test_ablations_change_what_they_say_and_build(name: str) -> None:
    whole, *others = read_ablation(name)
    assert whole.name == "whole"
    assert len(others) >= 2
    for other in others:
        assert replace(other, name="whole") != whole
        build(other.network, **other.settings)
        assert (other.schedule, other.data, other.patches) == (
            whole.schedule,
            whole.data,
            whole.patches,
        )


def test_ablations_are_strict(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('recipe = "smoke"\n[variants.whole]\n[variants.other]\n"batch" = 3\n')
    whole, other = read_ablation(path, {"seed": 5})
    assert (whole.seed, other.seed, other.batch, other.name) == (5, 5, 3, "other")
    path.write_text('recipe = "smoke"\n[variants.whole]\n')
    with pytest.raises(InputError, match="variants must be two or more"):
        read_ablation(path)
    with pytest.raises(InputError, match="did you mean 'hsenet'"):
        read_ablation("hsnet")
