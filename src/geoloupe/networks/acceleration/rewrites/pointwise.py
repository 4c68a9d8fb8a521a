"""A 1 x 1 convolution as the matrix product that it is, on channels-last maps."""

from torch import Tensor, nn
from torch.nn import functional as F


class Pointwise(nn.Module):
    """(N,C,H,W) -> (N,D,H,W), both channels-last, without moving a pixel."""

    def __init__(self, plain: nn.Conv2d) -> None:
        super().__init__()
        self.weight = nn.Parameter(plain.weight.detach().flatten(1).contiguous())
        self.bias = plain.bias

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x.permute(0, 2, 3, 1), self.weight, self.bias).permute(0, 3, 1, 2)


def replace_pointwise(module: nn.Module) -> None:
    """Replace every plain 1 x 1 convolution inside a module."""
    for name, part in list(module.named_children()):
        if type(part) is nn.Conv2d and part.kernel_size == (1, 1) and part.groups == 1:
            setattr(module, name, Pointwise(part))
        else:
            replace_pointwise(part)
