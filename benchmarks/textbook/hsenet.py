"""HSENet with its whole attention matrices: memory grows with the square of the pixel count."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def forward(network: Any, lr: Tensor, guide: Tensor | None = None) -> Tensor:
    """(N,bands,H,W) -> (N,bands,H*scale,W*scale)."""
    shallow = network.head(network.shift.remove(lr))
    deep = shallow
    for module in network.body:
        deep = basic_module(module, deep)
    deep = network.tail(network.upsample(deep + shallow))
    answer: Tensor = network.shift.add(deep)
    return answer


def basic_module(module: Any, x: Tensor) -> Tensor:
    """Convolutions around the hybrid-scale module (N,F,H,W)."""
    deep = x
    for layer in module.before:
        deep = layer(deep).relu_()
    deep = hybrid_scale(module.hybrid, deep)
    for layer in module.after:
        deep = layer(deep).relu_()
    return x + deep


def hybrid_scale(module: Any, x: Tensor) -> Tensor:
    """HSEM (N,F,H,W)."""
    small = F.interpolate(x, scale_factor=0.5, mode="bilinear", align_corners=False)
    fine = single_scale(module.fine, x)
    coarse = single_scale(module.coarse, small)
    coarse = F.interpolate(coarse, size=x.shape[-2:], mode="bilinear", align_corners=False)
    merged: Tensor = module.tail(non_local(module.across, fine, coarse))
    return x + merged.relu_()


def single_scale(module: Any, x: Tensor) -> Tensor:
    """SSEM (N,F,H,W)."""
    head = module.head(x).relu_()
    main = head
    for layer in module.main:
        main = layer(main).relu_()
    main = main * torch.sigmoid(module.gate(non_local(module.similar, head, head)))
    deep: Tensor = module.tail(main)
    return x + deep.relu_()


def non_local(module: Any, x: Tensor, query_map: Tensor) -> Tensor:
    """Attention of all pixels to all pixels through a matrix (N,H*W,H*W)."""
    theta = module.query(query_map).flatten(2).transpose(1, 2)  # (N, H*W, F/2)
    phi = module.key(x).flatten(2)  # (N, F/2, H*W)
    g = module.value(x).flatten(2).transpose(1, 2)  # (N, H*W, F/2)
    weights = torch.softmax(torch.matmul(theta, phi), dim=-1)
    found = torch.matmul(weights, g).transpose(1, 2).contiguous()
    answer: Tensor = x + module.out(found.view(*found.shape[:2], *x.shape[-2:]))
    return answer
