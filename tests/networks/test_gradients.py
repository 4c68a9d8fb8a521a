"""What training follows is the slope of what is computed: autograd against finite differences.

In double precision, by the input and by every parameter, with no parameter left at zero.
"""

from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import gradcheck
from torch.func import functional_call

from geoloupe.networks import build
from geoloupe.networks.convformersr import ChannelMatrixAttention
from geoloupe.networks.hsenet import NonLocal, attend
from geoloupe.networks.mulsr import CrossFusion, DirectionalContext
from geoloupe.networks.resize import bicubic_up
from geoloupe.networks.spectrum import frequency_bands, from_spectrum, to_spectrum
from geoloupe.networks.tsfnet import ChannelAttention, CrossFuse, FrequencyFilter, Gate
from geoloupe.networks.windows import WindowAttention

# The check along random directions multiplies the room by the square root of both sizes.
STRICT: dict[str, Any] = {"fast_mode": True, "atol": 1e-9, "rtol": 1e-6}

STEP = 1e-8  # so short that no ReLU and no phase jumps within it


def noise(*shape: int, seed: int = 0) -> Tensor:
    """Make a double tensor to differentiate by."""
    generator = torch.Generator().manual_seed(seed + sum(shape))
    return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()


def lively(module: nn.Module, *, by: float = 0.3) -> nn.Module:
    """Give a module in double precision the same noise each time, and no zeros."""
    module = module.double().eval()
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(by * torch.randn(parameter.shape, generator=generator).double())
    return module


def slopes_agree(module: nn.Module, *inputs: Tensor) -> bool:
    """Check the gradient of a module by its inputs and its parameters along random directions."""
    names = [name for name, _ in module.named_parameters()]
    values = [parameter.detach().requires_grad_() for parameter in module.parameters()]

    def run(*tensors: Tensor) -> Any:
        parameters = dict(zip(names, tensors[len(inputs) :], strict=True))
        return functional_call(module, parameters, tensors[: len(inputs)])

    torch.manual_seed(0)  # for the directions
    return bool(gradcheck(run, (*inputs, *values), **STRICT))


# --- Blocks with mathematics of their own ---------------------------------------------------------


def test_attention_over_all_pixels() -> None:
    assert gradcheck(attend, (noise(2, 3, 2, 3), noise(2, 3, 2, 3, seed=1), noise(2, 3, 2, 3)))


def test_non_local_across_scales() -> None:
    assert slopes_agree(lively(NonLocal(4)), noise(1, 4, 3, 4), noise(1, 4, 3, 4, seed=1))


@pytest.mark.parametrize("shift", [0, 2])
def test_window_attention(shift: int) -> None:
    module = lively(WindowAttention(embed=4, heads=2, window=4, shift=shift))
    assert slopes_agree(module, noise(2, 8, 4, 4))


def test_channel_matrix_attention() -> None:
    assert slopes_agree(lively(ChannelMatrixAttention()), noise(2, 3, 2, 3))


def test_channel_attention() -> None:
    assert slopes_agree(lively(ChannelAttention(16)), noise(1, 16, 3, 4))


def test_gate_and_cross_stage_fusion() -> None:
    assert slopes_agree(lively(Gate()), noise(1, 3, 4, 4))
    assert slopes_agree(lively(CrossFuse(8)), noise(1, 8, 4, 4), noise(1, 8, 4, 4, seed=1))


def test_frequency_filter() -> None:
    """Random pixels keep every phase away from its jump at the negative real axis."""
    x = noise(1, 4, 4, 6)
    angles = torch.fft.rfft2(x.detach()).angle()[..., 1:-1].abs()
    assert (torch.pi - angles).min() > 1e-3
    assert slopes_agree(lively(FrequencyFilter(4)), x)


def test_spectra() -> None:
    assert gradcheck(lambda x: torch.view_as_real(to_spectrum(x)), noise(1, 2, 4, 6))
    assert gradcheck(lambda x: from_spectrum(to_spectrum(x) * (1 + 2j)), noise(1, 2, 4, 6))


def test_frequency_bands() -> None:
    sizes = [(2, 4), (4, 8), (8, 16)]
    assert gradcheck(lambda x: frequency_bands(x, sizes), noise(1, 1, 8, 16), **STRICT)


def test_directional_context() -> None:
    assert slopes_agree(lively(DirectionalContext(3)), noise(1, 3, 4, 5))


def test_cross_fusion() -> None:
    assert slopes_agree(lively(CrossFusion(4)), noise(1, 4, 3, 4), noise(1, 4, 3, 4, seed=1))


@pytest.mark.parametrize("scale", [2, 3, 8])
def test_enlargement(scale: int) -> None:
    x = noise(1, 2, 2, 3)
    assert gradcheck(lambda x: bicubic_up(x, scale), x)


# --- Whole networks -------------------------------------------------------------------------------

HALVES = {"embed": 16, "heads": (2, 2), "window": 4}


@pytest.mark.parametrize(
    ("name", "values", "shapes"),
    [
        ("hsenet", {"scale": 2, "features": 4, "modules": 1}, [(1, 3, 5, 4)]),
        ("convformersr", {"scale": 2, "depths": (2, 2), **HALVES}, [(1, 3, 5, 6)]),
        ("tsfnet", {"scale": 4, "features": 16}, [(1, 3, 4, 5)]),
        ("tsfnet", {"scale": 4, "features": 16, "frequency": False}, [(1, 3, 4, 5)]),
        ("mulsr", {"scale": 2, "features": 4}, [(1, 4, 3, 2), (1, 3, 6, 4)]),
        (
            "sspsr",
            {"scale": 4, "bands": 5, "group": 3, "overlap": 1, "features": 16, "blocks": 1},
            [(2, 5, 3, 2)],
        ),
    ],
)
def test_networks(name: str, values: dict[str, Any], shapes: list[tuple[int, ...]]) -> None:
    """Along random directions: the slope of a weighted sum of the output, by all there is."""
    network = lively(cast("nn.Module", build(name, **values)), by=0.02)
    inputs = [noise(*shape).detach().sigmoid().requires_grad_() for shape in shapes]
    variables = [*network.parameters(), *inputs]
    generator = torch.Generator().manual_seed(0)
    output = network(*inputs)
    weights = torch.randn(output.shape, generator=generator, dtype=torch.float64)
    slopes = torch.autograd.grad((output * weights).sum(), variables)
    for _ in range(3):
        steps = [torch.randn(x.shape, generator=generator).double() for x in variables]
        sums = []
        for size in (STEP, -2 * STEP, STEP):  # there, as far to the other side, and back
            with torch.no_grad():
                for variable, step in zip(variables, steps, strict=True):
                    variable.add_(size * step)
                sums.append((network(*inputs) * weights).sum().item())
        expected = sum(float((g * step).sum()) for g, step in zip(slopes, steps, strict=True))
        assert (sums[0] - sums[1]) / (2 * STEP) == pytest.approx(expected, rel=1e-5)
