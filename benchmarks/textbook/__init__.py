"""The yardstick: each network computed as its paper reads, without any of our shortcuts.

One file a network, one function each: `forward(network, lr, guide)` takes the layers and weights of
one of our networks and computes the answer the straightforward way that public code for these
papers takes: NCHW, float32, eager. Nothing here is slow on purpose; what public code keeps between
calls (position indices, frequency masks) is kept here too.
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from benchmarks.textbook import convformersr, hsenet, mulsr, sspsr, tsfnet

Forward = Callable[[Any, Tensor, Tensor | None], Tensor]

TEXTBOOK: dict[str, Forward] = {
    "convformersr": convformersr.forward,
    "hsenet": hsenet.forward,
    "mulsr": mulsr.forward,
    "sspsr": sspsr.forward,
    "tsfnet": tsfnet.forward,
}
