"""A stand-in for the package spandrel, which needs torchvision: the same interface, one network.

What spandrel 0.4.2 does is done here: it reads settings from shapes, writes on the state that it is
given, loads it strictly, and pads, clamps and crops around the module.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import isqrt
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__version__ = "0.4.2"

MARKS = ("face", "noisy", "pair", "square", "small")


class UnsupportedModelError(Exception):
    """No network is known by these names."""


@dataclass
class SizeRequirements:
    """What sizes a network takes."""

    minimum: int = 0
    multiple_of: int = 1
    square: bool = False

    def __post_init__(self) -> None:
        self.minimum = -(-self.minimum // self.multiple_of) * self.multiple_of


class Mixer(nn.Module):
    """A network that asks of its caller what some real ones do."""

    def __init__(self, sizes: dict[str, int], marks: list[str]) -> None:
        super().__init__()
        features, kernel, out, scale = (sizes[n] for n in ("features", "kernel", "out", "scale"))
        self.first = nn.Conv2d(sizes["bands"], features, kernel, padding=kernel // 2)
        self.mix = nn.Conv2d(features, features, 1, bias=False)
        self.up = nn.Conv2d(features, out * scale**2, 3, padding=1)
        self.shift = nn.Parameter(torch.zeros(out, 1, 1))
        self.shuffle = nn.PixelShuffle(scale)
        for mark in marks:
            self.register_buffer(mark, torch.ones(1))
        self.marks = marks

    def forward(self, x: Tensor) -> Any:
        assert len(x) == 1, "one image at a time"
        assert x.shape[-2] % 4 == x.shape[-1] % 4 == 0
        assert min(x.shape[-2:]) >= 12
        x *= 2  # as RCAN does: on its caller's tensor
        y = self.first(x)
        n, c, h, w = y.shape
        flat = y.view(n, c, h * w)  # only of the plain layout
        y = (self.mix.weight[:, :, 0, 0] @ flat).view(n, c, h, w)  # as SPAN does: by its weights
        y = self.shuffle(self.up(y)) / 2 + self.shift
        if "noisy" in self.marks:
            y = y + torch.rand_like(y)
        if "small" in self.marks:
            y = y[..., 1:, :]
        return (y, None) if "pair" in self.marks else y


class ImageModelDescriptor:
    """A network and what is known of it."""

    def __init__(
        self,
        model: nn.Module,
        state_dict: dict[str, Tensor],
        facts: SimpleNamespace,
        call_fn: Callable[[nn.Module, Tensor], Tensor],
    ) -> None:
        self.model = model
        self.architecture = SimpleNamespace(id="Mixer", name="Mixer of bands")
        self.purpose, self.scale = facts.purpose, facts.scale
        self.input_channels, self.output_channels = facts.bands, facts.out
        self.size_requirements = SizeRequirements(10, 4, facts.square)
        self._call_fn = call_fn
        self.model.load_state_dict(state_dict)

    def eval(self) -> "ImageModelDescriptor":
        """Leave training."""
        self.model.eval()
        return self

    @torch.inference_mode()
    def __call__(self, image: Tensor) -> Tensor:
        height, width = (side * self.scale for side in image.shape[-2:])
        least = self.size_requirements.minimum
        bottom, right = (-(-max(side, least) // 4) * 4 - side for side in image.shape[-2:])
        padded = F.pad(image, (0, right, 0, bottom), "reflect")
        return self._call_fn(self.model, padded).clamp_(0, 1)[..., :height, :width]


class ModelLoader:
    """Make networks of states."""

    def __init__(self, device: str | None = None) -> None:
        self.device = torch.device(device or "cpu")

    def load_from_state_dict(self, state_dict: dict[str, Tensor]) -> ImageModelDescriptor:
        """Recognise a network by its names and build it."""
        if "first.1.weight" not in state_dict:
            raise UnsupportedModelError
        for part in ("weight", "bias"):  # as SwinIR does; it would not know these names again
            state_dict[f"first.{part}"] = state_dict.pop(f"first.1.{part}")
        features, bands, kernel, _ = state_dict["first.weight"].shape
        out = len(state_dict["shift"])
        scale = isqrt(state_dict["up.weight"].shape[0] // out)
        sizes = {"features": features, "bands": bands, "kernel": kernel, "out": out, "scale": scale}
        marks = [mark for mark in MARKS if mark in state_dict]
        facts = SimpleNamespace(
            purpose="FaceSR" if "face" in marks else "Restoration" if scale == 1 else "SR",
            square="square" in marks,
            **sizes,
        )
        first = (lambda net, x: net(x)[0]) if "pair" in marks else (lambda net, x: net(x))
        return ImageModelDescriptor(Mixer(sizes, marks), state_dict, facts, first)


def published(*marks: str, **changes: int) -> dict[str, Tensor]:
    """Make a state of the network as its authors would save it."""
    sizes = {"features": 4, "bands": 3, "kernel": 3, "out": 3, "scale": 2} | changes
    state = Mixer(sizes, list(marks)).state_dict()
    return {
        name.replace("first.", "first.1."): value + 0.1 * torch.rand_like(value)
        for name, value in state.items()
    }
