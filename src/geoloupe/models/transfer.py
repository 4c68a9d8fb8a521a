"""Pixels on their way to a device and back, and how many images it takes at once.

A GPU is idle while memory is copied, unless the copy runs on a stream of its own, from memory that
the system cannot move. All networks compute on one stream; only copies leave it.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_ON_A_GPU = 8  # images in one call: a small one alone leaves most of a GPU idle


@dataclass(frozen=True, kw_only=True, eq=False)
class Transfer(ABC):
    """The way to one device and back."""

    device: torch.device
    batch: int = 1  # images that the network is given at once

    @abstractmethod
    def up(self, values: NDArray[np.float32]) -> Tensor:
        """Bring values that nothing else uses to the device; what it computes next waits."""

    @abstractmethod
    def down(self, answer: Tensor) -> NDArray[np.float32]:
        """Wait for an answer and copy it into this process's memory."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Direct(Transfer):
    """One copy after the other: a processor, and devices without streams."""

    def up(self, values: NDArray[np.float32]) -> Tensor:
        """Copy values to the device; on a processor they are used as they are."""
        return torch.from_numpy(values).to(self.device)

    def down(self, answer: Tensor) -> NDArray[np.float32]:
        """Copy an answer back."""
        found: NDArray[np.float32] = answer.cpu().numpy()
        return found


@dataclass(frozen=True, kw_only=True, eq=False)
class Pinned(Transfer):
    """Copies on streams of their own, so that one thread's overlap with another's network.

    `gpu` is `torch.cuda`, or what does the same.
    """

    gpu: Any
    _upward: Any = field(init=False, repr=False)
    _downward: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_upward", self.gpu.Stream(self.device))
        object.__setattr__(self, "_downward", self.gpu.Stream(self.device))

    def up(self, values: NDArray[np.float32]) -> Tensor:
        """Start copying values to the device, and have its network wait for them."""
        host = torch.from_numpy(values).pin_memory()
        network = self.gpu.current_stream(self.device)
        with self.gpu.stream(self._upward):
            there = host.to(self.device, non_blocking=True)
        network.wait_stream(self._upward)
        there.record_stream(network)  # its memory was taken by the stream that copies
        return there

    def down(self, answer: Tensor) -> NDArray[np.float32]:
        """Copy an answer back once it is computed, and wait for this copy alone."""
        host = torch.empty(answer.shape, dtype=answer.dtype, pin_memory=True)
        self._downward.wait_stream(self.gpu.current_stream(self.device))
        with self.gpu.stream(self._downward):
            host.copy_(answer, non_blocking=True)
            answer.record_stream(self._downward)
            copied = self.gpu.Event()
            copied.record(self._downward)
        copied.synchronize()
        found: NDArray[np.float32] = host.numpy()
        return found


def transfer_to(device: torch.device) -> Transfer:
    """Choose how a device is reached."""
    if device.type == "cuda":
        return Pinned(device=device, batch=_ON_A_GPU, gpu=torch.cuda)
    return Direct(device=device, batch=1 if device.type == "cpu" else _ON_A_GPU)
