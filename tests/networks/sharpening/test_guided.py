"""Our sharpener: what cannot matter to it, and that learning begins at the regression."""

import pytest
import torch

from geoloupe.networks.observation import Observation
from geoloupe.networks.sharpening.guided import Guided, GuidedSettings
from geoloupe.networks.sharpening.injection import injected
from tests.networks.sharpening.test_injection import scene

SENSORS = [Observation.aligned(gain, scale=2) for gain in (0.25, 0.35)]


def network(seed: int = 0) -> Guided:
    """Make one whose last layer is not zero, so that all of it counts."""
    torch.manual_seed(seed)
    made = Guided(GuidedSettings.tiny()).double()
    torch.nn.init.normal_(made.tail.weight, std=0.1)
    return made.requires_grad_(False)


def pair(side: int = 96) -> tuple[torch.Tensor, torch.Tensor]:
    return scene(2, side=side // 2), scene(3, side=side)


def test_unlearned_it_is_the_regression() -> None:
    lr, guide = pair()
    made = Guided(GuidedSettings()).double()(lr, guide, SENSORS)
    assert made.equal(injected(lr, guide, SENSORS))


def test_it_is_as_small_as_it_is_said_to_be() -> None:
    count = sum(weight.numel() for weight in Guided(GuidedSettings()).parameters())
    assert 30_000 < count < 36_000


def test_a_band_s_gain_and_offset_are_its_answer_s() -> None:
    lr, guide = pair()
    gains = torch.tensor([7.0, 0.02], dtype=torch.float64)[None, :, None, None]
    made = network()(lr, guide, SENSORS)
    assert not made.allclose(injected(lr, guide, SENSORS))
    assert network()(gains * lr - 3, guide, SENSORS).allclose(gains * made - 3)


def test_the_guide_s_gain_offset_and_order_do_not_matter() -> None:
    lr, guide = pair()
    gains = torch.tensor([1e4, 0.3, 7.0], dtype=torch.float64)[None, :, None, None]
    made = network()(lr, guide, SENSORS)
    assert network()(lr, gains * guide + 5, SENSORS).allclose(made)
    assert network()(lr, guide[:, [2, 0, 1]], SENSORS).allclose(made, atol=1e-3)


def test_bands_do_not_see_each_other_and_any_number_will_do() -> None:
    lr, guide = pair()
    both = network()(lr, guide, SENSORS)
    one = network()(lr[:, 1:], guide, SENSORS[1:])
    assert both[:, 1:].allclose(one)
    assert network()(lr, guide[:, :1], SENSORS).shape == both.shape


def test_it_is_local_within_its_reach() -> None:
    lr, guide = pair(256)
    made = network()
    whole = made(lr, guide, SENSORS)
    cut = made(lr[..., 20:108, 20:108], guide[..., 40:216, 40:216], SENSORS)
    margin = 2 * (made.reach + max(sensor.reach for sensor in SENSORS) // 2)
    apart = (cut - whole[..., 40:216, 40:216]).abs()
    assert apart[..., margin:-margin, margin:-margin].max() < 1e-9


def test_flat_bands_and_guides_are_left_alone() -> None:
    lr, guide = pair()
    flat = torch.full_like(lr, 0.3)
    assert network()(flat, guide, SENSORS).allclose(guide.new_full((1, 2, 96, 96), 0.3))
    made = network()(lr, torch.ones_like(guide), SENSORS)
    assert made.isfinite().all()


def test_every_weight_learns() -> None:
    lr, guide = pair(48)
    made = network().requires_grad_(True)
    made(lr, guide, SENSORS).square().mean().backward()
    for name, weight in made.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().max() > 0, name


@pytest.mark.parametrize("ratio", [2.5, 4, 6])
def test_any_factor_will_do(ratio: float) -> None:
    from geoloupe.imagery.alignment import Axis

    axis = Axis(ratio=ratio, offset=-0.5)
    sensor = Observation(mtf=(0.3,), down=axis, across=axis)
    guide = scene(2)
    count = int(96 / ratio)
    lr = sensor.observe(guide[:, :1], (count, count))
    assert network()(lr, guide, [sensor]).shape == (1, 1, 96, 96)
