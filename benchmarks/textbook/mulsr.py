"""MulSR band after band, with weight norm computed at each call and true 3-D convolutions."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from geoloupe.networks.mulsr import neighbours


def forward(network: Any, lr: Tensor, guide: Tensor | None = None) -> Tensor:
    """A cube (N,B,h,w) and a guide (N,G,H,W) -> (N,B,H,W); nothing is shared between bands."""
    assert guide is not None
    count = lr.shape[1]
    bands = [one_band(network, lr[:, neighbours(i, count)], guide) for i in range(count)]
    return torch.cat(bands, dim=1)


def one_band(network: Any, bands: Tensor, guide: Tensor) -> Tensor:
    """Three bands (N,3,h,w), the wanted one last, and the guide -> (N,1,H,W)."""
    scale = network.settings.scale
    half = F.interpolate(guide, scale_factor=0.5, mode="nearest")
    x = branch(network.small, F.interpolate(bands, scale_factor=scale / 2, mode="nearest"), half)
    x2 = branch(network.large, F.interpolate(bands, scale_factor=scale, mode="nearest"), guide)
    f = network.exchange(torch.cat([network.exchange_down(x2), x], dim=1))
    context = network.context
    f = sweep(f, 2, context.vertical, context.vertical_act)
    f = sweep(f, 3, context.horizontal, context.horizontal_act)
    x = unit(network.small.unit, x + f)
    x2 = unit(network.large.unit, x2 + F.pixel_shuffle(network.exchange_up(f), 2))
    x = network.correct_down(x2) - x
    x2 = F.pixel_shuffle(network.correct_up(x), 2) + x2
    answer: Tensor = network.tail(x2)
    return answer


def branch(module: Any, cube: Tensor, guide: Tensor) -> Tensor:
    """Heads, guided encoders and their merging at one factor (N,F,H,W)."""
    # Each layer with weight norm computes g * v / |v| whenever it is called.
    x, y = module.cube_head(cube), module.guide_head(guide)
    for encoder in module.encoders:
        r, h = unit(encoder.guide_before, y), unit(encoder.cube_before, x)
        m = cross_fusion(encoder.fusion, h, r)
        r, h = unit(encoder.guide_after, r + m), unit(encoder.cube_after, h + m)
        x, y = h + x, r + y
    answer: Tensor = module.merge(torch.cat([x, y], dim=1))
    return answer


def unit(module: Any, x: Tensor) -> Tensor:
    """Two convolutions and a skip (N,F,H,W)."""
    answer: Tensor = x + module.second(module.first(x).relu_())
    return answer


def cross_fusion(module: Any, h: Tensor, r: Tensor) -> Tensor:
    """Three overlapping slices as the depth of 3-D convolutions (N,F,H,W)."""
    difference = module.difference(h - r)
    together = module.together(torch.cat([h, r], dim=1))
    size = 2 * together.shape[1] // 3
    middle = torch.cat([together[:, size:], difference[:, : size // 2]], dim=1)
    parts = (together[:, :size], middle, difference[:, size // 2 :])
    v = torch.cat([(g * x).unsqueeze(2) for g, x in zip(module.gamma, parts, strict=True)], dim=2)
    v = v + module.across(module.in_slice(v))
    answer: Tensor = module.out(torch.cat([v[:, :, 0], v[:, :, 1], v[:, :, 2]], dim=1))
    return answer


def sweep(x: Tensor, axis: int, layer: Any, act: Any) -> Tensor:
    """DSCA along an axis, line by line, forth and then back over the result (N,F,H,W)."""
    lines = list(torch.split(x, 1, dim=axis))
    for i in range(1, len(lines)):
        lines[i] = act(layer(lines[i - 1])) + lines[i]
    for i in range(len(lines) - 2, -1, -1):
        lines[i] = act(layer(lines[i + 1])) + lines[i]
    return torch.cat(lines, dim=axis)
