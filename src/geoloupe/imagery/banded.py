"""A linear map along one axis in which every output looks at a short run of inputs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BLOCK = 32  # outputs a matrix product gives: enough to be quick, few enough to stay banded


@dataclass(frozen=True, kw_only=True, eq=False)
class Banded:
    """Output i sums weights[i, k] * input[index[i, k]] over k; both are (outputs, taps)."""

    weights: NDArray[np.float64]
    index: NDArray[np.int64]

    def rows(self, values: NDArray[Any]) -> NDArray[Any]:
        """Map the rows of (...,H,W) float values to (...,outputs,W)."""
        parts = [block @ values[..., run, :] for run, block in self.blocks(values.dtype)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-2)

    def columns(self, values: NDArray[Any]) -> NDArray[Any]:
        """Map the columns of (...,H,W) float values to (...,H,outputs)."""
        parts = [values[..., run] @ block.T for run, block in self.blocks(values.dtype)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)

    def blocks(self, dtype: np.dtype[Any]) -> Iterator[tuple[slice, NDArray[Any]]]:
        """Cut the map into runs of inputs and the small dense matrices (outputs,run) over them."""
        for first in range(0, len(self.index), _BLOCK):
            index = self.index[first : first + _BLOCK]
            start, stop = int(index.min()), int(index.max()) + 1
            block = np.zeros((len(index), stop - start))
            # Mirrored borders read an input twice, so the weights are added, not assigned.
            np.add.at(
                block,
                (np.arange(len(index))[:, None], index - start),
                self.weights[first : first + _BLOCK],
            )
            yield slice(start, stop), block.astype(dtype)
