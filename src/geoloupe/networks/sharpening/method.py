"""How a guide's detail comes into coarser bands: what every method is, and the one by default.

A method is local, so that tiles agree. What one needs to know of the whole scene it says as
features of coarse pixels: their moments are summed in one pass before the first tile.
"""

from collections.abc import Sequence
from typing import ClassVar, Protocol

import torch
from torch import Tensor

from geoloupe.networks.observation import Observation
from geoloupe.networks.sharpening.injection import WINDOW, injected

CONSISTENT_STEPS = 2  # of `Observation.consistent`: a ten-thousandth of what was missed is left


class Sharpener(Protocol):
    """Maps bands (N,C,h,w), a guide (N,G,H,W) and a sensor for each band to (N,C,H,W)."""

    def __call__(self, lr: Tensor, guide: Tensor, sensors: Sequence[Observation]) -> Tensor: ...


class Method(Protocol):
    """A way to sharpen, before it has seen a scene."""

    TITLE: ClassVar[str]
    PAPER: ClassVar[str]

    @property
    def guide_bands(self) -> int | None:
        """How many bands of a guide it takes; None for any number."""
        ...

    @property
    def consistent(self) -> bool:
        """Whether its answers are made to agree with the bands."""
        ...

    @property
    def reach(self) -> int:
        """Coarse pixels around a pixel that it looks at, the sensor's blur aside."""
        ...

    def features(self, lr: Tensor, guide: Tensor, sensors: Sequence[Observation]) -> Tensor | None:
        """Return (N,K,h,w) whose moments over the scene it needs; None for a method that is local.

        The first of them must be ones.
        """
        ...

    def fitted(self, moments: Tensor | None) -> Sharpener:
        """Take the mean products (K,K) of all features over the scene; return what maps tiles."""
        ...


class GLP:
    """Regression on the guide in small windows, in a generalised Laplacian pyramid."""

    TITLE: ClassVar[str] = "GLP with regression in windows"
    PAPER: ClassVar[str] = "Aiazzi et al., IEEE TGRS 2002 and 2007"
    guide_bands: ClassVar[int | None] = None
    consistent: ClassVar[bool] = True
    reach: ClassVar[int] = WINDOW + 2

    def features(self, lr: Tensor, guide: Tensor, sensors: Sequence[Observation]) -> Tensor | None:
        """Return None: all that it looks at is near."""
        return None

    def fitted(self, moments: Tensor | None) -> Sharpener:
        """Return the map of tiles."""
        return injected


class Interpolation:
    """Cubic convolution that does not look at the guide: what every method has to beat."""

    TITLE: ClassVar[str] = "Cubic convolution, without the guide"
    PAPER: ClassVar[str] = "Keys, IEEE TASSP 1981"
    guide_bands: ClassVar[int | None] = None
    consistent: ClassVar[bool] = False
    reach: ClassVar[int] = 2

    def features(self, lr: Tensor, guide: Tensor, sensors: Sequence[Observation]) -> Tensor | None:
        """Return None: all that it looks at is near."""
        return None

    def fitted(self, moments: Tensor | None) -> Sharpener:
        """Return the map of tiles."""
        return interpolated


def interpolated(lr: Tensor, guide: Tensor, sensors: Sequence[Observation]) -> Tensor:
    """Return lr (N,C,h,w) on the grid of the guide (N,G,H,W), (N,C,H,W)."""
    size = int(guide.shape[-2]), int(guide.shape[-1])
    bands = zip(lr.split(1, dim=1), sensors, strict=True)
    return torch.cat([sensor.interpolate(band, size) for band, sensor in bands], dim=1)
