"""Each rewritten block keeps to its plain form where that is hard: borders, extremes, memory."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from geoloupe.networks import network_class
from geoloupe.networks.acceleration.accelerate import accelerate, weights_device
from geoloupe.networks.acceleration.rewrites import TABLE
from geoloupe.networks.acceleration.rewrites.hsenet import attend_in_blocks
from geoloupe.networks.acceleration.rewrites.tail import MergedTail
from geoloupe.networks.hsenet import attend
from tests.contract.samples import NAMES, make, pixels
from tests.networks import golden
from tests.networks.test_golden import converted, run


@pytest.mark.parametrize("name", golden.cases())
def test_prepared_networks_give_the_published_output(name: str) -> None:
    case = golden.read(name)
    prepared = accelerate(converted(case))
    with torch.inference_mode():
        found = run(prepared.run.network, case.inputs)  # type: ignore[attr-defined]
    largest = 1e-3 if case.network == "tsfnet" else 1e-4
    for key, expected in case.outputs.items():
        error, room = (found[key] - expected).abs(), 1 + expected.std()
        assert error.max() <= largest * room, key
        assert error.mean() <= 1e-4 * room, key


@pytest.mark.parametrize("place", [*TABLE, *TABLE.values()])
def test_the_table_names_what_is_there(place: str) -> None:
    module, _, name = place.partition(":")
    assert callable(getattr(import_module(module), name))


@pytest.mark.parametrize("name", NAMES)
def test_a_prepared_network_makes_tensors_only_where_it_is(name: str) -> None:
    """On the device without memory, one made on the processor is an error at once."""
    network: Any = make(name)
    prepared: Any = accelerate(network.eval()).run
    away = prepared.network.to("meta")
    with torch.inference_mode():
        answer = away(*(x.to("meta") for x in pixels(network, (1, 16, 16))))
    assert answer.is_meta
    assert answer.shape[-1] == 16 * network.signature.scale
    assert weights_device(away).type == ("meta" if list(away.parameters()) else "cpu")


def test_threads_with_maps_of_several_shapes_do_not_mix_them_up() -> None:
    torch.manual_seed(0)
    chosen = network_class("convformersr")
    prepared = accelerate(chosen(chosen.Settings.tiny()).eval())
    bands = chosen.Settings.tiny().bands
    maps = [torch.rand(1, bands, *shape) for shape in ((16, 24), (24, 16), (40, 8))]

    def answer(number: int) -> Tensor:
        with torch.inference_mode():
            return prepared(maps[number % len(maps)])

    expected = [answer(number) for number in range(len(maps))]
    with ThreadPoolExecutor(4) as pool:
        for number, found in enumerate(pool.map(answer, range(150))):
            assert torch.allclose(found, expected[number % len(maps)], atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(
    scale=st.integers(1, 4),
    height=st.integers(1, 7),
    width=st.integers(1, 7),
    bias=st.booleans(),
    seed=st.integers(0, 99),
)
def test_a_merged_tail_is_exact_up_to_the_border(
    scale: int, height: int, width: int, bias: bool, seed: int
) -> None:
    torch.manual_seed(seed)
    widen = nn.Conv2d(5, 4 * scale**2, 3, padding=1, bias=bias)
    tail = nn.Conv2d(4, 2, 3, padding=1, bias=bias)
    x = torch.randn(2, 5, height, width)
    with torch.no_grad():
        expected = tail(F.pixel_shuffle(widen(x), scale))
        assert torch.allclose(MergedTail(widen, tail, scale)(x), expected, atol=2e-6)


@settings(max_examples=20, deadline=None)
@given(
    height=st.integers(1, 20),
    width=st.integers(1, 20),
    spread=st.sampled_from([0.0, 0.1, 1.0, 10.0, 100.0, 3000.0]),
    shift=st.sampled_from([0.0, 5.0, 300.0]),
)
def test_attention_in_blocks_is_attention(
    height: int, width: int, spread: float, shift: float
) -> None:
    """Also where scores are so large that the bound on them is useless."""
    torch.manual_seed(height * width)
    q, k, v = (torch.randn(2, 8, height, width) for _ in range(3))
    q, k = q * spread + shift, k + shift
    # A score is rounded by its size, and a weight by as much of itself as a score is off.
    exact = attend(q.double(), k.double(), v.double())
    largest = q.norm(dim=1).max() * k.norm(dim=1).max()
    room = 1e-5 + 4 * torch.finfo(torch.float32).eps * largest * v.abs().max()
    assert (attend_in_blocks(q, k, v) - exact).abs().max() <= room


def test_attention_runs_over_more_keys_than_a_block_holds() -> None:
    torch.manual_seed(0)
    q, k, v = (torch.randn(1, 4, 96, 96) for _ in range(3))  # 9216 keys
    assert torch.allclose(attend_in_blocks(q, k, v), attend(q, k, v), atol=1e-5)


def test_hsenet_memory_grows_with_pixels_not_with_their_square() -> None:
    """192 x 192 pixels: one attention matrix alone would take 5.4 GB."""
    program = """
import resource, torch
from geoloupe.networks import build
from geoloupe.networks.acceleration.accelerate import accelerate, weights_device
torch.set_num_threads(1)
network = accelerate(build("hsenet", features=8, modules=1, scale=2))
network(torch.rand(1, 3, 16, 16))
start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
network(torch.rand(1, 3, 192, 192))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start)
"""
    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert int(printed.stdout) < 300_000  # kilobytes
