"""The dataset mean that some networks remove from their input and add to their output."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn


class MeanShift(nn.Module):
    """Remove and restore a mean per band; constants that follow the module's device and dtype."""

    mean: Tensor

    def __init__(self, mean: Sequence[float], value_range: float) -> None:
        super().__init__()
        self.value_range = value_range
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1), persistent=False)

    def remove(self, x: Tensor) -> Tensor:
        """Take [0, 1] to the network's own range, without the mean."""
        return (x - self.mean) * self.value_range

    def add(self, x: Tensor) -> Tensor:
        """Undo `remove`."""
        return x / self.value_range + self.mean


def infer_mean(published: Mapping[str, Tensor]) -> dict[str, Any]:
    """Read mean and value range from a `sub_mean` layer, whose bias is -mean * range / std."""
    bias = published.get("sub_mean.bias")
    if bias is None:
        return {}
    product = (-bias).tolist()
    value_range = 255.0 if max(abs(value) for value in product) > 1 else 1.0
    return {
        "mean": tuple(round(value / value_range, 7) for value in product),
        "value_range": value_range,
    }
