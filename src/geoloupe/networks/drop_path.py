"""Stochastic depth: whole paths left out of single samples while a network learns."""

from itertools import accumulate

from torch import Tensor


def drop_path(x: Tensor, rate: float) -> Tensor:
    """Leave the path (N,...) out for a share `rate` of the samples, keeping its expectation."""
    if rate == 0:
        return x
    keep = x.new_empty(x.shape[0], *(1,) * (x.ndim - 1)).bernoulli_(1 - rate)
    return x * keep / (1 - rate)


def rates(last: float, depths: tuple[int, ...]) -> list[list[float]]:
    """Rates that rise evenly from 0 to `last` over all blocks, one list for each group of them."""
    step = last / max(sum(depths) - 1, 1)
    ends = accumulate(depths)
    return [
        [step * place for place in range(end - depth, end)]
        for end, depth in zip(ends, depths, strict=True)
    ]
