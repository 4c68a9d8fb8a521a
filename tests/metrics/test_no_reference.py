"""QNR and HQNR are 1 where fusion changed nothing, and fall with what it spoils."""

from collections.abc import Callable
from importlib import import_module

import numpy as np
import pytest
import torch
import torchmetrics.functional.image as theirs
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from geoloupe.errors import InputError
from geoloupe.imagery.resize import imresize
from geoloupe.metrics.no_reference import d_lambda, d_lambda_khan, d_s, hqnr, qnr

Cube = NDArray[np.float64]


def scene(seed: int = 0, side: int = 96, scale: int = 4) -> tuple[Cube, Cube, Cube]:
    """Draw a true image (4,H,W), what a coarse sensor sees of it, and its panchromatic band."""
    rng = np.random.default_rng(seed)
    fine = ndimage.gaussian_filter(rng.standard_normal((4, side, side)), (0, 2, 2))
    coarse = ndimage.gaussian_filter(rng.standard_normal((1, side, side)), (0, 5, 5))
    truth = 0.5 + 0.3 * fine + 2 * coarse
    return truth, imresize(truth, 1 / scale), truth.mean(axis=0)


@given(
    seed=st.integers(0, 99),
    gains=st.lists(st.floats(0.1, 3.0, allow_subnormal=False), min_size=1, max_size=5),
)
@settings(max_examples=20, deadline=None)
def test_bands_that_keep_their_proportions_are_ideal(seed: int, gains: list[float]) -> None:
    pan = scene(seed)[2]
    factors = np.array(gains)[:, None, None]
    pan_lr = imresize(pan, 1 / 4)
    fused, ms = factors * pan, factors * pan_lr
    assert d_lambda(fused, ms) == pytest.approx(0, abs=1e-6)
    assert d_s(fused, ms, pan, pan_lr=pan_lr) == pytest.approx(0, abs=1e-6)
    assert d_s(fused, ms, pan) < 0.1
    assert qnr(fused, ms, pan, pan_lr=pan_lr[None]) == pytest.approx(1, abs=1e-6)


def test_the_true_image_is_better_than_a_spoilt_one() -> None:
    truth, ms, pan = scene()
    noise = np.random.default_rng(1).standard_normal(truth.shape) * 0.1
    invented = truth + noise
    for measure in (qnr, hqnr):
        assert 0 <= measure(invented, ms, pan) < measure(truth, ms, pan) <= 1
    assert d_lambda_khan(truth, ms) < 0.1
    assert d_lambda_khan(truth[::-1], ms) > 2 * d_lambda_khan(truth, ms)
    assert hqnr(truth, ms, pan) == (1 - d_lambda_khan(truth, ms)) * (1 - d_s(truth, ms, pan))
    assert qnr(truth, ms, pan) == (1 - d_lambda(truth, ms)) * (1 - d_s(truth, ms, pan))


def textbook_uqi(x: Cube, y: Cube, size: int) -> float:
    """Write Wang and Bovik's index as a loop over windows."""
    scores = []
    for row in range(x.shape[0] - size + 1):
        for column in range(x.shape[1] - size + 1):
            window = slice(row, row + size), slice(column, column + size)
            a, b = x[window].ravel(), y[window].ravel()
            covariance = np.mean((a - a.mean()) * (b - b.mean()))
            scores.append(
                4
                * covariance
                * a.mean()
                * b.mean()
                / ((a.var() + b.var()) * (a.mean() ** 2 + b.mean() ** 2))
            )
    return float(np.mean(scores))


def textbook_torch(size: int, sides: dict[int, int]) -> Callable[..., torch.Tensor]:
    """Give torchmetrics our textbook index, a window for every size of image."""

    def index(
        preds: torch.Tensor, target: torch.Tensor, reduction: str = "elementwise_mean"
    ) -> torch.Tensor:
        side = sides.get(preds.shape[-1], size)
        scores = [
            textbook_uqi(x[0].numpy(), y[0].numpy(), side)
            for x, y in zip(preds, target, strict=True)
        ]
        each = torch.tensor(scores, dtype=preds.dtype).reshape(-1, 1, 1, 1)
        return each if reduction == "none" else each.mean()

    return index


@pytest.mark.parametrize("size", [8, 12])
def test_torchmetrics_composes_the_index_in_the_same_way(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth, ms, pan = scene(2, side=40)
    pan_lr = imresize(pan, 1 / 4)
    fused = truth + 0.1 * np.random.default_rng(0).random(truth.shape)
    batch, batch_ms = torch.tensor(fused[None]), torch.tensor(ms[None])
    index = textbook_torch(size, {10: size // 4})
    for name in ("d_lambda", "d_s"):
        module = import_module(f"torchmetrics.functional.image.{name}")
        monkeypatch.setattr(module, "universal_image_quality_index", index)
    pans = (torch.tensor(np.stack([plane] * 4)[None]) for plane in (pan, pan_lr))
    quality = theirs.quality_with_no_reference(batch, batch_ms, *pans)
    spectral = theirs.spectral_distortion_index(batch_ms, batch)
    assert d_lambda(fused, ms, window=size) == pytest.approx(float(spectral), abs=1e-6)
    assert qnr(fused, ms, pan, pan_lr=pan_lr, window=size) == pytest.approx(
        float(quality), abs=1e-6
    )


def test_torchmetrics_agrees_that_an_image_is_like_itself() -> None:
    truth = scene(3)[0][None].astype(np.float32)
    assert float(theirs.spectral_distortion_index(*map(torch.tensor, (truth, truth)))) == 0
    assert d_lambda(truth[0], truth[0]) == 0
    assert d_lambda_khan(truth[0], truth[0]) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("garbage", [np.nan, np.inf, 1e6, 0.0])
def test_what_does_not_count_changes_nothing(garbage: float) -> None:
    truth, ms, pan = scene(4)
    fused = truth + 0.1 * np.random.default_rng(0).random(truth.shape)
    valid = np.ones(pan.shape, bool)
    valid[30:60, 10:47] = False
    lost = ~valid.reshape(24, 4, 24, 4).all(axis=(1, 3))

    def measured(spoil: float) -> list[float]:
        images = [np.where(valid, fused, spoil), np.where(lost, spoil, ms)]
        pair = [d(*images, valid=valid) for d in (d_lambda, d_lambda_khan)]
        return [*pair, d_s(*images, np.where(valid, pan, spoil), valid=valid)]

    assert measured(garbage) == pytest.approx(measured(0.5), abs=1e-9)
    assert measured(garbage) == pytest.approx(
        [d_lambda(fused, ms), d_lambda_khan(fused, ms), d_s(fused, ms, pan)], abs=0.05
    )


@pytest.mark.parametrize("level", [0.0, 0.3, 1000.0])
@pytest.mark.parametrize("side", [1, 3, 40])
def test_flat_dark_and_tiny_images_are_ideal_and_never_nan(level: float, side: int) -> None:
    fused, ms = np.full((3, 2 * side, 2 * side), level), np.full((3, side, side), level)
    for measure in (qnr, hqnr):
        assert measure(fused, ms, fused[0]) == pytest.approx(1)
        noisy = np.random.default_rng(0).random(fused.shape)
        assert 0 <= measure(noisy, ms, fused[:1]) <= 1
        assert 0 <= measure(fused, ms, noisy[:1]) <= 1


def test_a_small_contrast_on_a_bright_band_keeps_its_digits() -> None:
    truth, ms, pan = scene(5)
    plain = d_s(truth + 1e4, ms + 1e4, pan + 1e4)
    assert d_s(truth * 1e-3 + 1e1, ms * 1e-3 + 1e1, pan * 1e-3 + 1e1) == pytest.approx(plain, 1e-4)


def test_images_that_do_not_fit_are_refused() -> None:
    truth, ms, pan = scene()
    with pytest.raises(InputError, match="whole multiple"):
        d_lambda(truth[:, :-1], ms)
    with pytest.raises(InputError, match="whole multiple"):
        d_s(truth, ms, pan[:-4])
    with pytest.raises(InputError, match="no pixel in common"):
        d_lambda(truth, ms * np.nan)
