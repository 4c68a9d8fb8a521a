"""A model as one computation that other programs can run: lr, guide -> what the model answers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self, TypedDict

import torch
from torch import Tensor, nn

from geoloupe.errors import InputError
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT
from geoloupe.models.bound import Bound
from geoloupe.models.golden import known_image
from geoloupe.models.model import Model
from geoloupe.models.predictor import Predictor
from geoloupe.networks.acceleration.accelerate import plain_copy
from geoloupe.networks.signature import UNKNOWN_MTF

_SIDES = ((24, 28), (33, 41), (40, 26))  # LR pixels of the images that a free size is tried on


class FixedOptions(TypedDict, total=False):
    """What a file fixes of a model, by keyword."""

    bands: Sequence[str] | int | None  # names or number; None: the card's, or three
    tile: int | None  # the side of the only image it takes, in LR pixels; None: it takes any size
    mtf: float | None  # what the sensor passes at Nyquist, for models that are told it


class Answering(nn.Module):
    """A network whose answer is held as the model's card says: (1,B,H,W) -> (1,B,H*s,W*s)."""

    def __init__(self, network: Any, margin: float | None) -> None:
        super().__init__()
        self.network, self.margin = network, margin
        self.scale = network.signature.scale
        self.floor: Tensor
        self.register_buffer("floor", torch.from_numpy(UNIT.floor()), persistent=False)

    def forward(self, lr: Tensor, guide: Tensor | None = None) -> Tensor:
        answer: Tensor = self.network(lr) if guide is None else self.network(lr, guide)
        if self.margin is None:
            return answer
        bound = Bound.around(lr[0], margin=self.margin, floor=self.floor)
        return bound.clamp(answer, self.scale)


@dataclass(frozen=True, kw_only=True)
class Graph:
    """A model, and what is fixed of it in a file: bands, optics and perhaps the tile's size."""

    model: Model
    bands: tuple[str, ...]
    guide_bands: int  # 0: takes no guide
    mtf: float | None  # None: the model takes none
    tile: int | None  # LR pixels; None: any size

    @classmethod
    def of(
        cls,
        model: Model,
        *,
        bands: Sequence[str] | int | None = None,
        tile: int | None = None,
        mtf: float | None = None,
    ) -> Self:
        """Choose what is fixed; what the model cannot do is refused."""
        signature, name = model.network.signature, model.card.name
        if tile is not None and tile < signature.minimum:
            raise InputError(f"tile={tile}: {name} takes {signature.minimum} pixels and more")
        if mtf is not None and not signature.takes_mtf:
            raise InputError(f"{name} is not told the sensor's blur; leave mtf out")
        if mtf is not None and not 0 < mtf <= 1:
            raise InputError(f"mtf={mtf:g}: is the contrast left at Nyquist, from 0 to 1")
        names = _names(bands, model)
        if signature.bands not in (None, len(names)):
            raise InputError(
                f"{name} takes {signature.bands} bands, and bands names {len(names)} of them"
            )
        return cls(
            model=model,
            bands=names,
            guide_bands=(signature.guide_bands or 1) if signature.guided else 0,
            mtf=(UNKNOWN_MTF if mtf is None else mtf) if signature.takes_mtf else None,
            tile=tile,
        )

    @cached_property
    def fixed(self) -> Model:
        """The model with the optics in its weights."""
        if self.mtf is None:
            return self.model
        network: Any = self.model.network
        return replace(self.model, network=network.for_sensor(self.mtf))

    @cached_property
    def module(self) -> nn.Module:
        """The computation, in plain operations."""
        network: Any = plain_copy(self.fixed.network).cpu()
        return Answering(network, self.model.card.bound).eval().requires_grad_(False)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its inputs."""
        return ("lr", "guide") if self.guide_bands else ("lr",)

    @property
    def sides(self) -> tuple[tuple[int, int], ...]:
        """Rows and columns of the images that a file is tried on."""
        if self.tile is not None:
            return ((self.tile, self.tile),)
        least = self.model.network.signature.minimum
        return tuple((max(height, least), max(width, least)) for height, width in _SIDES)

    def images(self, height: int, width: int) -> tuple[Image, ...]:
        """Return known images of a size: the one to enlarge, and the guide if there is one."""
        lr = known_image(len(self.bands), height, width)
        if not self.guide_bands:
            return (lr,)
        scale = self.model.network.signature.scale
        return lr, known_image(self.guide_bands, height * scale, width * scale)

    def inputs(self, height: int, width: int) -> tuple[Tensor, ...]:
        """Return the same as tensors (1,B,H,W)."""
        return tuple(torch.tensor(image.values)[None] for image in self.images(height, width))

    def answer(self, height: int, width: int) -> Tensor:
        """Return what the model itself answers to them (1,B,H*s,W*s), in single precision."""
        predictor = Predictor.of(self.fixed, precision="fp32")
        return torch.tensor(predictor.predict(*self.images(height, width)).values)[None]


def _names(bands: Sequence[str] | int | None, model: Model) -> tuple[str, ...]:
    """Name the bands: as asked, as the card does, or by number."""
    if isinstance(bands, int):
        if bands < 1:
            raise InputError(f"bands={bands}: a model takes 1 and more")
        return tuple(f"band {number}" for number in range(1, bands + 1))
    named = tuple(bands or model.card.bands or ())
    if len(set(named)) < len(named):
        raise InputError(f"bands must have different names, not {', '.join(named)}")
    return named or _names(model.network.signature.bands or 3, model)
