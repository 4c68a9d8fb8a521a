"""A method that sharpens with a guide, as a network of a whole factor: lr, guide -> sr.

So whatever measures networks measures methods, on images whose coarse pixels are blocks of fine
ones. A method that needs moments of a scene takes them of the image that it gets.
"""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from geoloupe.networks.doubles import doubled
from geoloupe.networks.observation import Observation
from geoloupe.networks.sharpening.method import CONSISTENT_STEPS, Method
from geoloupe.networks.signature import UNKNOWN_MTF, Network, Reference, Signature


@dataclass(frozen=True, kw_only=True)
class SharpeningSettings:
    """The factor alone."""

    scale: int = 2


class SharpeningNetwork(Network):
    """Bands (N,C,h,w) and a guide (N,G,h*scale,w*scale) -> (N,C,h*scale,w*scale)."""

    Settings: ClassVar[type] = SharpeningSettings
    REFERENCE: ClassVar[Reference] = Reference(
        title="Sharpening with a guide",
        task="the detail of a finer image in coarser bands",
        scales=(2, 3, 4, 6),
        paper="see `geoloupe sharpen`",
    )

    def __init__(self, settings: SharpeningSettings, method: Method) -> None:
        super().__init__(settings)
        self.signature = Signature(
            scale=settings.scale,
            bands=None,
            guide_bands=method.guide_bands,
            margin=method.reach + 8,
            reach="global" if method.guide_bands == 1 else "local",
            takes_mtf=True,
        )
        self.method = method if isinstance(method, nn.Module) else None
        self._plain: Any = method
        self.mtf: tuple[float, ...] = ()

    def for_sensor(self, mtf: float | Sequence[float]) -> "SharpeningNetwork":
        """Return the network for bands of known MTF, one of all or one of each."""
        tuned = copy(self)
        tuned.mtf = (float(mtf),) if isinstance(mtf, float | int) else tuple(mtf)
        return tuned

    def stages(self, lr: Tensor, guide: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the answer as the only stage; each image of a batch has moments of its own."""
        assert guide is not None, "a method that sharpens needs a guide"
        images = zip(lr.split(1), guide.split(1), strict=True)
        return (torch.cat([self._sharpened(one, other) for one, other in images]),)

    def _sharpened(self, lr: Tensor, guide: Tensor) -> Tensor:
        """Sharpen one image (1,C,h,w) by its guide."""
        method = self.method if self.method is not None else self._plain
        mtf = self.mtf or (UNKNOWN_MTF,)
        each = mtf * lr.shape[1] if len(mtf) == 1 else mtf
        sensors = [Observation.aligned(gain, scale=self.settings.scale) for gain in each]
        answer = method.fitted(_moments(method, lr, guide, sensors))(lr, guide, sensors)
        if method.consistent:
            every = Observation.aligned(*each, scale=self.settings.scale)
            answer = every.consistent(answer, lr, steps=CONSISTENT_STEPS)
        return answer

    @classmethod
    def infer(cls, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Return nothing: the factor is chosen by who asks."""
        return {}


def _moments(
    method: Method, lr: Tensor, guide: Tensor, sensors: Sequence[Observation]
) -> Tensor | None:
    """Return the mean products (K,K) of a method's features over an image; None if it is local."""
    features = method.features(lr, guide, sensors)
    if features is None:
        return None
    flat = doubled(features).transpose(0, 1).flatten(1)
    return (flat @ flat.T / flat.shape[1]).to(torch.float64)
