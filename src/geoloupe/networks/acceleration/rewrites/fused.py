"""Convolutions in bf16 with what follows them, in one pass over the map.

What a rectifier or a sum takes on its own is a third of a convolution in bf16, for it goes through
memory once more. PyTorch's compiler calls these operators; they are not public, so they are tried
once and left alone where they are missing or answer anything else.
"""

from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def conv_relu(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """Return relu(layer(x)), (N,C,H,W) -> (N,D,H,W)."""
    if not _fuses(layer, x):
        return F.relu_(layer(x))
    return _relu_of(x.to(torch.bfloat16), *_weights(layer))


def conv_onto(layer: nn.Conv2d, x: Tensor, onto: Tensor) -> Tensor:
    """Return onto + layer(x); (N,D,H,W) may be written over where it is in bf16."""
    if not _fuses(layer, x) or onto.dtype != torch.bfloat16:
        return onto + layer(x)
    return _sum_with(onto, x.to(torch.bfloat16), *_weights(layer))


def computes_low(x: Tensor) -> bool:
    """Return whether layers compute in bf16 on the processor just now, without gradients."""
    return (
        x.device.type == "cpu"
        and torch.is_autocast_enabled("cpu")
        and torch.get_autocast_dtype("cpu") is torch.bfloat16
        and not torch.is_grad_enabled()
    )


def _fuses(layer: nn.Conv2d, x: Tensor) -> bool:
    if torch.compiler.is_compiling() or torch.jit.is_tracing():  # type: ignore[attr-defined]
        return False
    return layer.groups == 1 and computes_low(x) and _is_sound()


def _weights(layer: nn.Conv2d) -> tuple[Tensor, Tensor | None, list[int]]:
    bias = None if layer.bias is None else layer.bias.to(torch.bfloat16)
    assert not isinstance(layer.padding, str)
    return layer.weight.to(torch.bfloat16), bias, list(layer.padding)


def _relu_of(x: Tensor, weight: Tensor, bias: Tensor | None, padding: list[int]) -> Tensor:
    made: Tensor = torch.ops.mkldnn._convolution_pointwise(
        x, weight, bias, padding, [1, 1], [1, 1], 1, "relu", [], ""
    )
    return made


def _sum_with(
    onto: Tensor, x: Tensor, weight: Tensor, bias: Tensor | None, padding: list[int]
) -> Tensor:
    made: Tensor = torch.ops.mkldnn._convolution_pointwise_.binary(
        onto, x, weight, bias, padding, [1, 1], [1, 1], 1, "add", None, None, [], ""
    )
    return made


@cache
def _is_sound() -> bool:
    """Try both operators on a small map."""
    with torch.inference_mode(), torch.autocast("cpu", enabled=False):
        x = torch.linspace(-1, 1, 8 * 6 * 6, dtype=torch.bfloat16).view(1, 8, 6, 6)
        x = x.contiguous(memory_format=torch.channels_last)
        weight = torch.linspace(-1, 1, 8 * 8 * 9, dtype=torch.bfloat16).view(8, 8, 3, 3)
        bias = torch.linspace(-1, 1, 8, dtype=torch.bfloat16)
        expected = F.conv2d(x.float(), weight.float(), bias.float(), padding=1)
        try:
            rectified = _relu_of(x, weight, bias, [1, 1])
            summed = _sum_with(x.clone(), x, weight, bias, [1, 1])
        except (AttributeError, RuntimeError, TypeError):
            return False
    tolerance = 0.02 * float(expected.abs().max())
    pairs = ((rectified, expected.relu()), (summed, expected + x.float()))
    return all(float((found.float() - true).abs().max()) < tolerance for found, true in pairs)
