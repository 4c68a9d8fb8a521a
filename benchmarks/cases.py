"""What is measured: networks at their published sizes, with seeded weights and inputs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from geoloupe import networks
from geoloupe.networks.signature import Network


@dataclass(frozen=True, kw_only=True)
class Case:
    """One network at one input size."""

    name: str
    network: str
    size: int  # sides of the input, LR pixels
    bands: int  # of the input
    settings: Mapping[str, Any] = field(default_factory=dict)
    guide_bands: int = 0
    per_band: bool = False  # report time and operations per band
    runs: int = 3  # of each form; the median counts
    textbook: bool = True  # False: its memory exceeds most machines
    quick: bool = False  # among the cases of --quick
    tolerance: float = 2e-5  # of max |fast - textbook| / (1 + std of the textbook's output)


# Weights are normal with deviation GAIN / sqrt(fan-in), so that every layer matters, no map grows
# without bound, and no value falls where the processor computes slowly (denormal numbers).
GAIN = {"hsenet": 1.0, "convformersr": 0.8, "tsfnet": 0.7, "mulsr": 0.5, "sspsr": 1.0}

_TSFNET_TOLERANCE = 1e-3  # its phase jumps by 2 pi, where rounding decides
_CHIKUSEI = {"scale": 4, "bands": 128}
_MULSR = {"scale": 4, "guide_bands": 3}

CASES = {
    case.name: case
    for case in (
        Case(name="hsenet-64", network="hsenet", size=64, bands=3, quick=True),
        Case(name="hsenet-128", network="hsenet", size=128, bands=3, runs=1),
        Case(name="hsenet-256", network="hsenet", size=256, bands=3, runs=1, textbook=False),
        Case(name="convformersr-64", network="convformersr", size=64, bands=3, quick=True),
        Case(name="convformersr-128", network="convformersr", size=128, bands=3),
        Case(
            name="tsfnet-64",
            network="tsfnet",
            size=64,
            bands=3,
            settings={"scale": 4},
            quick=True,
            tolerance=_TSFNET_TOLERANCE,
        ),
        Case(
            name="mulsr-32",
            network="mulsr",
            size=32,
            bands=4,
            settings=_MULSR,
            guide_bands=3,
            per_band=True,
            quick=True,
        ),
        Case(name="sspsr-16", network="sspsr", size=16, bands=128, settings=_CHIKUSEI, quick=True),
        Case(name="sspsr-32", network="sspsr", size=32, bands=128, settings=_CHIKUSEI),
    )
}


def build(case: Case) -> Network:
    """Make the network of a case with its seeded weights, for inference."""
    network = networks.build(case.network, **case.settings)
    fill(network, GAIN[case.network])
    return network.eval()


@torch.no_grad()
def fill(network: nn.Module, gain: float) -> None:
    """Fill every parameter with seeded values, also those that start at zero."""
    generator = torch.Generator().manual_seed(0)
    for name, parameter in network.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if name.endswith("bias"):
            parameter.copy_(0.1 * noise)
        elif name.endswith("bias_table"):
            parameter.copy_(0.5 * noise)
        elif name.endswith("original0"):  # the magnitudes of weight norm
            parameter.copy_(gain * (1 + 0.1 * noise))
        elif parameter.ndim > 1 and not name.endswith("temperature"):
            parameter.copy_(gain * noise / parameter[0].numel() ** 0.5)
        else:  # slopes, scales and the weights of norms
            parameter.copy_(1 + 0.1 * noise)


def inputs(case: Case, scale: int) -> tuple[Tensor, Tensor | None]:
    """Make the seeded input (1,bands,size,size) in [0, 1] and, where one is taken, the guide."""
    generator = torch.Generator().manual_seed(1)
    lr = torch.rand(1, case.bands, case.size, case.size, generator=generator)
    if not case.guide_bands:
        return lr, None
    side = case.size * scale
    return lr, torch.rand(1, case.guide_bands, side, side, generator=generator)
