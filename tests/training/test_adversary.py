"""The adversary: it learns to tell answers from truths, and what it says follows one law."""

import math
from itertools import pairwise

import pytest
import torch

from geoloupe.training.adversary import Adversary, AdversarySettings, Discriminator


def fresh(bands: int = 3) -> Adversary:
    """Make a small one."""
    return Adversary.of(AdversarySettings(features=4, rate=2e-3), bands, seed=0)


def noise(count: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(seed))


def test_what_is_alike_is_told_apart_by_chance() -> None:
    adversary, hr = fresh(), noise(2)
    assert adversary.loss(hr, hr).item() == pytest.approx(math.log(2), abs=0.05)
    both = adversary.loss(noise(2, 1), hr) + adversary.complaint(noise(2, 1), hr)
    assert both.item() >= 2 * math.log(2) - 1e-6  # what one gains the other loses, or more


def test_it_learns_to_tell_blur_from_the_truth() -> None:
    adversary = fresh()
    losses, complaints = [], []
    for step in range(60):
        hr = noise(8, step)
        sr = torch.nn.functional.avg_pool2d(hr, 3, 1, 1)
        adversary.begin_step(1.0)
        complaints.append(adversary.complaint(sr, hr).item())
        adversary.loss(sr, hr).backward()
        adversary.optimiser.step()
        losses.append(adversary.take())
    assert losses[-1] < 0.3 < losses[0]
    assert complaints[-1] > 1.5 * complaints[0]
    assert adversary.take() == 0


def test_a_complaint_reaches_the_answer_and_not_the_discriminator() -> None:
    adversary = fresh()
    sr = noise(1, 1).requires_grad_()
    adversary.complaint(sr, noise(1)).backward()
    assert sr.grad is not None
    assert sr.grad.abs().sum() > 0
    assert all(weight.grad is None for weight in adversary.network.parameters())
    sr.grad = None
    adversary.loss(sr, noise(1)).backward()
    assert sr.grad is None
    assert all(weight.grad is not None for weight in adversary.network.parameters())


def test_layers_have_norm_one_and_keep_it_within_a_step() -> None:
    adversary = fresh()
    for _ in range(30):
        adversary.begin_step(0.5)
    for layer in adversary.network.layers:
        norm = torch.linalg.matrix_norm(layer.weight.flatten(1), 2)  # type: ignore[union-attr, operator]
        assert norm.item() == pytest.approx(1, abs=0.02)
    judged = [adversary.network(noise(1)) for _ in range(3)]
    assert all(one.equal(other) for one, other in pairwise(judged))
    assert adversary.optimiser.param_groups[0]["lr"] == 1e-3


def test_a_patch_is_as_wide_as_it_says() -> None:
    image = torch.rand(1, 2, 64, 64, requires_grad=True)
    judged = Discriminator(2, 4)(image)
    assert judged.shape == (1, 1, 16, 16)
    judged[0, 0, 8, 8].backward()
    assert image.grad is not None
    seen = image.grad[0].abs().sum(0).nonzero()
    assert (seen.amax(0) - seen.amin(0) + 1).tolist() == [28, 28]


@pytest.mark.parametrize("wrong", [{"features": 0}, {"rate": 0.0}, {"begin": -1}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="features must be 1 or more"):
        AdversarySettings(**wrong)  # type: ignore[arg-type]
