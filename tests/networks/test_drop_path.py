"""Paths are left out whole, as often as asked, and more often the deeper they lie."""

import pytest
import torch

from geoloupe.networks.drop_path import drop_path, rates


def test_rates_rise_evenly_to_the_last_block() -> None:
    assert rates(0.4, (2, 3)) == [[0.0, 0.1], pytest.approx([0.2, 0.3, 0.4])]
    assert rates(0.1, (1,)) == [[0.0]]


def test_whole_samples_are_left_out_and_the_mean_is_kept() -> None:
    x = torch.ones(4000, 2, 3)
    found = drop_path(x, 0.25)
    kept = found[:, 0, 0] > 0
    assert found.equal(kept[:, None, None] * x / 0.75)
    assert kept.float().mean().item() == pytest.approx(0.75, abs=0.03)
    assert drop_path(x, 0.0) is x
