"""A convolution that makes a single band, as a matrix product and nine sums.

A processor's library computes sixteen bands where one is asked for.
"""

import torch
from torch import Tensor, nn


class OneBand(nn.Conv2d):
    """A 3 x 3 convolution (N,F,H,W) -> (N,1,H,W), padded by one."""

    def __init__(self, features: int) -> None:
        super().__init__(features, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu" or torch.is_grad_enabled():
            return super().forward(x)
        count, features, height, width = x.shape
        pixels = x.permute(0, 2, 3, 1).reshape(count, height * width, features)
        taps = (self.weight[0].flatten(1).mT @ pixels.mT).view(count, 3, 3, height, width)
        wide = taps.new_zeros((count, height + 2, width + 2))
        for row in range(3):
            for column in range(3):
                top, left = 2 - row, 2 - column
                wide[:, top : top + height, left : left + width] += taps[:, row, column]
        assert self.bias is not None
        return wide[:, None, 1:-1, 1:-1] + self.bias
