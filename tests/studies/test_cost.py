"""Costs: measured apart, counted as published, grown as fitted."""

import csv
from pathlib import Path

import pytest

from geoloupe.errors import InputError
from geoloupe.studies.cost import Cost, CostSettings, costs, exponents, study_of


def of(model: str, side: int, seconds: float) -> Cost:
    """Make a measurement."""
    return Cost(
        model=model,
        side=side,
        pixels=side**2,
        parameters=0,
        multiply_adds=0,
        seconds=seconds,
        peak_bytes=0,
    )


def test_the_power_of_growth_is_found() -> None:
    rows = [of("flat", n, 1e-6 * n**2) for n in (8, 16, 32)]
    rows += [of("steep", n, 1e-9 * n**4) for n in (8, 16, 32)]
    rows += [of("few", n, 1.0) for n in (8, 16)]
    assert exponents(rows) == {"flat": pytest.approx(1.0), "steep": pytest.approx(2.0)}


def test_networks_are_measured_without_weights(tmp_path: Path) -> None:
    chosen = CostSettings(sizes=(16, 8), scale=2, threads=1, repeats=1)
    found = costs(["srcnn"], chosen)
    assert [(cost.model, cost.side) for cost in found] == [("srcnn", 8), ("srcnn", 16)]
    assert all(cost.seconds > 0 for cost in found)
    assert found[1].multiply_adds == 4 * found[0].multiply_adds > 0
    study_of(found, chosen).write(tmp_path)
    with (tmp_path / "costs.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["seconds"]) for row in rows] == [
        pytest.approx(cost.seconds, abs=1e-6) for cost in found
    ]


def test_a_network_that_takes_long_is_not_asked_for_more() -> None:
    found = costs(["nearest"], CostSettings(sizes=(8, 16), repeats=1, limit=1e-9))
    assert [cost.side for cost in found] == [8]


def test_mistakes_are_told_before_measuring() -> None:
    with pytest.raises(InputError, match="did you mean"):
        costs(["bicubic", "srcn"], CostSettings())
