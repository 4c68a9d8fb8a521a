"""Loupe: what it is told merges into its weights and changes none of its laws."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from geoloupe.networks import build
from geoloupe.networks.acceleration.accelerate import accelerate
from geoloupe.networks.loupe import Loupe
from geoloupe.networks.signature import UNKNOWN_MTF

SENSORS = [0.05, 0.12, 0.23, 0.4, 0.5, 0.66, 0.9]


@pytest.fixture(scope="module")
def network() -> Loupe:
    """A told network whose factors are far from 1."""
    torch.manual_seed(0)
    made: Any = build("loupe", scale=2, features=8, blocks=2, knots=5, growth=2)
    with torch.no_grad():
        made.factors.add_(0.5 * torch.randn_like(made.factors))
        for name, weight in made.named_parameters():
            if name.endswith("last"):
                weight.normal_(std=0.2)
    chosen: Loupe = made.eval().requires_grad_(requires_grad=False)
    return chosen


def pixels(bands: int, height: int = 13, width: int = 17) -> Tensor:
    return torch.rand(1, bands, height, width, generator=torch.Generator().manual_seed(bands))


@pytest.mark.parametrize("mtf", SENSORS)
@pytest.mark.parametrize("bands", [1, 2, 3, 7])
def test_factors_merge_into_the_weights(network: Loupe, mtf: float, bands: int) -> None:
    lr = pixels(bands)
    merged = network.for_sensor(mtf)
    assert merged.signature.bands is None
    assert not merged.signature.takes_mtf
    plain = build("loupe", scale=2, features=8, blocks=2)
    assert merged.state_dict().keys() == plain.state_dict().keys()  # type: ignore[attr-defined]
    assert (network(lr, None, torch.tensor([mtf])) - merged(lr)).abs().max() <= 1e-5


@pytest.mark.parametrize("bands", [1, 2, 3, 5, 12])
def test_every_band_may_have_its_own(network: Loupe, bands: int) -> None:
    lr = pixels(bands)
    each = torch.linspace(0.15, 0.55, bands)[None]
    merged = network.for_sensor(each[0].tolist())
    assert (network(lr, None, each) - merged(lr)).abs().max() <= 1e-5
    prepared = accelerate(merged)
    assert (prepared(lr) - merged(lr)).abs().max() <= 1e-5
    assert merged.signature.bands == (bands if bands > 1 else None)


def test_each_image_of_a_batch_is_told_its_own(network: Loupe) -> None:
    lr = pixels(3).expand(2, -1, -1, -1)
    both = network(lr, None, torch.tensor([0.2, 0.5]))
    alone = torch.cat([network.for_sensor(mtf)(lr[:1]) for mtf in (0.2, 0.5)])
    assert (both - alone).abs().max() <= 1e-5
    assert (both[0] - both[1]).abs().max() > 1e-3


def test_nobody_tells_it_and_it_assumes_what_is_written_down(network: Loupe) -> None:
    lr = pixels(4)
    expected = network.for_sensor(UNKNOWN_MTF)(lr)
    assert (network(lr) - expected).abs().max() <= 1e-5
    prepared = accelerate(network)
    assert (prepared(lr) - expected).abs().max() <= 1e-5
    ready: Any = prepared.run
    assert ready.network.factors is None


@pytest.mark.parametrize("mtf", [0.2, None, [0.2, 0.3, 0.4, 0.5]])
def test_gain_and_offset_of_a_scene_are_those_of_the_answer(network: Loupe, mtf: Any) -> None:
    lr = pixels(4).double()
    told = None if mtf is None else torch.tensor(mtf).reshape(1, -1).expand(1, 4)
    plain = network.double()(lr, None, told)
    moved = network(300 * lr - 20, None, told)
    network.float()
    assert (moved - (300 * plain - 20)).abs().max() <= 1e-9 * 300


def test_tiles_of_a_told_network_are_the_whole(network: Loupe) -> None:
    lr, margin, mtf = pixels(3, 40, 34), network.signature.margin, torch.tensor([0.25])
    whole = network(lr, None, mtf)
    top, left = 2 * (9), 2 * (6)
    tile = network(lr[..., 9:, 6:], None, mtf)
    inside = (..., slice(2 * margin, None), slice(2 * margin, None))
    assert (tile[inside] - whole[..., top:, left:][inside]).abs().max() <= 1e-5


def test_a_network_grows_from_a_plain_one_without_a_change() -> None:
    plain, grown = (build("loupe", scale=2, features=8, growth=growth) for growth in (0, 3))
    module: Any = grown
    module.load_state_dict(module.state_dict() | plain.state_dict())  # type: ignore[attr-defined]
    assert (module(pixels(3)) - plain(pixels(3))).abs().max() <= 1e-6  # type: ignore[operator]


def test_the_gradient_teaches_the_table_near_what_was_told() -> None:
    learner: Any = build("loupe", scale=2, features=4, blocks=1, knots=7)
    learner(pixels(3), None, torch.tensor([0.3])).square().mean().backward()
    rows = learner.factors.grad.abs().sum(1)
    assert rows[2] > 0
    assert rows[[0, 1, 4, 5, 6]].sum() == 0


def test_a_network_that_is_told_nothing_is_its_convolutions() -> None:
    """Bit for bit: so models of 0.1 answer as they did."""
    torch.manual_seed(0)
    model: Any = build("loupe", scale=2, features=16, blocks=2)
    assert model.factors is None
    lr = pixels(3)
    shallow = model.head(lr)
    deep = shallow
    for block in model.body:
        deep = deep + block.conv2(block.conv1(deep).relu())
    detail = model.shuffle(model.tail(model.after_body(deep) + shallow))
    interpolated: Any = build("bicubic", scale=2)
    assert model(lr).equal(interpolated(lr) + detail)


@pytest.mark.parametrize("knots", [0, 5])
def test_another_factor_begins_with_the_detail_of_the_same_places(knots: int) -> None:
    """A pixel of x2 is four of x4, so it begins with their mean."""
    torch.manual_seed(0)
    fine: Any = build("loupe", scale=4, features=8, blocks=1, knots=knots)
    if knots:
        fine.factors.data.uniform_(0.9, 1.1)
        fine.factors.data[:, -48:] = 1  # one factor of each place's filter: means are of products
    coarse: Any = build("loupe", scale=2, features=8, blocks=1, knots=knots)
    coarse.load_state_dict(coarse.begun_with(fine.state_dict()))
    lr, mtf = pixels(3), torch.full((1, 3), 0.3) if knots else None
    expected = F.avg_pool2d(fine.detail(lr, mtf), 2)
    assert (coarse.detail(lr, mtf) - expected).abs().max() <= 1e-6


def test_a_network_begins_with_its_own_weights_unchanged(network: Loupe) -> None:
    begun = network.begun_with(network.state_dict())
    assert all(begun[name].equal(tensor) for name, tensor in network.state_dict().items())
