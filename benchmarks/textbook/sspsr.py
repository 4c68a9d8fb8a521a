"""SSPSR group after group, each layer as it stands."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from geoloupe.networks.resize import bicubic_up


def forward(network: Any, lr: Tensor, guide: Tensor | None = None) -> Tensor:
    """(N,bands,H,W) -> (N,bands,H*scale,W*scale)."""
    settings = network.settings
    n, bands, height, width = lr.shape
    grown = settings.scale // 2
    whole = torch.zeros(n, bands, grown * height, grown * width)
    members = torch.zeros(bands)
    for start in network.starts:
        group = slice(start, start + settings.group)
        whole[:, group] += unit(network.branch, lr[:, group])
        members[group] += 1
    whole = whole / members.view(-1, 1, 1)
    # Public code reads the enlarged cube from a file; both forms make it in the same way here.
    upsampled = bicubic_up(lr, settings.scale)
    answer: Tensor = network.final(unit(network.trunk, whole) + network.skip(upsampled))
    return answer


def unit(module: Any, x: Tensor) -> Tensor:
    """Blocks under a skip, up-block and tail (N,inputs,H,W)."""
    x = module.head(x)
    deep = x
    for block in module.blocks:
        deep = deep + 0.1 * block.space2(block.space1(deep).relu_())
        spectrum = block.spectrum2(block.spectrum1(deep).relu_())
        mean = F.adaptive_avg_pool2d(spectrum, 1)
        gate = torch.sigmoid(block.gate.expand(block.gate.squeeze(mean).relu_()))
        deep = deep + 0.1 * (spectrum * gate)
    answer: Tensor = module.tail(module.upsample(deep + x))
    return answer
