"""Weight normalisation in published files: magnitude and direction, or one plain weight.

PyTorch has named the pair in two ways: `weight_g` and `weight_v`, and since 2.0
`parametrizations.weight.original0` and `original1`. Here the newer names stand for both.
"""

from collections.abc import Container, Mapping

import torch
from torch import Tensor

PAIR = ".parametrizations.weight.original"
OLD_NAMES = {".weight_g": f"{PAIR}0", ".weight_v": f"{PAIR}1"}


def modern(name: str) -> str:
    """Return a weight-normalised parameter its newer name; leave every other name alone."""
    for old, new in OLD_NAMES.items():
        if name.endswith(old):
            return name.removesuffix(old) + new
    return name


def historic(name: str) -> str:
    """Return a weight-normalised parameter the older name, which published files hold."""
    for old, new in OLD_NAMES.items():
        if name.endswith(new):
            return name.removesuffix(new) + old
    return name


def plain_shapes(state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """List all shapes, with the plain weight beside every pair that would fold into it."""
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    folded = {
        f"{name.removesuffix(f'{PAIR}1')}.weight": shape
        for name, shape in shapes.items()
        if name.endswith(f"{PAIR}1")
    }
    return folded | shapes


def fit(state: Mapping[str, Tensor], wanted: Container[str]) -> dict[str, Tensor]:
    """Fold pairs and split plain weights until the names are those that a network wants."""
    fitted = dict(state)
    for name in state:
        layer = name.removesuffix(f"{PAIR}1").removesuffix(".weight")
        pair, plain = (f"{layer}{PAIR}0", f"{layer}{PAIR}1"), f"{layer}.weight"
        if name == pair[1] and name not in wanted and plain in wanted and pair[0] in fitted:
            magnitude, direction = fitted.pop(pair[0]), fitted.pop(pair[1])
            fitted[plain] = direction * (magnitude / norm(direction))
        elif name == plain and name not in wanted and pair[1] in wanted:
            direction = fitted.pop(plain)
            fitted[pair[0]], fitted[pair[1]] = norm(direction), direction
    return fitted


def norm(weight: Tensor) -> Tensor:
    """Measure each output's weights: (O,...) -> (O,1,...), the norm over all but the first axis."""
    length: Tensor = torch.linalg.vector_norm(
        weight, dim=tuple(range(1, weight.ndim)), keepdim=True
    )
    return length
