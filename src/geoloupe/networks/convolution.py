"""The convolution that the papers mean by `conv k a->b`: stride 1, same size, bias."""

from torch import nn


def conv(kernel: int, inputs: int, outputs: int, *, bias: bool = True) -> nn.Conv2d:
    """Make a kernel x kernel convolution (N,inputs,H,W) -> (N,outputs,H,W)."""
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=bias)


def depthwise(kernel: int, features: int, *, bias: bool = True) -> nn.Conv2d:
    """Make a convolution that keeps its channels apart: (N,features,H,W) -> the same."""
    return nn.Conv2d(features, features, kernel, padding=kernel // 2, groups=features, bias=bias)
