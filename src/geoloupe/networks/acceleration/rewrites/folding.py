"""Factors that go into the weights of the layer before them."""

import torch
from torch import Tensor, nn


def scale_output(layer: nn.Module, factor: float | Tensor) -> nn.Conv2d:
    """Multiply what a convolution gives by one number, or by one number a channel."""
    assert isinstance(layer, nn.Conv2d)
    factors = torch.as_tensor(factor, dtype=layer.weight.dtype, device=layer.weight.device)
    with torch.no_grad():
        layer.weight.mul_(factors.view(-1, 1, 1, 1))
        if layer.bias is not None:
            layer.bias.mul_(factors)
    return layer
