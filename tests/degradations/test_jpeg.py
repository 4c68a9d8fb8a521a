"""What JPEG loses, held to an encoder that writes real files."""

from functools import cache
from io import BytesIO

import numpy as np
import PIL.Image
import pytest
from tools.drawing.scene import sample_scene

from geoloupe.degradations.jpeg import compress


def real(levels: np.ndarray, quality: int) -> np.ndarray:
    """Encode (B,H,W) uint8 with a program of others and decode it."""
    picture = PIL.Image.fromarray(levels.transpose(1, 2, 0) if len(levels) == 3 else levels[0])
    with BytesIO() as memory:
        picture.save(memory, "JPEG", quality=quality, subsampling="4:2:0")
        back = np.asarray(PIL.Image.open(memory))
    return np.atleast_3d(back).transpose(2, 0, 1)


@cache
def drawn() -> np.ndarray:
    """Draw a part of a scene, once."""
    return sample_scene().in_unit().values[:, 100:193, 50:171]


@pytest.mark.parametrize("quality", [20, 60, 90])
@pytest.mark.parametrize("bands", [1, 3])
def test_the_loss_is_that_of_a_real_encoder(bands: int, quality: int) -> None:
    unit = drawn()[:bands]
    levels = np.rint(255 * (unit / unit.max()).clip(0, 1)).astype(np.uint8)
    ours = np.rint(255 * compress(levels / 255, quality))
    theirs = real(levels, quality).astype(float)
    lost = np.abs(theirs - levels).mean()
    assert np.abs(ours - theirs).mean() < 0.25 * lost  # both round many times inside
    assert np.abs(ours - levels).mean() == pytest.approx(lost, rel=0.1, abs=0.1)


def test_four_bands_are_coded_one_by_one() -> None:
    values = np.random.default_rng(0).random((4, 9, 17))
    together = compress(values, 50)
    assert together.shape == values.shape
    assert (together[2:3] == compress(values[2:3], 50)).all()
    assert ((together >= 0) & (together <= 1)).all()
