"""Samples made on the device are those that the processor makes, but for rounding and for noise."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from geoloupe import catalog
from geoloupe.datasets.preparation.prepared import PreparedDataset
from geoloupe.datasets.samples.examples import Examples
from geoloupe.datasets.samples.patches import Mix, Patches, PatchSettings
from geoloupe.degradations.degradation import Degradation
from geoloupe.degradations.named import BI, MULSR_TEST, SENSORS
from geoloupe.errors import InputError
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import Radiometry
from geoloupe.rasters.product import write_image
from geoloupe.training.batches import Share, batches
from geoloupe.training.device_samples import DeviceImages, Maker
from geoloupe.training.hardware import Hardware
from geoloupe.training.sample_draws import draws_of, foreign
from tests.datasets import small

CPU = torch.device("cpu")
SIZE = 10
QUIET = replace(SENSORS, noises=())
RADIOMETRY = Radiometry(dtype="uint16", low=(5000.0,), high=(60000.0,))


class Fabric:
    """As much of a fabric as batches ask for."""

    device = CPU


def rough(bands: int, height: int, width: int, seed: int) -> Any:
    """Draw values from 0 to 1 with edges and texture."""
    rng = np.random.default_rng(seed)
    coarse = rng.random((bands, -(-height // 6), -(-width // 6)))
    values = coarse.repeat(6, 1).repeat(6, 2)[:, :height, :width]
    return np.clip(0.8 * values + 0.2 * rng.random(values.shape), 0, 1)


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[PreparedDataset]]:
    """A set of colour images, one of grey images, and one of four bands in 16 bits."""
    home = tmp_path_factory.mktemp("sets")
    scenes: list[dict[str, Any]] = [
        {
            f"{name}{number}.png": (rough(bands, 49 + number, 56, number) * 255).astype(np.uint8)
            for number in range(4)
        }
        for name, bands in (("colour", 3), ("grey", 1))
    ]
    (home / "many").mkdir()
    for number in range(2):
        stored = (5000 + 55000 * rough(4, 64, 50, number)).astype(np.uint16)
        write_image(home / "many" / f"{number}.tif", Image.of(stored, radiometry=RADIOMETRY))
    with pytest.MonkeyPatch.context() as patch:
        small.enter(patch)
        found = [small.prepared(home / str(place), each) for place, each in enumerate(scenes)]
        yield [*found, wide(home)]
    catalog.targets.cache_clear()


def wide(home: Path) -> PreparedDataset:
    """Prepare images of 16 bits, whose range is told."""
    from geoloupe.datasets.preparation.prepare import prepare

    prepare("folder", home / "many", home / "wide")
    return PreparedDataset.open(home / "wide")


def patches(data: PreparedDataset, degradation: Degradation, scale: int, **chosen: Any) -> Patches:
    examples = Examples(prepared=data, entries=data.entries, scale=scale, degradation=degradation)
    settings = PatchSettings(**({"size": SIZE} | chosen))
    return Patches(examples, settings, seed=3, gives_mtf=True)


def both(samples: Patches | Mix, count: int = 60) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Make a batch on the processor and one as a device makes it."""
    loaded = torch.utils.data.default_collate([samples[number] for number in range(count)])
    draws = draws_of(samples)
    thrown = torch.utils.data.default_collate([draws[number] for number in range(count)])
    scale = draws.parts[0].examples.scale
    maker = Maker(images=DeviceImages.read(draws, CPU), scale=scale)
    field = torch.randn(loaded["lr"].shape, generator=torch.Generator().manual_seed(0))
    return loaded, maker(thrown, field)


def equal(loaded: dict[str, Tensor], made: dict[str, Tensor]) -> None:
    """Hold batches as equal: the same truth, the same told, LR within a rounded grey level."""
    assert loaded.keys() == made.keys()
    assert torch.allclose(loaded["hr"], made["hr"], atol=1e-6)
    assert loaded["mtf"].equal(made["mtf"])
    away = (loaded["lr"] - made["lr"]).abs()
    assert away.max() <= 1 / 255 + 1e-6
    assert (away > 1e-6).float().mean() < 2e-3  # where rounding to a grey level is a tie


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_mix_is_what_the_processor_makes(sets: list[PreparedDataset], scale: int) -> None:
    told = {"bands": 3, "shuffles": True, "apart": 0.5, "mtf_error": 0.01}
    parts = [patches(data, QUIET, scale, **told) for data in sets]
    mix = Mix(parts, [0.5, 0.3, 0.2], seed=5)
    assert foreign(mix) is None
    equal(*both(mix))


@pytest.mark.parametrize("scale", [2, 4])
def test_bicubic_images_are_what_the_processor_makes(
    sets: list[PreparedDataset], scale: int
) -> None:
    samples = patches(sets[0], BI, scale)
    assert foreign(samples) is None
    equal(*both(samples))


def test_noise_is_as_strong_and_copies_of_a_band_share_it(sets: list[PreparedDataset]) -> None:
    samples = patches(sets[1], SENSORS, 4, bands=3, flips=False, transposes=False)
    loaded, made = both(samples, 200)
    quiet, _ = both(patches(sets[1], QUIET, 4, bands=3, flips=False, transposes=False), 200)
    assert torch.allclose(loaded["hr"], made["hr"], atol=1e-6)
    assert made["lr"][:, 0].equal(made["lr"][:, 2])
    strengths = [(batch["lr"] - quiet["lr"]).std().item() for batch in (loaded, made)]
    assert strengths[0] == pytest.approx(strengths[1], rel=0.05)
    assert strengths[0] > 0.5 / 255


def test_batches_go_on_where_they_were(sets: list[PreparedDataset]) -> None:
    samples = patches(sets[0], SENSORS, 2)
    hardware = Hardware(accelerator="cpu", samples="device")

    def steps(first: int) -> Iterator[dict[str, Tensor]]:
        share = Share(first=first, last=None, batch=4)
        return batches(samples, share, hardware=hardware, fabric=Fabric(), seed=1)

    whole, later = steps(0), steps(2)
    for _ in range(2):
        next(whole)
    one, other = next(whole), next(later)
    assert all(one[name].equal(other[name]) for name in one)


def test_what_no_device_can_make_is_said(sets: list[PreparedDataset]) -> None:
    share = Share(first=0, last=1, batch=1)
    samples = patches(sets[0], MULSR_TEST, 2)
    asked = Hardware(accelerator="cpu", samples="device")
    with pytest.raises(InputError, match="no device can make the degradation mulsr-test"):
        batches(samples, share, hardware=asked, fabric=Fabric(), seed=0)
    plain = batches(samples, share, hardware=Hardware(), fabric=Fabric(), seed=0)
    assert next(plain)["lr"].shape == (1, 3, SIZE, SIZE)
    assert foreign(patches(sets[0], BI, 2, rolls=True)) == "rolls"
    with pytest.raises(InputError, match="no place of samples is called 'gpu'"):
        Hardware(samples="gpu")


def test_samples_grow_on_the_device_as_on_the_processor(sets: list[PreparedDataset]) -> None:
    grown = patches(sets[0], QUIET, 2, grow=((2, 14),))
    grown.batch = 5  # samples of a step
    share, fabric = Share(first=1, last=4, batch=5), Fabric()
    made, loaded = (
        list(batches(grown, share, hardware=Hardware(samples=place), fabric=fabric, seed=0))
        for place in ("device", "loaded")
    )
    assert [batch["lr"].shape[-1] for batch in made] == [10, 14, 14]
    for one, other in zip(loaded, made, strict=True):
        equal(one, other)
