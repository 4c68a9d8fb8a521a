"""Modest building: code of others makes a network of a file's tensors, and nothing larger.

What a package builds follows from the names and shapes of a file that may come from anyone. A small
file can describe an endless network; its tensors would not fit in the end, but it must not be
allocated first.
"""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from geoloupe.errors import InputError

SPARE = 2**24  # numbers beside those of the file: tables, masks, and what is computed to make them
MAX_GAP = 10  # places that a numbered name may lie beyond the number of all tensors, as a factor


class Modest(TorchDispatchMode):
    """Refuse to make more numbers than twice those of a file, before there is memory for them."""

    def __init__(self, numbers: int) -> None:
        super().__init__()
        self.each = numbers + SPARE
        self.left = 2 * numbers + SPARE  # for what is made of nothing, as all weights are

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if not func._schema.is_mutable:
            self._weigh(func, args, kwargs)
        return func(*args, **kwargs)

    def _weigh(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Ask for the shape of an operation's answer, and refuse one too large."""
        try:
            outlines = func(*tree_map(_outline, args), **tree_map(_outline, _moved(kwargs)))
        except (NotImplementedError, RuntimeError):
            return  # what depends on values, such as item(), or what will fail anyway
        size = sum(prod(x.shape) for x in tree_leaves(outlines) if isinstance(x, Tensor))
        if not any(isinstance(x, Tensor) for x in tree_leaves((args, kwargs))):
            self.left -= size
        if self.left < 0 or size > self.each:
            raise InputError("its shapes ask for a network far larger than the file itself")


def refuse_gaps(state: Mapping[str, Tensor]) -> None:
    """Refuse layers numbered far beyond what a state can hold, which would all be made."""
    most = MAX_GAP * len(state) + 100
    for name in state:
        for part in name.split("."):
            if part.isdecimal() and (len(part) > 9 or int(part) > most):
                raise InputError(
                    f"numbers a layer {part[:12]}, but holds only {len(state)} tensors; no network "
                    "has such names"
                )


def _outline(value: Any) -> Any:
    return value.to("meta") if isinstance(value, Tensor) else value


def _moved(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keywords of an operation for tensors without memory."""
    moved = {key: value for key, value in kwargs.items() if key != "pin_memory"}
    tensors = any(isinstance(value, Tensor) for value in kwargs.values())
    return moved | ({"device": torch.device("meta")} if "device" in kwargs and not tensors else {})
