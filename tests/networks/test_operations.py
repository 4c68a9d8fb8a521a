"""Operation counts equal those of the published networks, and leave no trace behind."""

from typing import Any

import pytest
import torch

from geoloupe.networks import build
from geoloupe.networks.summary import multiply_adds


@pytest.mark.parametrize(
    ("name", "settings", "side", "bands", "giga"),
    [
        ("hsenet", {"scale": 4}, 48, 3, 17.81),
        ("hsenet", {"scale": 4}, 64, 3, 41.35),
        ("tsfnet", {"scale": 8}, 32, 3, 55.91),
        ("mulsr", {"scale": 8}, 12, 1, 28.8),
        ("mulsr", {"scale": 8}, 12, 31, 893),
        ("rcan", {"scale": 4}, 240, 3, 917.6),
    ],
)
def test_counts_are_the_published_ones(
    name: str, settings: dict[str, Any], side: int, bands: int, giga: float
) -> None:
    found = multiply_adds(build(name, **settings), side, side, bands) / 1e9
    assert found == pytest.approx(giga, rel=1e-3)


def test_counting_leaves_the_network_as_it_works() -> None:
    network: Any = build("tsfnet", scale=4, features=16).eval()  # type: ignore[attr-defined]
    multiply_adds(network, 24, 24)  # whose masks are kept from one call to the next
    assert multiply_adds(build("nearest", scale=4), 8, 8) == 0
    with torch.inference_mode():
        assert bool(network(torch.rand(1, 3, 24, 24)).isfinite().all())
