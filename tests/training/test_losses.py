"""Loss terms against their formulas, and the learning rate against its curve."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from geoloupe.datasets.samples.patches import SomeBands
from geoloupe.networks import build
from geoloupe.training.losses import (
    LossSettings,
    Objective,
    band_weights,
    charbonnier,
    fourier_difference,
    negative_score,
    ratio_difference,
    spatial_variation,
    spectral_variation,
)
from geoloupe.training.schedule import ScheduleSettings


def test_variations_are_those_of_sspsr() -> None:
    torch.manual_seed(0)
    image = torch.rand(3, 5, 6, 7, dtype=torch.float64)
    values = image.numpy()
    down, across, through = (np.diff(values, axis=axis) ** 2 for axis in (2, 3, 1))
    spatial = (down.sum() / down[0].size + across.sum() / across[0].size) / 3
    spectral = 2 * (through.sum() / through[0].size) / 3
    assert spatial_variation(image).item() == pytest.approx(spatial, rel=1e-12)
    assert spectral_variation(image).item() == pytest.approx(spectral, rel=1e-12)


def test_a_ratio_does_not_see_brightness_but_colour() -> None:
    torch.manual_seed(0)
    hr = torch.rand(2, 4, 5, 5) + 0.1
    assert ratio_difference(0.5 * hr, hr, ()).item() < 1e-6
    other = hr.clone()
    other[:, 3] *= 2
    assert ratio_difference(other, hr, ((1, 2),)).item() == 0
    assert ratio_difference(other, hr, ((1, 4),)).item() > 0.05
    assert ratio_difference(torch.zeros(1, 2, 3, 3), torch.zeros(1, 2, 3, 3), ()).item() == 0


def test_all_stages_are_learned_from() -> None:
    network = build("tsfnet", scale=2, features=8)
    lr, hr = torch.rand(1, 3, 8, 8), torch.rand(1, 3, 16, 16)
    objective = Objective.of(network, LossSettings(), None)
    stages = network.stages(lr)
    assert len(stages) == 2
    wanted = sum((stage - hr).abs().mean().item() for stage in stages)
    assert objective(lr, hr).item() == pytest.approx(wanted, rel=1e-5)


def test_some_bands_a_step_are_enough_for_mulsr_and_too_few_for_others() -> None:
    network: Any = build("mulsr", scale=2, features=4).eval()  # type: ignore[attr-defined]
    objective = Objective.of(network, LossSettings(), 2)
    lr, hr, guide = torch.rand(2, 5, 4, 4), torch.rand(2, 5, 8, 8), torch.rand(2, 3, 8, 8)
    picked = SomeBands(2, network.around).draw(np.random.default_rng(0), 5)
    assert len(picked.hr) == 2
    assert len(picked.lr) == 6
    loss = objective(lr[:, picked.lr], hr[:, picked.hr], guide)
    whole = network.stages(lr, guide)[-1]
    expected = (whole[:, picked.hr] - hr[:, picked.hr]).abs().mean()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    with pytest.raises(ValueError, match="HSENet learns all bands at once"):
        Objective.of(build("hsenet", features=8, modules=1), LossSettings(), 2)


def test_the_rate_follows_epochs_steps_or_a_cosine() -> None:
    epochs = ScheduleSettings(epochs=10, milestones=(4, 8), factor=0.1)
    assert epochs.length(7) == 70
    shares = [epochs.share(step, 7) for step in (0, 27, 28, 55, 56, 69)]
    assert shares == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])
    cosine = ScheduleSettings(steps=100, shape="cosine", warmup=10, last=0.2)
    assert cosine.share(4, 1) == pytest.approx(0.5 * (0.2 + 0.4 * (1 + math.cos(math.pi * 0.04))))
    assert cosine.share(50, 1) == pytest.approx(0.6)
    assert cosine.share(99, 1) == pytest.approx(0.2, abs=1e-3)


def test_a_rate_that_is_stable_falls_along_a_line_at_the_end() -> None:
    stable = ScheduleSettings(steps=1000, shape="wsd", warmup=100, decay=0.2, last=0.1)
    shares = [stable.share(step, 1) for step in (0, 49, 99, 500, 800, 900, 999)]
    assert shares == pytest.approx([0.01, 0.5, 1, 1, 1, 0.55, 0.1 + 0.9 / 200])
    trunk = ScheduleSettings(steps=1000, shape="wsd", decay=0)
    assert {trunk.share(step, 1) for step in range(1000)} == {1.0}
    with pytest.raises(ValueError, match="wsd has no milestones"):
        ScheduleSettings(steps=9, shape="wsd", milestones=(3,))


def test_the_score_is_minus_the_mean_psnr_of_the_images() -> None:
    hr = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    sr = hr + torch.tensor([0.1, 0.001])[:, None, None, None]
    assert negative_score(sr, hr).item() == pytest.approx(-(20 + 60) / 2, abs=1e-2)
    assert negative_score(hr, hr).item() == pytest.approx(-70)
    only = LossSettings(l1=0, score=0.5)
    objective = Objective.of(build("loupe", scale=2, features=4, blocks=1), only, None)
    assert objective.loss(sr, hr).item() == pytest.approx(-20, abs=1e-2)


def test_the_fourier_term_is_of_real_and_imaginary_parts() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.random((2, 2, 3, 6, 8))
    spectrum = np.fft.rfft2(one - other, norm="ortho")
    expected = (np.abs(spectrum.real).mean() + np.abs(spectrum.imag).mean()) / 2
    found = fourier_difference(torch.tensor(one), torch.tensor(other))
    assert found.item() == pytest.approx(expected, rel=1e-12)


def test_a_charbonnier_difference_is_l1_far_away_and_a_square_nearby() -> None:
    assert charbonnier(torch.tensor([0.5, -0.3])).item() == pytest.approx(0.4, rel=1e-4)
    near = torch.tensor([1e-5], requires_grad=True)
    (slope,) = torch.autograd.grad(charbonnier(near), near)
    assert slope.item() == pytest.approx(0.01, rel=1e-3)  # L1's is 1 wherever it is not 0
    only = LossSettings(l1=0, charbonnier=2.0)
    objective = Objective.of(build("loupe", scale=2, features=4, blocks=1), only, None)
    assert objective.loss(torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2)).item() == pytest.approx(
        2, rel=1e-4
    )


def test_a_balanced_loss_sees_dark_bands_as_it_sees_bright_ones() -> None:
    hr = torch.rand(2, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    hr[:, 1] = hr[:, 0] * 0.01
    weights = band_weights(hr).flatten()
    assert weights.tolist() == pytest.approx([1, 100], rel=1e-4)
    assert band_weights(torch.zeros(1, 1, 4, 4)).item() == 1


def test_a_schedule_in_minutes_ends_in_time() -> None:
    timed = ScheduleSettings(minutes=10, shape="wsd", warmup=100, decay=0.2)
    assert timed.length(7) is None
    assert timed.place(5, 7, 30.0) == (30.0, 600.0)
    assert timed.share(49, 7, 1.0) == pytest.approx(0.5)  # warming up, by steps
    shares = [timed.share(9999, 7, seconds) for seconds in (10, 480, 540, 599)]
    assert shares == pytest.approx([1, 1, 0.5, 1 / 120])
    assert [timed.falling(9999, 7, seconds) for seconds in (10, 479, 481)] == [False, False, True]
    cosine = ScheduleSettings(minutes=10, shape="cosine")
    assert cosine.share(9999, 7, 300.0) == pytest.approx(0.5)
    for wrong in ({"minutes": 0.0}, {"minutes": 1.0, "steps": 5}, {}):
        with pytest.raises(ValueError, match="minutes"):
            ScheduleSettings(**wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="a schedule in minutes has no milestones"):
        ScheduleSettings(minutes=1.0, milestones=(3,))


def test_the_last_loss_is_of_late_steps_alone() -> None:
    objective = Objective.of(build("loupe", scale=2, features=4, blocks=1), LossSettings(), None)
    generator = torch.Generator().manual_seed(0)
    lr, hr = (torch.rand(2, 3, side, side, generator=generator) for side in (8, 16))
    assert objective(lr, hr, late=True) == objective(lr, hr)
    objective.last_settings = LossSettings(l1=0, score=1.0)
    assert objective(lr, hr, late=True) != objective(lr, hr)
    assert objective(lr, hr, late=True) < 0 < objective(lr, hr)


def test_half_precision_is_inside_the_network_alone() -> None:
    """Neither what it sees first nor the truth is rounded to the eight bits of bf16."""
    network = build("loupe", scale=2, features=4, blocks=1)
    objective = Objective.of(network, LossSettings(), None)
    lr = torch.full((1, 3, 8, 8), 0.7)
    hr = torch.full((1, 3, 16, 16), 0.7)
    objective.mixed = True
    assert objective(lr, hr).item() < 1e-6  # 0.7 is 0.699 in bf16
    noise = 1e-4 * torch.rand(lr.shape, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", torch.bfloat16):
        seen = network.head(lr + noise)  # type: ignore[attr-defined]
    assert torch.allclose(seen, network.head(lr + noise), atol=1e-7)  # type: ignore[attr-defined]
