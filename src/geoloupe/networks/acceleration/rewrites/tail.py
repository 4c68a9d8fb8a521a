"""The linear chain at a network's end, convolution - pixel shuffle - convolution, as one kernel.

Nothing non-linear stands between the last widening convolution and the tail, so both are one 5 x 5
convolution on the small map: for 64 features and 3 bands a fifteenth of the work. Only at the image
border the two differ: the tail sees zeros beyond the enlarged map, the merged kernel sees what the
widening convolution would have made there. `MergedTail` takes that one ring of pixels back out.
"""

from itertools import product

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from geoloupe.networks.upsample import UpBlock


class MergedTail(nn.Module):
    """(N,F,H,W) -> (N,C,H*scale,W*scale): `tail(pixel_shuffle(widen(x), scale))`, exactly."""

    def __init__(self, widen: nn.Conv2d, tail: nn.Conv2d, scale: int) -> None:
        super().__init__()
        self.scale = scale
        # Composed in float64, so that merging costs no accuracy.
        outer = rearrange(widen.weight.double(), "(m i j) f h w -> i j m f h w", i=scale, j=scale)
        outer_bias = rearrange(_bias(widen), "(m i j) -> i j m", i=scale, j=scale)
        inner = tail.weight.double()
        merged, bias = _compose(outer, outer_bias, inner)
        bias = bias + _bias(tail)
        self.weight = _parameter(rearrange(merged, "i j c f h w -> (c i j) f h w"))
        self.bias = _parameter(rearrange(bias, "i j c -> (c i j)"))
        # A ring pixel beyond a side is made by the last phase of the row or column before the
        # image or the first of the one after it, out of the outermost pixels alone.
        self.sides = nn.ModuleDict(
            {
                "top": _Side(outer[-1, :, :, :, 2, :], outer_bias[-1], inner[:, :, 0, :]),
                "bottom": _Side(outer[0, :, :, :, 0, :], outer_bias[0], inner[:, :, 2, :]),
                "left": _Side(outer[:, -1, :, :, :, 2], outer_bias[:, -1], inner[:, :, :, 0]),
                "right": _Side(outer[:, 0, :, :, :, 0], outer_bias[:, 0], inner[:, :, :, 2]),
            }
        )

    def forward(self, x: Tensor) -> Tensor:
        y = F.pixel_shuffle(F.conv2d(x, self.weight, self.bias, padding=2), self.scale)
        # Top and bottom take the corners of the ring with them.
        y[:, :, 0] -= self.sides["top"](x[:, :, 0], beyond=1)
        y[:, :, -1] -= self.sides["bottom"](x[:, :, -1], beyond=1)
        y[:, :, :, 0] -= self.sides["left"](x[:, :, :, 0], beyond=0)
        y[:, :, :, -1] -= self.sides["right"](x[:, :, :, -1], beyond=0)
        return y


class _Side(nn.Module):
    """What one line of ring pixels added to the line of the image beside it."""

    def __init__(self, outer: Tensor, outer_bias: Tensor, inner: Tensor) -> None:
        super().__init__()
        self.scale, middle = outer_bias.shape
        self.outer = _parameter(outer.reshape(self.scale * middle, -1, 3))
        self.outer_bias = _parameter(outer_bias.flatten())
        self.inner = _parameter(inner)

    def forward(self, line: Tensor, beyond: int) -> Tensor:
        """The image's outermost line (N,F,L) -> the share of the ring (N,C,L*scale).

        The ring reaches `beyond` pixels past both ends of the line.
        """
        ring = F.conv1d(line.contiguous(), self.outer, self.outer_bias, padding=1 + beyond)
        ring = rearrange(ring, "n (j m) w -> n m (w j)", j=self.scale)
        if beyond:  # whole LR pixels were made past the ends, of which one HR pixel is needed
            spare = self.scale - 1
            return F.conv1d(ring[..., spare : ring.shape[-1] - spare], self.inner)
        return F.conv1d(ring, self.inner, padding=1)


def merge_tail(owner: nn.Module) -> nn.Module:
    """Merge the last step of `owner.upsample` with `owner.tail`, where that saves work."""
    block, tail = owner.upsample, owner.tail
    if not isinstance(block, UpBlock) or not isinstance(tail, nn.Conv2d) or not len(block):
        return owner
    widen, shuffle = block[-2], block[-1]
    assert isinstance(widen, nn.Conv2d)
    assert isinstance(shuffle, nn.PixelShuffle)
    if 25 * tail.out_channels >= 9 * (tail.in_channels + tail.out_channels):
        return owner
    owner.tail = MergedTail(widen, tail, shuffle.upscale_factor)
    del block[-2:]
    return owner


def _compose(outer: Tensor, outer_bias: Tensor, inner: Tensor) -> tuple[Tensor, Tensor]:
    """Fold the tail (C,M,3,3) over the phases (i,j,M,F,3,3): (i,j,C,F,5,5) and biases (i,j,C)."""
    scale, bands, features = outer.shape[0], inner.shape[0], outer.shape[3]
    merged = outer.new_zeros(scale, scale, bands, features, 5, 5)
    bias = outer.new_zeros(scale, scale, bands)
    for i, j, a, b in product(range(scale), range(scale), range(3), range(3)):
        row, down = divmod(i + a - 1, scale)  # the cell and the phase that this tap falls on
        column, along = divmod(j + b - 1, scale)
        tap = inner[:, :, a, b]
        part = torch.einsum("cm,mfhw->cfhw", tap, outer[down, along])
        merged[i, j, :, :, row + 1 : row + 4, column + 1 : column + 4] += part
        bias[i, j] += tap @ outer_bias[down, along]
    return merged, bias


def _bias(layer: nn.Conv2d) -> Tensor:
    if layer.bias is None:
        return layer.weight.new_zeros(layer.out_channels, dtype=torch.float64)
    return layer.bias.double()


def _parameter(value: Tensor) -> nn.Parameter:
    return nn.Parameter(value.float().contiguous(), requires_grad=False)
