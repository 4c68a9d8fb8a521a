"""A guide's detail in coarser bands: what a linear world must give back, and what cannot matter."""

import pytest
import torch

from geoloupe.imagery.alignment import Axis
from geoloupe.networks.observation import Observation
from geoloupe.networks.sharpening.injection import injected


def scene(bands: int, side: int = 96) -> torch.Tensor:
    """Smooth ground with edges and grain, (1,bands,side,side)."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(1, bands, side // 8, side // 8, generator=generator, dtype=torch.float64)
    blocks = torch.nn.functional.interpolate(coarse, scale_factor=8, mode="nearest")
    return blocks + 0.05 * torch.rand(blocks.shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("guides", [1, 2, 4])
@pytest.mark.parametrize("scale", [2, 3, 6])
def test_what_follows_from_the_guide_is_restored(guides: int, scale: int) -> None:
    guide = scene(guides)
    weights = torch.linspace(-1, 2, guides, dtype=torch.float64)
    truth = (guide * weights[None, :, None, None]).sum(1, keepdim=True) + 7
    sensor = Observation.aligned(0.3, scale=scale)
    size = (96 // scale, 96 // scale)
    lr = sensor.observe(truth, size)
    plain = (sensor.interpolate(lr, (96, 96)) - truth).abs().mean()
    made = injected(lr, guide, [sensor])
    assert (made - truth).abs().mean() < 0.1 * plain  # the ridge keeps a little


def test_gains_and_offsets_are_followed_and_the_guides_do_not_matter() -> None:
    guide, sensor = scene(3), Observation.aligned(0.25, scale=4)
    lr = sensor.observe(scene(2)[:, :1] + guide[:, 1:2], (24, 24))
    made = injected(lr, guide, [sensor])
    assert injected(3 * lr - 1, guide, [sensor]).allclose(3 * made - 1)
    gains = torch.tensor([1e4, 0.3, 7], dtype=torch.float64)[None, :, None, None]
    assert injected(lr, gains * guide + 5, [sensor]).allclose(made)


def test_a_guide_without_detail_leaves_interpolation() -> None:
    sensor = Observation.aligned(0.3, scale=2)
    lr = scene(2, side=48)
    flat = torch.ones(1, 3, 96, 96, dtype=torch.float64)
    made = injected(lr, flat, [sensor, sensor])
    assert made.allclose(sensor.interpolate(lr, (96, 96)))


def test_every_band_has_its_own_sensor_and_does_not_see_the_others() -> None:
    guide, lr = scene(2), scene(2, side=48)
    sensors = [Observation.aligned(gain, scale=2) for gain in (0.2, 0.4)]
    both = injected(lr, guide, sensors)
    for band, sensor in enumerate(sensors):
        assert both[:, band : band + 1].equal(injected(lr[:, band : band + 1], guide, [sensor]))


def test_it_is_local() -> None:
    guide, lr = scene(2, side=192), scene(1, side=96)
    sensor = Observation.aligned(0.3, scale=2)
    whole = injected(lr, guide, [sensor])
    part = injected(lr[..., 10:60, 10:60], guide[..., 20:120, 20:120], [sensor])
    inner = slice(20, 80)
    assert part[..., inner, inner].allclose(whole[..., 20:120, 20:120][..., inner, inner])


def test_grids_need_not_share_a_corner() -> None:
    guide = scene(2, side=120)
    axis = Axis(ratio=2.5, offset=0.5)
    sensor = Observation(mtf=(0.3,), down=axis, across=axis)
    truth = guide[:, :1] - guide[:, 1:]
    lr = sensor.observe(truth, (47, 47))
    plain = (sensor.interpolate(lr, (120, 120)) - truth).abs().mean()
    assert (injected(lr, guide, [sensor]) - truth)[..., 4:-4, 4:-4].abs().mean() < 0.1 * plain
