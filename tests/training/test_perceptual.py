"""The perceptual distance: it sees texture where L1 sees none, and never learns itself."""

from pathlib import Path

import pytest
import torch

from geoloupe.errors import InputError
from geoloupe.models.card import Card
from geoloupe.models.model import model_from_state, plain_settings, save
from geoloupe.networks import build
from geoloupe.training.losses import LossSettings, Objective
from geoloupe.training.perceptual import PerceptualDistance


@pytest.fixture(scope="module")
def looking() -> PerceptualDistance:
    """The distance as it is by default."""
    return PerceptualDistance.of(LossSettings().looks)


def images(bands: int = 3, count: int = 2) -> torch.Tensor:
    """Draw noise that is smooth over three pixels."""
    noise = torch.rand(count, bands, 34, 34, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.avg_pool2d(noise, 3, stride=1)


def test_it_is_zero_at_equality_and_rises_with_blur(looking: PerceptualDistance) -> None:
    hr = images()
    soft = _blurred(hr, 3)
    assert looking(hr, hr).item() == 0
    found = [looking(hr.lerp(soft, share), hr).item() for share in (0.2, 0.5, 0.9)]
    assert 0 < found[0] < found[1] < found[2]


def _blurred(image: torch.Tensor, width: int) -> torch.Tensor:
    return torch.nn.functional.avg_pool2d(image, width, 1, width // 2, count_include_pad=False)


def test_it_minds_lost_texture_more_than_a_shade(looking: PerceptualDistance) -> None:
    """An offset as large as what blur loses: L1 takes them for alike."""
    hr = images()
    soft = _blurred(hr, 5)
    shaded = hr + (soft - hr).abs().mean()
    assert (shaded - hr).abs().mean().item() == pytest.approx((soft - hr).abs().mean().item())
    assert looking(shaded, hr) < looking(soft, hr) / 10


def test_a_batch_is_its_samples_and_any_number_of_bands_will_do(
    looking: PerceptualDistance,
) -> None:
    for bands in (1, 3, 4, 7):
        hr = images(bands, 3)
        sr = _blurred(hr, 3)
        whole = looking(sr, hr).item()
        each = [looking(sr[n : n + 1], hr[n : n + 1]).item() for n in range(3)]
        assert whole == pytest.approx(sum(each) / 3, rel=1e-4)


def test_its_gradient_sharpens_and_black_images_have_one(looking: PerceptualDistance) -> None:
    hr = images()
    sr = _blurred(hr, 5).requires_grad_()
    before = looking(sr, hr)
    (slope,) = torch.autograd.grad(before, sr)
    better = sr - 1e-3 * slope / slope.abs().mean()
    assert looking(better, hr) < before
    black = torch.zeros(1, 3, 16, 16, requires_grad=True)
    (slope,) = torch.autograd.grad(looking(black, torch.zeros(1, 3, 16, 16)), black)
    assert slope.isfinite().all()
    assert not any(weight.requires_grad for weight in looking.parameters())
    assert not looking.train().network.training


def test_it_is_a_term_of_the_loss_with_any_folder_of_weights(tmp_path: Path) -> None:
    network = build("edsr", scale=2, bands=3, features=8, blocks=2)
    card = Card(name="mine", network="edsr", settings=plain_settings(network))
    save(model_from_state(network, network.state_dict(), card), tmp_path / "mine")
    distance = PerceptualDistance.of(str(tmp_path / "mine"))
    settings = LossSettings(l1=0, perceptual=2.0)
    objective = Objective.of(build("loupe", scale=2, features=4, blocks=1), settings, None)
    objective.distance = distance
    hr = images()
    sr = _blurred(hr, 3)
    assert objective.loss(sr, hr).item() == pytest.approx(2 * distance(sr, hr).item())
    assert len(distance.features(hr)) == 2
    with pytest.raises(InputError, match="looks at 3 bands, and the images have 4"):
        distance(images(4), images(4))


@pytest.mark.parametrize("name", ["mulsr-x4", "tsfnet-x8", "bicubic"])
def test_what_cannot_compare_images_says_so(name: str) -> None:
    with pytest.raises(InputError, match=r"cannot compare images|needs? .*scale"):
        PerceptualDistance.of(name)(images(), images())
