"""Measuring: processor time, floating-point operations, agreement, the processor's own peak."""

from collections.abc import Callable, Mapping
from statistics import median

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.cases import Case, build
from benchmarks.forms import Run
from geoloupe.networks.summary import multiply_adds
from geoloupe.system.measuring import Stopwatch


def processor_seconds(run: Run) -> float:
    """Time one call by the processor time of this process: others may be busy meanwhile."""
    with Stopwatch() as clock:
        run()
    return clock.processor


def interleaved(timers: Mapping[str, Callable[[], float]], times: int) -> dict[str, float]:
    """Time all in turn, A B C A B C, so that a drifting clock meets each alike; median seconds."""
    seconds: dict[str, list[float]] = {name: [] for name in timers}
    for _ in range(times):
        for name, timer in timers.items():
            seconds[name].append(timer())
    return {name: median(values) for name, values in seconds.items()}


def operations(case: Case) -> float:
    """Count the floating-point operations of the plain form, without computing anything.

    Counted: convolutions, linear layers and matrix products, two operations for each
    multiplication and addition. Not counted: Fourier transforms, softmax, norms, activations,
    resampling, additions of maps and everything else that passes over a map once.
    """
    return 2.0 * multiply_adds(build(case), case.size, case.size, case.bands)


def difference(found: Tensor, truth: Tensor) -> tuple[float, float]:
    """Return max |found - truth|, and the same relative to 1 + the deviation of the truth."""
    largest = (found - truth).abs().max().item()
    return largest, largest / (1 + truth.std().item())


def agreement_db(found: Tensor, truth: Tensor) -> float:
    """Peak signal-to-noise ratio, where the peak is the range of the truth; infinite if equal."""
    error = (found.double() - truth.double()).pow(2).mean()
    peak = (truth.max() - truth.min()).double()
    return float(10 * torch.log10(peak**2 / error))


def peak_flops(dtype: torch.dtype, times: int = 30) -> float:
    """Operations a second of the fastest thing known here: a 3x3 convolution, channels last."""
    channels, side = 64, 128
    x = torch.rand(1, channels, side, side).to(dtype, memory_format=torch.channels_last)
    weight = torch.rand(channels, channels, 3, 3).to(dtype, memory_format=torch.channels_last)

    def run() -> Tensor:
        return F.conv2d(x, weight, padding=1)

    run()
    best = min(processor_seconds(run) for _ in range(times))
    return 2.0 * channels * channels * 9 * side * side / best
