"""A sum that reuses the memory of one of its parts."""

from torch import Tensor


def add_onto(x: Tensor, branch: Tensor) -> Tensor:
    """Return x + branch, in the branch's memory unless that would round the sum to its type."""
    return branch.add_(x) if branch.dtype == x.dtype else x + branch
