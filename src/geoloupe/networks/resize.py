"""MATLAB-compatible bicubic resampling of tensors by whole factors; differentiable."""

import torch
from torch import Tensor
from torch.nn import functional as F

from geoloupe.imagery.resize import symmetric_index, up_taps


def bicubic_up(x: Tensor, scale: int) -> Tensor:
    """Enlarge (N,C,H,W) to (N,C,H*scale,W*scale) as MATLAB's imresize does."""
    return _enlarge_rows(_enlarge_rows(x, scale).mT, scale).mT


def _enlarge_rows(x: Tensor, scale: int) -> Tensor:
    """Enlarge (N,C,H,W) to (N,C,H*scale,W): one short filter down the columns per phase."""
    weights, first = up_taps(scale)
    n, c, h, w = x.shape
    index = symmetric_index(h, -first, weights.shape[1] - 1 + first)
    padded = x.index_select(2, torch.from_numpy(index).to(x.device)).reshape(n * c, 1, -1, w)
    kernel = torch.from_numpy(weights).to(x)[:, None, :, None]
    phases = F.conv2d(padded, kernel)  # (N*C, scale, H, W)
    return phases.transpose(1, 2).reshape(n, c, h * scale, w)
