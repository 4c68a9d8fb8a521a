"""VDSR's batch norm folded into the convolution before it."""

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def fold_norm(layer: nn.Module) -> nn.Module:
    """Turn convolution, batch norm, ReLU into convolution, ReLU."""
    assert isinstance(layer, nn.Sequential)
    convolution, norm, activation = layer
    assert isinstance(convolution, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    return nn.Sequential(fuse_conv_bn_eval(convolution, norm), activation)
