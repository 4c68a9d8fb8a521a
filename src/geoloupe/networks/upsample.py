"""The up-block that the networks share: convolutions that widen, then pixel shuffle."""

from collections.abc import Mapping

from torch import nn

from geoloupe.networks.convolution import conv


def factors(scale: int) -> list[int]:
    """Split a scale into steps of 2 and 3, the only ones an up-block takes; 1 has none."""
    if scale < 1:
        raise ValueError(f"scale must be 1 or more, not {scale}")
    steps = []
    for step in (2, 3):
        while scale % step == 0:
            steps.append(step)
            scale //= step
    if scale != 1:
        raise ValueError(f"scale must be a product of 2 and 3; {scale} is left over")
    return steps


class UpBlock(nn.Sequential):
    """(N,F,H,W) -> (N,F,H*scale,W*scale); convolutions at even places, shuffles at odd ones."""

    def __init__(self, features: int, scale: int) -> None:
        layers: list[nn.Module] = []
        for step in factors(scale):
            layers += [conv(3, features, features * step**2), nn.PixelShuffle(step)]
        super().__init__(*layers)


def infer_scale(shapes: Mapping[str, tuple[int, ...]], block: str) -> int:
    """Read the scale of the up-block called `block` from its weights' shapes."""
    scale, place = 1, 0
    while (shape := shapes.get(f"{block}.{place}.weight")) is not None:
        scale *= {4: 2, 9: 3}.get(shape[0] // shape[1], 1)
        place += 2
    return scale
