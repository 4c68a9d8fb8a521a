"""A convolution and what follows it in one pass answers what both answer one after the other."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from geoloupe.networks.acceleration.rewrites import fused
from geoloupe.networks.acceleration.rewrites.fused import computes_low, conv_onto, conv_relu
from geoloupe.networks.acceleration.rewrites.one_band import OneBand


def layer() -> nn.Conv2d:
    torch.manual_seed(0)
    made = nn.Conv2d(8, 8, 3, padding=1).requires_grad_(False)
    return made.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def image(dtype: torch.dtype = torch.bfloat16) -> Tensor:
    torch.manual_seed(1)
    return torch.randn(2, 8, 9, 7).to(dtype).contiguous(memory_format=torch.channels_last)


def answers() -> tuple[Tensor, Tensor]:
    conv, x = layer(), image()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
        return conv_relu(conv, x), conv_onto(conv, x, x.clone())


def test_in_one_pass_as_in_two(monkeypatch: pytest.MonkeyPatch) -> None:
    together = answers()
    monkeypatch.setattr(fused, "_is_sound", lambda: False)
    apart = answers()
    for one, other in zip(together, apart, strict=True):
        assert one.dtype == other.dtype == torch.bfloat16
        assert torch.allclose(one.float(), other.float(), atol=0.03, rtol=0.02)
    exact = F.conv2d(image().float(), layer().weight, layer().bias, padding=1)
    assert torch.allclose(together[0].float(), exact.relu(), atol=0.03, rtol=0.02)
    assert torch.allclose(together[1].float(), image().float() + exact, atol=0.05, rtol=0.02)


def test_single_precision_is_left_as_it_is() -> None:
    conv, x = layer(), image(torch.float32)
    with torch.inference_mode():
        assert torch.equal(conv_relu(conv, x), F.relu(conv(x)))
        assert torch.equal(conv_onto(conv, x, x.clone()), x + conv(x))


def test_gradients_pass_where_they_are_asked_for() -> None:
    conv, x = layer(), image(torch.float32).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        assert not computes_low(x)
        conv_relu(conv, x).float().sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0


def test_operators_that_are_missing_are_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> Tensor:
        raise AttributeError("no such operator")

    expected = answers()
    fused._is_sound.cache_clear()
    monkeypatch.setattr(fused, "_relu_of", missing)
    found = answers()
    fused._is_sound.cache_clear()
    for one, other in zip(found, expected, strict=True):
        assert torch.allclose(one.float(), other.float(), atol=0.03, rtol=0.02)


def test_one_band_is_the_convolution() -> None:
    torch.manual_seed(0)
    conv, x = OneBand(8), image(torch.float32)
    with torch.inference_mode():
        assert torch.allclose(conv(x), F.conv2d(x, conv.weight, conv.bias, padding=1), atol=1e-5)
