"""What every network is: its promise to callers and the shape of its class."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from torch import Tensor, nn

UNKNOWN_MTF = 0.4  # of optics that nobody tells: mild, so that little is sharpened too much


@dataclass(frozen=True, kw_only=True)
class Signature:
    """What a network promises its callers, in LR pixels.

    Every network takes any size from `minimum` up and returns exactly `scale` times it; what it
    needs in steps of several pixels, it pads itself.
    """

    scale: int
    bands: int | None  # None: any number
    guide_bands: int | None = 0  # 0: takes no guide; None: one of any number
    minimum: int = 1
    tile: int = 64  # what a scene is cut into unless the card says otherwise
    margin: int = 8  # context that a tile throws away on each side
    reach: Literal["local", "global"] = "global"  # local: tiled equals whole, and a test proves it
    takes_mtf: bool = (
        False  # its stages take the MTF at Nyquist, and `for_sensor(mtf)` builds one in
    )

    @property
    def guided(self) -> bool:
        """Whether it takes a guide."""
        return self.guide_bands != 0


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Where a network comes from and what it is for, one line each."""

    title: str
    task: str
    scales: tuple[int, ...]
    paper: str


class Network(nn.Module, ABC):
    """A network: made from its settings alone, and called as lr, guide -> sr."""

    Settings: ClassVar[type]  # frozen dataclass with scale, bands and .tiny() for tests
    REFERENCE: ClassVar[Reference]
    PUBLISHED: ClassVar[Mapping[str, str | None]] = {}  # published name -> ours; None: not needed
    ASK: ClassVar[Mapping[str, str]] = {}  # settings that no checkpoint shows -> why they are asked
    ANY_SCALE: ClassVar[bool] = False  # whether the guide's size, not the weights, sets the factor

    signature: Signature

    def __init__(self, settings: Any) -> None:
        super().__init__()
        self.settings = settings

    @abstractmethod
    def stages(self, lr: Tensor, guide: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return all images trained on, (N,C,H*scale,W*scale) each; the last is the answer."""

    def forward(self, lr: Tensor, guide: Tensor | None = None) -> Tensor:
        """Return the last stage."""
        return self.stages(lr, guide)[-1]

    @classmethod
    def infer(cls, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Read from our names and shapes every setting that they tell."""
        return {}


class Adapter(Network):
    """A network that another package builds from its weights; settings alone do not make one.

    Its state is the one that came, under the names that came. The catalog lists it as an "adapter",
    apart from the networks of known lines: it is converted, loaded and run, not trained.
    """

    BANDS: ClassVar[tuple[str, ...] | None] = None  # what it takes, unless a person says otherwise

    @classmethod
    @abstractmethod
    def adapt(cls, state: Mapping[str, Tensor], settings: Mapping[str, Any]) -> Self:
        """Build the network of a state; one that is unknown or disagrees is an InputError.

        The state may come from anyone: nothing larger than it warrants is built on the way.
        """
