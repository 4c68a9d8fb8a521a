"""Padding at the bottom and right, for networks that compute on whole windows or halves."""

from torch import Tensor
from torch.nn import functional as F


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Grow (N,C,H,W) to the next multiple by reflection; edges repeat where it has no more."""
    bottom, right = -x.shape[-2] % multiple, -x.shape[-1] % multiple
    down, along = min(bottom, x.shape[-2] - 1), min(right, x.shape[-1] - 1)
    if down or along:
        x = F.pad(x, (0, along, 0, down), mode="reflect")
    if (down, along) != (bottom, right):
        x = F.pad(x, (0, right - along, 0, bottom - down), mode="replicate")
    return x
