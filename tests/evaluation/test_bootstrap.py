"""Intervals of means: how often they hold the truth, and what they are where BCa has none."""

import subprocess
import sys

import numpy as np
import pytest

from geoloupe.evaluation.bootstrap import FEW, Difference, differences, interval
from geoloupe.evaluation.rows import Result, Row


def rows(model: str, scores: np.ndarray) -> list[Row]:
    """Make rows of one metric."""
    return [
        Row(model=model, scale=2, image=str(n), label="", scores={"psnr": float(s)}, seconds=0)
        for n, s in enumerate(scores)
    ]


@pytest.mark.parametrize("skewed", [False, True])
def test_an_interval_holds_the_truth_as_often_as_it_says(skewed: bool) -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for seed in range(60):
        drawn = rng.exponential(0.3, 80) if skewed else rng.normal(0.3, 1, 80)
        low, high = interval(drawn.tolist(), seed=seed)
        hits += low <= 0.3 <= high
    assert 52 <= hits <= 60  # 57 are expected


def test_an_interval_leans_to_where_the_long_tail_is() -> None:
    values = np.random.default_rng(1).exponential(1, 40)
    low, high = interval(values.tolist())
    mean = values.mean()
    assert high - mean > 1.1 * (mean - low)


def test_an_interval_is_the_same_each_time_and_moves_with_its_values() -> None:
    values = np.random.default_rng(2).normal(0, 1, 30)
    low, high = interval(values.tolist(), seed=3)
    assert (low, high) == interval(values.tolist(), seed=3) != interval(values.tolist(), seed=4)
    moved = interval((values * 2 + 5).tolist(), seed=3)
    assert moved == (pytest.approx(low * 2 + 5), pytest.approx(high * 2 + 5))


@pytest.mark.parametrize("values", [[0.3], [0.1] * 5])
def test_values_that_are_alike_are_their_own_interval(values: list[float]) -> None:
    assert interval(values) == (values[0], values[0])


@pytest.mark.parametrize("values", [[1e9, 1e9 + 1e-7, 1e9], [1e-300, 2e-300, 3e-300]])
def test_where_bca_is_undefined_percentiles_stand_in(values: list[float]) -> None:
    low, high = interval(values)
    assert min(values) <= low <= high <= max(values)


def test_differences_are_paired_and_say_when_they_may_be_chance() -> None:
    rng = np.random.default_rng(0)
    plain = rng.normal(30, 5, 100)
    better = plain + 0.05 + rng.normal(0, 0.05, 100)  # a small gain on every image is sure
    other = rng.permutation(plain) + 0.05  # the same mean gain, but of unrelated images
    result = Result(rows=tuple(rows("a", plain) + rows("b", better) + rows("c", other)), facts={})
    found = {row.model: row for row in differences(result, "a")}
    assert found["b"].sure
    assert not found["c"].sure
    assert found["b"].mean == pytest.approx(0.05, abs=0.02)


def test_of_infinite_scores_and_images_of_one_alone_nothing_is_said() -> None:
    one, two = np.array([30.0, np.inf, 31.0, 32.0]), np.array([31.0, np.inf, 33.0])
    result = Result(rows=tuple(rows("a", one) + rows("b", two)), facts={})
    (found,) = differences(result, "a")
    assert (found.images, found.mean) == (2, 1.5)


@pytest.mark.parametrize(
    ("images", "low", "high", "sure"),
    [(FEW, 0.1, 2, True), (FEW, -2, -0.1, True), (FEW, -0.1, 2, False), (FEW - 1, 0.1, 2, False)],
)
def test_few_images_are_never_sure(images: int, low: float, high: float, sure: bool) -> None:
    found = Difference(
        model="b", other="a", metric="psnr", images=images, mean=0, low=low, high=high
    )
    assert found.sure is sure


def test_statistics_know_nothing_of_pages() -> None:
    program = "import sys, geoloupe.evaluation.bootstrap; print('jinja2' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    )
    assert done.stdout.strip() == "False"
