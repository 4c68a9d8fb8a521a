"""Batches of numbered samples: a step's samples follow from its number alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from geoloupe.datasets.samples.patches import Mix, Patches, Scales
from geoloupe.errors import InputError
from geoloupe.training.device_samples import DeviceBatches, DeviceImages, Maker, roomy
from geoloupe.training.hardware import Hardware, loaders
from geoloupe.training.sample_draws import SampleDraws, draws_of, foreign


@dataclass(frozen=True, kw_only=True)
class Share(Sampler[list[int]]):
    """The sample numbers of one process, step by step; those of all processes make the batch."""

    first: int  # step
    last: int | None  # step, excluded; None: no end
    batch: int  # samples of all processes
    rank: int = 0
    processes: int = 1

    def __iter__(self) -> Iterator[list[int]]:
        each = self.batch // self.processes
        for step in count(self.first) if self.last is None else range(self.first, self.last):
            start = step * self.batch + self.rank * each
            yield list(range(start, start + each))


def batches(
    patches: Patches | Mix | Scales, share: Share, *, hardware: Hardware, fabric: Any, seed: int
) -> Iterator[dict[str, Tensor]]:
    """Return the batches of one process, made where the hardware does it best."""
    device = fabric.device
    workers, pinned = loaders(hardware, fabric), device.type == "cuda"
    draws = _device_draws(patches, hardware, device)
    if draws is None:
        return _loaded(patches, share, workers=workers, pinned=pinned)
    first = draws.parts[0]
    maker = Maker(images=DeviceImages.read(draws, device), scale=first.examples.scale)
    return iter(
        DeviceBatches(
            make=torch.compile(maker) if hardware.compiles(device) else maker,
            draws=_loaded(draws, share, workers=workers, pinned=pinned),
            size=first.settings.size_at,
            device=device,
            seed=seed + share.rank,
            first=share.first,
        )
    )


def _device_draws(
    patches: Patches | Mix | Scales, hardware: Hardware, device: torch.device
) -> SampleDraws | None:
    """Return the draws of samples made on the device; None if the CPU is to load them."""
    asked = hardware.samples == "device"
    if hardware.samples == "loaded" or not (asked or device.type == "cuda"):
        return None
    why = foreign(patches)
    if why is None:
        draws = draws_of(patches)
        if roomy(draws, device):
            return draws
        why = "this number of images"
    if asked:
        raise InputError(f"no device can make {why}; let the CPU load the samples")
    return None


def _loaded(
    samples: Dataset[dict[str, Tensor]], share: Share, *, workers: int, pinned: bool
) -> Iterator[dict[str, Tensor]]:
    """Return batches loaded ahead by a number of workers (0: by this process)."""
    more: dict[str, Any] = {"prefetch_factor": 4, "persistent_workers": True} if workers else {}
    yield from DataLoader(
        samples, batch_sampler=share, num_workers=workers, pin_memory=pinned, **more
    )
