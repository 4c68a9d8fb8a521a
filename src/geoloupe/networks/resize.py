"""MATLAB-compatible resampling of tensors, differentiable, batched, on any device."""

from fractions import Fraction
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from geoloupe.imagery.banded import Banded
from geoloupe.imagery.resize import banded, mirrored, ratio, up_taps

_MAX_BANDS_AT_ONCE = 8  # bands, beyond which memory matters more than calls


def imresize(
    x: Tensor, scale: float | Fraction, *, method: str = "bicubic", antialias: bool = True
) -> Tensor:
    """Resize (...,H,W) floats to (...,ceil(H*scale),ceil(W*scale)), as MATLAB does."""
    factor = ratio(scale)
    height, width = x.shape[-2:]
    down = banded(height, factor, method=method, antialias=antialias)
    across = banded(width, factor, method=method, antialias=antialias)
    return mapped(x, down, across)


def mapped(x: Tensor, down: Banded, across: Banded) -> Tensor:
    """Map the rows, then the columns of (...,H,W); in mixed precision it stays exact."""
    with torch.autocast("cpu" if x.is_meta else x.device.type, enabled=False):
        if x.is_meta or (torch.is_grad_enabled() and x.requires_grad) or _traced():
            rows = [block @ x[..., run, :] for run, block in _blocks(down, x.dtype, x.device)]
            x = torch.cat(rows, dim=-2)
            columns = [x[..., run] @ block.mT for run, block in _blocks(across, x.dtype, x.device)]
            return torch.cat(columns, dim=-1)
        return _mapped_in_place(x, down, across)


def _mapped_in_place(x: Tensor, down: Banded, across: Banded) -> Tensor:
    """Write each product where it belongs: joining them would take as long as making them."""
    *lead, height, width = x.shape
    x = x.reshape(-1, height, width)
    between = x.new_empty(len(x), len(down.index), width)
    first = 0
    for run, block in _blocks(down, x.dtype, x.device):
        last = first + len(block)
        torch.matmul(block, x[:, run], out=between[:, first:last])
        first = last
    answer = x.new_empty(len(x) * len(down.index), len(across.index))
    flat, first = between.reshape(-1, width), 0
    for run, block in _blocks(across, x.dtype, x.device):
        last = first + len(block)
        torch.mm(flat[:, run], block.mT, out=answer[:, first:last])
        first = last
    return answer.reshape(*lead, len(down.index), len(across.index))


@lru_cache(maxsize=512)
def _blocks(
    along: Banded, dtype: torch.dtype, device: torch.device
) -> tuple[tuple[slice, Tensor], ...]:
    """Return a map as runs of inputs and dense matrices over them, on a device."""
    blocks = along.blocks(np.dtype(np.float64))
    with torch.inference_mode(False):  # training may use what inference has made
        return tuple((run, torch.from_numpy(block).to(device, dtype)) for run, block in blocks)


def bicubic_up(x: Tensor, scale: int) -> Tensor:
    """Enlarge (N,C,H,W) to (N,C,H*scale,W*scale): `imresize` as two convolutions.

    Networks use this form: engines that trace them know convolutions. In mixed precision it stays
    exact, for a pixel that is rounded to 8 bits of mantissa is visibly another.
    """
    with torch.autocast("cpu" if x.is_meta else x.device.type, enabled=False):
        if x.shape[1] > _MAX_BANDS_AT_ONCE and torch.is_inference_mode_enabled() and not _traced():
            return _band_by_band(x, scale)
        return _enlarged(x, scale)


def _band_by_band(x: Tensor, scale: int) -> Tensor:
    """Do the same a band at a time: the convolutions pad a band to six times what it holds."""
    count, bands, height, width = x.shape
    answer = x.new_empty((count, bands, height * scale, width * scale))
    for band in range(bands):
        answer[:, band : band + 1] = _enlarged(x[:, band : band + 1], scale)
    return answer


def window_mean(x: Tensor, reach: int) -> Tensor:
    """Average (N,C,h,w) over windows of 2 * reach + 1 pixels a side, borders mirrored."""
    along = [_means(int(side), reach) for side in x.shape[-2:]]
    return mapped(x, along[0], along[1])


@lru_cache(maxsize=64)
def _means(length: int, reach: int) -> Banded:
    position = np.arange(length)[:, None] + np.arange(-reach, reach + 1)
    weights = np.full(position.shape, 1 / position.shape[1])
    return Banded(weights=weights, index=mirrored(position, length))


def _enlarged(x: Tensor, scale: int) -> Tensor:
    x = _enlarge_rows(x, scale).transpose(-2, -1)
    return _enlarge_rows(x, scale).transpose(-2, -1)


def _traced() -> bool:
    """Return whether an engine is watching, which would take a loop for many operations."""
    return torch.compiler.is_compiling() or torch.jit.is_tracing()  # type: ignore[attr-defined]


def _enlarge_rows(x: Tensor, scale: int) -> Tensor:
    """Enlarge (N,C,H,W) to (N,C,H*scale,W): one short filter down the columns per phase."""
    n, c, h, w = x.shape
    kernel, index = _filters(int(h), scale)
    padded = x.index_select(2, index.to(x.device)).reshape(n * c, 1, -1, w)
    phases = F.conv2d(padded, kernel.to(x))  # (N*C, scale, H, W)
    return phases.transpose(1, 2).reshape(n, c, h * scale, w)


def _filters(height: int, scale: int) -> tuple[Tensor, Tensor]:
    """Return the filter of each phase (scale,1,taps,1), in float64, and the rows it runs over."""
    # A compiler takes them for constants; to forbid it the kept ones costs a second at every start.
    return _made(height, scale) if torch.compiler.is_compiling() else _kept(height, scale)


def _made(height: int, scale: int) -> tuple[Tensor, Tensor]:
    weights, first = _TAPS[scale] if scale in _TAPS else _plain_taps(scale)
    period = 2 * height  # of the rows and their mirror image
    positions = [row % period for row in range(first, height + first + len(weights[0]) - 1)]
    rows = [min(position, period - 1 - position) for position in positions]
    return torch.tensor(weights, dtype=torch.float64)[:, None, :, None], torch.tensor(rows)


def _plain_taps(scale: int) -> tuple[list[list[float]], int]:
    weights, first = up_taps(scale)
    return weights.tolist(), first


_TAPS = {scale: _plain_taps(scale) for scale in (2, 3, 4, 8, 16)}
_kept = lru_cache(maxsize=32)(torch.inference_mode(False)(_made))
