"""Baselines of pansharpening: what a linear world must give back, and moments that sum up."""

from collections.abc import Sequence

import pytest
import torch

from geoloupe import catalog
from geoloupe.networks.observation import Observation
from geoloupe.networks.sharpening.method import Method
from tests.networks.sharpening.test_injection import scene

SIZE = (24, 24)
SENSOR = Observation.aligned(0.3, scale=4)


def method(name: str) -> Method:
    made: Method = catalog.resolve("sharpener", name)()  # type: ignore[operator]
    return made


def moments(features: torch.Tensor) -> torch.Tensor:
    """Average the products of features (1,K,h,w)."""
    flat = features[0].flatten(1).double()
    return flat @ flat.T / flat.shape[1]


def sharpened(
    name: str, lr: torch.Tensor, guide: torch.Tensor, sensors: Sequence[Observation]
) -> torch.Tensor:
    chosen = method(name)
    features = chosen.features(lr, guide, sensors)
    return chosen.fitted(None if features is None else moments(features))(lr, guide, sensors)


def world() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return bands, guide and truth where every band is a line of one intensity."""
    intensity = scene(1)
    gains = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)[None, :, None, None]
    truth = gains * intensity
    return SENSOR.observe(truth, SIZE), 3 * intensity + 0.5, truth


@pytest.mark.parametrize("name", ["gsa", "brovey", "bdsd"])
def test_one_intensity_is_restored(name: str) -> None:
    lr, guide, truth = world()
    made = sharpened(name, lr, guide, [SENSOR] * 3)
    plain = SENSOR.interpolate(lr, (96, 96))
    limit = 0.35 if name == "bdsd" else 0.01  # learned from what is lost one scale up
    assert (made - truth).abs().mean() < limit * (plain - truth).abs().mean()


@pytest.mark.parametrize("name", ["gsa", "brovey", "bdsd"])
def test_gain_and_offset_of_the_guide_do_not_matter(name: str) -> None:
    lr, guide, _ = world()
    lr = lr + 0.1 * torch.rand(lr.shape, generator=torch.Generator().manual_seed(1))
    one = sharpened(name, lr, guide, [SENSOR] * 3)
    other = sharpened(name, lr, 0.02 * guide - 7, [SENSOR] * 3)
    assert one.allclose(other, atol=1e-5)


@pytest.mark.parametrize("name", ["gsa", "bdsd"])
def test_gain_and_offset_of_the_bands_are_followed(name: str) -> None:
    lr, guide, _ = world()
    lr = lr + 0.1 * torch.rand(lr.shape, generator=torch.Generator().manual_seed(1))
    made = sharpened(name, lr, guide, [SENSOR] * 3)
    assert sharpened(name, 5 * lr - 2, guide, [SENSOR] * 3).allclose(5 * made - 2, atol=1e-4)


@pytest.mark.parametrize("name", catalog.names("sharpener"))
def test_every_method_is_what_the_catalog_promises(name: str) -> None:
    chosen = method(name)
    assert chosen.TITLE
    assert chosen.PAPER
    guide = scene(chosen.guide_bands or 3)
    lr = SENSOR.observe(scene(2), SIZE)
    made = sharpened(name, lr, guide, [SENSOR] * 2)
    assert made.shape == (1, 2, 96, 96)
    assert made.isfinite().all()
    features = chosen.features(lr, guide, [SENSOR] * 2)
    assert features is None or (features[:, 0] == 1).all()


@pytest.mark.parametrize("name", catalog.names("sharpener"))
def test_flat_images_stay_flat(name: str) -> None:
    guide = torch.ones(1, method(name).guide_bands or 2, 96, 96, dtype=torch.float64)
    lr = 0.3 * torch.ones(1, 2, *SIZE, dtype=torch.float64)
    made = sharpened(name, lr, guide, [SENSOR] * 2)
    assert made.allclose(lr.new_full(made.shape, 0.3), atol=1e-6)
