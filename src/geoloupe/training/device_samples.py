"""Training samples made on the device, from images stored there and the draws of each batch.

Cutting, degrading and turning are a gather, two products of small matrices and choices, for a whole
batch at once: a GPU makes a batch in a fraction of the time it takes to learn from it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from geoloupe.training.sample_draws import STORED, SampleDraws

_SEED = 1_000_003  # between the seeds of steps
_FREE_FACTOR = 2  # times the images' size that must be free

Batch = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True, eq=False)
class DeviceImages:
    """All scenes of data sets: their numbers, band after band, and where and what each is."""

    small: Tensor  # (values,) uint8
    wide: Tensor  # (values,) int32: devices have few 16-bit operations
    start: Tensor  # (scenes,) in one of the two
    is_wide: Tensor  # (scenes,)
    size: Tensor  # (scenes,2) height and width, int64
    low: Tensor  # (scenes,B) stored value of unit value 0
    span: Tensor  # (scenes,B)
    top: Tensor  # (scenes,) the largest stored number

    @classmethod
    def read(cls, draws: SampleDraws, device: torch.device) -> "DeviceImages":
        """Read all scenes the draws number and move them to a device."""
        parts: dict[str, list[Any]] = {name: [np.zeros(1, name)] for name in STORED}
        filled = dict.fromkeys(STORED, 1)
        rows: list[tuple[int, bool, tuple[int, int], Any, Any, int]] = []
        for patches, entry in draws.scenes:
            image = patches.examples.prepared.image(entry)
            kind, values = image.radiometry, np.ascontiguousarray(image.values)
            rows.append(
                (
                    filled[kind.dtype],
                    kind.dtype != "uint8",
                    (image.grid.height, image.grid.width),
                    *_line(kind.low, kind.high),
                    int(np.iinfo(kind.dtype).max),
                )
            )
            parts[kind.dtype].append(values.reshape(-1))
            filled[kind.dtype] += values.size
        start, is_wide, size, low, span, top = zip(*rows, strict=True)
        bands = max(entry.parts["hr"].shape[2] for _, entry in draws.scenes)
        whole = {name: np.concatenate(parts[name]) for name in STORED}
        return cls(
            small=torch.from_numpy(whole["uint8"]).to(device),
            wide=torch.from_numpy(whole["uint16"].astype(np.int32)).to(device),
            start=torch.tensor(start, device=device),
            is_wide=torch.tensor(is_wide, device=device),
            size=torch.tensor(size, device=device),
            low=torch.tensor(_rectangle(low, bands), device=device),
            span=torch.tensor(_rectangle(span, bands), device=device),
            top=torch.tensor(top, dtype=torch.float32, device=device),
        )

    def values(self, scene: Tensor, index: Tensor) -> Tensor:
        """Return the stored numbers (N,...), as floats, at places in scenes (N,)."""
        index = index + _along(self.start[scene], index)
        if len(self.wide) == 1:
            return self.small[index].float()
        wide = _along(self.is_wide[scene], index)
        small = self.small[index.masked_fill(wide, 0)].float()
        return torch.where(wide, self.wide[index.masked_fill(~wide, 0)].float(), small)


def _line(low: tuple[float, ...], high: tuple[float, ...]) -> tuple[list[float], list[float]]:
    count = max(len(low), len(high))
    pairs = [(low[band % len(low)], high[band % len(high)]) for band in range(count)]
    return [one for one, _ in pairs], [other - one for one, other in pairs]


def _rectangle(lines: tuple[list[float], ...], bands: int) -> Any:
    """Repeat shorter rows, which are one number for all bands."""
    return np.array([(line * bands)[:bands] for line in lines], np.float32)


@dataclass(frozen=True, kw_only=True)
class Maker:
    """Makes samples from images on a device."""

    images: DeviceImages
    scale: int

    def __call__(self, draws: Mapping[str, Tensor], field: Tensor) -> Batch:
        """Return "lr" (N,B,h,w), "hr" (N,B,h*s,w*s) and "mtf" (N,B) of draws.

        `field` (N,B,h,w) is noise of deviation 1, of the size that LR images shall have.
        """
        scene, scale, size = draws["scene"], self.scale, field.shape[-1]
        low, span = (
            line[scene].gather(1, draws["bands"])[..., None, None]
            for line in (self.images.low, self.images.span)
        )
        unit = (self._stored(draws, size) - low) / span
        down, across = (_banded(draws[name], size, scale) for name in ("down", "across"))
        lr = down @ unit @ across.mT
        slot = draws["slot"][..., None, None].expand_as(field)
        lr = lr + draws["std"][:, None, None, None] * field.gather(1, slot)
        # An LR image is stored like its HR image: 8 bits stay 8 bits.
        top = self.images.top[scene][:, None, None, None]
        lr = ((lr * span + low).round().clamp(min=0).minimum(top) - low) / span
        before = _before(draws["down"].shape[-1], scale)
        inside = slice(before, before + size * scale)
        made = {"lr": lr, "hr": unit[..., inside, inside]}
        turned = {name: _turned(values, draws["turn"]) for name, values in made.items()}
        return turned | {name: draws[name] for name in ("mtf",) if name in draws}

    def _stored(self, draws: Mapping[str, Tensor], side: int) -> Tensor:
        """Gather what lies under each sample and its blur (N,B,R,R), mirrored at scenes' edges."""
        scale, taps = self.scale, draws["down"].shape[-1]
        size = self.images.size[draws["scene"]]
        reach = torch.arange((side - 1) * scale + taps, device=size.device)
        reach = reach - _before(taps, scale)
        lines = []
        for axis in (0, 1):
            whole = (size[:, axis] // scale * scale)[:, None, None]
            place = (draws["corner"][:, axis] * scale)[:, None, None] + reach
            place = place % (2 * whole)
            place = torch.minimum(place, 2 * whole - 1 - place) - draws["moved"][..., axis, None]
            lines.append(place.clamp(min=0).minimum(whole - 1))  # (N,B,R)
        height, width = (side[:, None, None, None] for side in size.unbind(1))
        row, column = lines[0][..., None], lines[1][..., None, :]
        index = (draws["bands"][..., None, None] * height + row) * width + column
        return self.images.values(draws["scene"], index)


def _before(taps: int, scale: int) -> int:
    """Return how many pixels of a filter precede the block at whose middle it is anchored."""
    return (taps - 1) // 2 - (scale - 1) // 2


def _banded(filters: Tensor, size: int, scale: int) -> Tensor:
    """Make matrices (N,B,size,R) of filters (N,B,K) placed at one pixel of each block."""
    taps = filters.shape[-1]
    row = torch.arange(size, device=filters.device)[:, None]
    tap = torch.arange((size - 1) * scale + taps, device=filters.device) - row * scale
    inside = (tap >= 0) & (tap < taps)
    return filters[..., tap.clamp(0, taps - 1)] * inside


def _turned(values: Tensor, turn: Tensor) -> Tensor:
    """Turn each of (N,B,H,W) up and down, left and right, across, as (N,3) says."""
    up, left, across = (_along(coin, values) for coin in turn.unbind(1))
    values = torch.where(up, values.flip(2), values)
    values = torch.where(left, values.flip(3), values)
    return torch.where(across, values.mT, values)


def _along(numbers: Tensor, values: Tensor) -> Tensor:
    """Return (N,) as many axes as (N,...) has."""
    return numbers.view(-1, *(1,) * (values.ndim - 1))


@dataclass(frozen=True, kw_only=True)
class DeviceBatches:
    """The batches of one process, from the draws of its steps."""

    make: Callable[[Mapping[str, Tensor], Tensor], Batch]
    draws: Iterator[Batch]
    size: Callable[[int], int]  # of a step's LR images
    device: torch.device
    seed: int
    first: int  # step

    def __iter__(self) -> Iterator[Batch]:
        """Make batch after batch; their noise follows from the seed and the batch number."""
        generator = torch.Generator(self.device)
        for step, drawn_batch in enumerate(self.draws, self.first):
            draws = {
                k: tensor.to(self.device, non_blocking=True) for k, tensor in drawn_batch.items()
            }
            generator.manual_seed(self.seed + _SEED * (step + 1))
            shape = (*draws["bands"].shape, self.size(step), self.size(step))
            field = torch.randn(shape, generator=generator, device=self.device)
            yield self.make(draws, field)


def roomy(draws: SampleDraws, device: torch.device) -> bool:
    """Return whether a device has room for all images, and for training besides."""
    if device.type != "cuda":
        return True
    values = sum(int(np.prod(entry.parts["hr"].shape)) for _, entry in draws.scenes)
    free, _ = torch.cuda.mem_get_info(device)
    return _FREE_FACTOR * values < free
