"""How far a network looks is what its kernels say."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from geoloupe.errors import InputError
from geoloupe.models.reach import measured_margin, measured_reach
from geoloupe.networks.signature import Network, Signature


class Looking(Network):
    """One convolution of (N,1,H,W), then nearest neighbours."""

    def __init__(self, kernel: Tensor, scale: int = 2) -> None:
        super().__init__(None)
        self.signature = Signature(scale=scale, bands=1)
        self.kernel = kernel[None, None]

    def stages(self, lr: Tensor, guide: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the answer as the only stage."""
        found = nn.functional.conv2d(lr, self.kernel, padding="same")
        return (found.repeat_interleave(self.signature.scale, 2).repeat_interleave(2, 3),)


def ring(reach: int, weight: float = 1.0) -> Any:
    """Make a kernel that sees its middle, and one pixel so far to the left of it."""
    kernel = torch.zeros(2 * reach + 1, 2 * reach + 1)
    kernel[reach, 0] = weight
    kernel[reach, reach] = 1
    return kernel


@pytest.mark.parametrize("reach", [0, 1, 7, 8, 9, 40])
def test_it_is_what_the_kernel_says(reach: int) -> None:
    assert measured_reach(Looking(ring(reach))) == reach
    assert measured_reach(Looking(ring(reach).T.contiguous())) == reach


@pytest.mark.parametrize(
    ("reach", "margin"), [(0, 8), (1, 8), (8, 8), (9, 16), (40, 40), (57, 64), (70, 64)]
)
def test_a_margin_is_a_whole_step_and_not_endless(reach: int, margin: int) -> None:
    assert measured_margin(Looking(ring(reach))) == margin


@pytest.mark.parametrize(("weight", "reach"), [(1 / 400, 20), (1 / 600, 0)])
def test_what_nobody_sees_does_not_count(weight: float, reach: int) -> None:
    assert measured_reach(Looking(ring(20, weight))) == reach


@pytest.mark.parametrize("value", [0.0, torch.nan])
def test_an_answer_without_the_image_is_refused(value: float) -> None:
    with pytest.raises(InputError, match="does not depend on the image"):
        measured_reach(Looking(torch.full((1, 1), value)))
