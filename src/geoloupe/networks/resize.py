"""MATLAB-compatible resampling of tensors, differentiable, batched, on any device."""

from fractions import Fraction
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from geoloupe.imagery.banded import Banded
from geoloupe.imagery.resize import banded, mirrored, ratio, up_taps


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
    """Enlarge (N,C,H,W) to (N,C,H*scale,W*scale) as `imresize` does, by one filter a phase.

    In mixed precision it stays exact, for a pixel that is rounded to 8 bits of mantissa is visibly
    another.
    """
    with torch.autocast("cpu" if x.is_meta else x.device.type, enabled=False):
        learns = torch.is_grad_enabled() and x.requires_grad
        if x.device.type != "cpu" or learns or _traced():
            return _by_convolutions(x, scale)
        return _in_passes(x, scale)


def _in_passes(x: Tensor, scale: int) -> Tensor:
    """Enlarge a band after the other, each filter tap over all pixels at once.

    A processor's library pads convolutions of one band to sixteen times what they hold.
    """
    n, c, h, w = x.shape
    answer = x.new_empty((n, c, h * scale, w * scale))
    for band, made in zip(x.flatten(0, 1), answer.flatten(0, 1), strict=True):
        wide = _rows_in_passes(band.mT.contiguous(), scale).mT.contiguous()
        _rows_in_passes(wide, scale, out=made)
    return answer


def _rows_in_passes(x: Tensor, scale: int, out: Tensor | None = None) -> Tensor:
    """Enlarge (H,W) to (H*scale,W)."""
    height, width = int(x.shape[0]), int(x.shape[1])
    _, index = _kept(height, scale)
    padded = x.index_select(0, index)
    made = x.new_empty((height * scale, width)) if out is None else out
    for phase, (first, *taps) in zip(
        made.view(height, scale, width).unbind(1), _taps(scale)[0], strict=True
    ):
        torch.mul(padded[:height], first, out=phase)
        for row, tap in enumerate(taps, start=1):
            phase.add_(padded[row : row + height], alpha=tap)
    return made


def window_mean(x: Tensor, reach: int) -> Tensor:
    """Average (N,C,h,w) over windows of 2 * reach + 1 pixels a side, borders mirrored."""
    along = [_means(int(side), reach) for side in x.shape[-2:]]
    return mapped(x, along[0], along[1])


@lru_cache(maxsize=64)
def _means(length: int, reach: int) -> Banded:
    position = np.arange(length)[:, None] + np.arange(-reach, reach + 1)
    weights = np.full(position.shape, 1 / position.shape[1])
    return Banded(weights=weights, index=mirrored(position, length))


def _by_convolutions(x: Tensor, scale: int) -> Tensor:
    """Enlarge by operations that GPUs do in one call, engines know and gradients pass."""
    x = _enlarge_rows(x.transpose(-2, -1), scale).transpose(-2, -1)
    return _enlarge_rows(x, scale)


def _traced() -> bool:
    """Return whether an engine is watching, which would take a loop for many operations."""
    return torch.compiler.is_compiling() or torch.jit.is_tracing()  # type: ignore[attr-defined]


def _exported() -> bool:
    """Return whether a graph is made that is to take other sizes than the one it is made with."""
    return torch.compiler.is_exporting() or torch.jit.is_tracing()  # type: ignore[attr-defined]


def _enlarge_rows(x: Tensor, scale: int) -> Tensor:
    """Enlarge (N,C,H,W) to (N,C,H*scale,W): one short filter down the columns per phase."""
    n, c, h, w = x.shape
    kernel, index = _of_any_height(h, scale) if _exported() else _filters(int(h), scale)
    padded = x.index_select(2, index.to(x.device)).reshape(n * c, 1, -1, w)
    phases = F.conv2d(padded, kernel.to(x))  # (N*C, scale, H, W)
    return phases.transpose(1, 2).reshape(n, c, h * scale, w)


def _filters(height: int, scale: int) -> tuple[Tensor, Tensor]:
    """Return the filter of each phase (scale,1,taps,1), in float64, and the rows it runs over."""
    # A compiler takes them for constants; to forbid it the kept ones costs a second at every start.
    return _made(height, scale) if torch.compiler.is_compiling() else _kept(height, scale)


def _made(height: int, scale: int) -> tuple[Tensor, Tensor]:
    weights, first = _taps(scale)
    period = 2 * height  # of the rows and their mirror image
    positions = [row % period for row in range(first, height + first + len(weights[0]) - 1)]
    rows = [min(position, period - 1 - position) for position in positions]
    return torch.tensor(weights, dtype=torch.float64)[:, None, :, None], torch.tensor(rows)


def _of_any_height(height: int, scale: int) -> tuple[Tensor, Tensor]:
    """Return what `_made` does by operations that follow the height in a graph."""
    weights, first = _taps(scale)
    period = 2 * height
    rows = torch.arange(first, height + (first + len(weights[0]) - 1)) % period
    index = torch.minimum(rows, period - 1 - rows)
    return torch.tensor(weights, dtype=torch.float64)[:, None, :, None], index


def _taps(scale: int) -> tuple[list[list[float]], int]:
    """Return the filter of each phase, and the row that the first begins at."""
    return _TAPS[scale] if scale in _TAPS else _plain_taps(scale)


def _plain_taps(scale: int) -> tuple[list[list[float]], int]:
    weights, first = up_taps(scale)
    return weights.tolist(), first


_TAPS = {scale: _plain_taps(scale) for scale in (2, 3, 4, 8, 16)}
_kept = lru_cache(maxsize=32)(torch.inference_mode(False)(_made))
