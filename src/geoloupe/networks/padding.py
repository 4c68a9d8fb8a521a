"""Padding at the bottom and right, for networks that compute on whole windows or halves."""

from torch import Tensor
from torch.nn import functional as F


def pad_to_multiple(x: Tensor, multiple: int, *, minimum: int = 1) -> Tensor:
    """Grow (N,C,H,W) to the next multiple that is no less than a minimum, by reflection.

    Edges repeat where it has no more to reflect.
    """
    # Exporters divide negative numbers otherwise than Python does, but agree on remainders.
    missing = [max(minimum - side, 0) for side in x.shape[-2:]]
    bottom, right = (
        more + -(side + more) % multiple for side, more in zip(x.shape[-2:], missing, strict=True)
    )
    down, along = min(bottom, x.shape[-2] - 1), min(right, x.shape[-1] - 1)
    if down or along:
        x = F.pad(x, (0, along, 0, down), mode="reflect")
    if (down, along) != (bottom, right):
        x = F.pad(x, (0, right - along, 0, bottom - down), mode="replicate")
    return x
