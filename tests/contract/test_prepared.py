"""A prepared network gives what its plain form gives, for every network, switch and size."""

from typing import Any

import pytest
import torch
from torch import Tensor

from geoloupe.networks.acceleration.accelerate import accelerate
from tests.contract.samples import NAMES, SAMPLES, label, pixels, ready

every_sample = pytest.mark.parametrize("sample", SAMPLES, ids=label)
SIZES = [(1, 8, 8), (2, 9, 13), (1, 16, 5), (1, 2, 2)]
AGREEMENT = 40.0  # dB between bf16 and fp32 on weights made by chance, at the least


def differ(one: Tensor, other: Tensor) -> float:
    """Give the largest difference in parts of 1 + the standard deviation."""
    return ((one - other).abs().max() / (1 + one.std(correction=0))).item()


@every_sample
def test_prepared_equals_plain(sample: Any) -> None:
    network = ready(*sample)
    prepared = accelerate(network)
    room = 1e-3 if sample[0] == "tsfnet" else 2e-5
    for size in SIZES:
        inputs = pixels(network, size)
        expected, found = network.stages(*inputs), prepared.stages(*inputs)
        assert len(expected) == len(found)
        for ours, theirs in zip(expected, found, strict=True):
            assert ours.shape == theirs.shape
            assert differ(ours, theirs) <= room, size


@every_sample
def test_preparing_leaves_the_network_as_it_was(sample: Any) -> None:
    network = ready(*sample)
    inputs = pixels(network, (1, 8, 9))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    expected = network(*inputs)
    accelerate(network)(*inputs)
    after = network.state_dict()
    assert before.keys() == after.keys()
    assert all(before[name].equal(after[name]) for name in before)
    assert network(*inputs).equal(expected)


@pytest.mark.parametrize("name", NAMES)
def test_prepared_gives_the_same_twice_and_after_another_size(name: str) -> None:
    network = ready(name)
    prepared = accelerate(network)
    inputs = pixels(network, (1, 12, 9))
    once = prepared(*inputs)
    prepared(*pixels(network, (2, 9, 16)))
    assert prepared(*inputs).equal(once)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_a_number_stays_visible(name: str) -> None:
    network = ready(name)
    inputs = pixels(network, (1, 10, 10))
    inputs[0][..., 5, 5] = torch.nan
    assert accelerate(network)(*inputs).isnan().any()


@pytest.mark.parametrize("name", NAMES)
def test_half_precision_stays_close(name: str) -> None:
    network = ready(name)
    inputs = pixels(network, (1, 16, 16))
    exact = accelerate(network)(*inputs)
    rough = accelerate(network, precision="bf16")(*inputs)
    assert rough.dtype == torch.float32
    noise = (rough - exact).square().mean()
    assert 10 * torch.log10((exact.max() - exact.min()) ** 2 / noise) > AGREEMENT
