"""A method measured as a network answers as `geoloupe sharpen` does."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import geoloupe
from geoloupe.errors import InputError
from geoloupe.models.sharpeners import is_sharpener, sharpening_model
from tests.scenes.pairs import pair, read

MTF = (0.28, 0.3, 0.3, 0.25)


@pytest.mark.parametrize("name", ["glp", "gsa", "bdsd", "brovey", "guided-pan"])
def test_its_answer_is_that_of_the_product(tmp_path: Path, name: str) -> None:
    ms, guide, _ = pair(tmp_path, ratio=2, side=96)
    made = geoloupe.sharpen(
        ms, tmp_path / "out.tif", guide=guide, model=name, mtf=MTF, shift=(0, 0)
    )
    coarse, fine, product = (read(path).astype(np.float32) for path in (ms, guide, made.path))
    low, high = made.radiometry.low[0], made.radiometry.high[0]
    model = sharpening_model(name, 2)
    found: Any = model(coarse, fine, value_range=(low, high), mtf=MTF)
    assert np.abs(found - product).max() <= 0.01 * (high - low)
    assert np.abs(found - product).mean() <= 2e-4 * (high - low)


def test_only_methods_and_weights_that_sharpen_are_taken_for_some(tmp_path: Path) -> None:
    assert is_sharpener("glp")
    assert is_sharpener("guided-s2")
    assert not is_sharpener("bicubic")  # the network of that name
    assert not is_sharpener("loupe-x4")
    assert not is_sharpener("no-such-name")


@pytest.mark.parametrize("name", ["gsa", "bdsd", "brovey", "guided-pan"])
def test_a_batch_is_its_images_each_with_weights_of_its_own(name: str) -> None:
    network: Any = sharpening_model(name, 2).network.for_sensor(0.3)
    generator = torch.Generator().manual_seed(0)
    lr = torch.rand(2, 3, 24, 24, generator=generator)
    guide = torch.rand(2, 1, 48, 48, generator=generator)
    guide[1] = 3 * guide[1] + 1  # so that moments of both together fit neither
    batch = network(lr, guide)
    singles = torch.cat([network(lr[n : n + 1], guide[n : n + 1]) for n in range(2)])
    assert (batch - singles).abs().max() <= 1e-5


def test_a_guide_of_other_bands_is_refused(tmp_path: Path) -> None:
    model = sharpening_model("gsa", 2)
    with pytest.raises(InputError, match="gsa needs a guide image of 1 bands, but this one has 3"):
        model(np.zeros((3, 8, 8), np.float32), np.zeros((3, 16, 16), np.float32))
    with pytest.raises(InputError, match="glp needs a guide image"):
        sharpening_model("glp", 2)(np.zeros((3, 8, 8), np.float32))
