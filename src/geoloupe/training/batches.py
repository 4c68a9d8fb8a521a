"""Batches of numbered samples: which samples a step sees follows from its number alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from geoloupe.datasets.patches import Mix, Patches


@dataclass(frozen=True, kw_only=True)
class Share(Sampler[list[int]]):
    """The sample numbers of one process, step after step; all processes' together are the batch."""

    first: int  # step
    last: int  # step, not included
    batch: int  # samples of all processes
    rank: int = 0
    processes: int = 1

    def __iter__(self) -> Iterator[list[int]]:
        each = self.batch // self.processes
        for step in range(self.first, self.last):
            start = step * self.batch + self.rank * each
            yield list(range(start, start + each))

    def __len__(self) -> int:
        return self.last - self.first


def batches(
    patches: Patches | Mix, share: Share, *, workers: int, pinned: bool
) -> Iterator[dict[str, Tensor]]:
    """Give the batches of one process, loaded ahead by so many workers (0: by itself)."""
    more: dict[str, Any] = {"prefetch_factor": 4, "persistent_workers": True} if workers else {}
    yield from DataLoader(
        patches, batch_sampler=share, num_workers=workers, pin_memory=pinned, **more
    )
