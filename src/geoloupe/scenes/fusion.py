"""A tile of a guide with coarser bands: guide and bands -> method -> consistent -> bounded.

The plan's pixels are the guide's own, which is never resampled. Under each tile lie whole coarse
pixels, and the tile knows by what part of a pixel it starts after the first of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from geoloupe.errors import OutOfMemoryError
from geoloupe.imagery.fill import fill_missing
from geoloupe.imagery.grid import Window
from geoloupe.imagery.image import Image
from geoloupe.imagery.meeting import Meeting
from geoloupe.imagery.radiometry import UNIT
from geoloupe.models.bound import Bound
from geoloupe.models.precision import PrecisionChoice
from geoloupe.models.predictor import is_lack_of_memory
from geoloupe.networks.acceleration.precision import mixed
from geoloupe.networks.observation import Observation
from geoloupe.networks.sharpening.method import CONSISTENT_STEPS, Sharpener
from geoloupe.rasters.source import Source
from geoloupe.scenes.optics import Optics
from geoloupe.scenes.scene import SceneRun, any_data

_HOLE_FILL_PX = 5  # coarse pixels that values extend into a hole, farther than any regression sees
_FAR_VALUE = 0.25  # unit value beyond that: the same for every tile, and near most ground


@dataclass(frozen=True, kw_only=True, eq=False)
class Coarse:
    """Bands of one pixel size, how they lie on the product, and which product bands they become."""

    source: Source
    meeting: Meeting
    optics: Optics
    places: tuple[int, ...]

    def sensors(self, meeting: Meeting) -> list[Observation]:
        """Return each band's sensor for a part of the image that lies so under a tile."""
        down, across = meeting.down.axis, meeting.across.axis
        return [Observation(mtf=(gain,), down=down, across=across) for gain in self.optics.mtf]

    @property
    def margin(self) -> int:
        """Coarse pixels around a pixel that its sensors and consistency look at."""
        return max(sensor.reach for sensor in self.sensors(self.meeting))


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """A window of the guide and the coarse pixels under it, in unit values."""

    coarse: Image
    meeting: Meeting
    lr: Tensor  # (1,C,h,w), holes filled
    guide: Tensor  # (1,G,H,W), holes filled


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """The guide and all coarse bands, read together by windows of the product."""

    guide: Source
    looked: tuple[int, ...]  # guide bands that methods see
    corner: tuple[int, int]  # of the product within the guide
    device: torch.device
    lock: Any = field(default_factory=Lock, repr=False)  # sources are not thread-safe

    def guide_at(self, window: Window) -> Image:
        """Read the guide in unit values."""
        top, left = self.corner
        place = Window(
            top=window.top + top,
            left=window.left + left,
            height=window.height,
            width=window.width,
        )
        with self.lock:
            return self.guide.read(place).in_unit()

    def seen(self, window: Window, group: Coarse, guide: Image) -> Seen:
        """Read the coarse pixels under a window and make tensors of both."""
        place, meeting = group.meeting.part(window)
        with self.lock:
            coarse = group.source.read(place)
        unit = coarse.in_unit().values
        rings = int(
            np.ceil(_HOLE_FILL_PX * max(meeting.down.axis.ratio, meeting.across.axis.ratio))
        )
        fine = fill_missing(guide.values[list(self.looked)], rings=rings, beyond=_FAR_VALUE)
        return Seen(
            coarse=coarse,
            meeting=meeting,
            lr=self._tensor(fill_missing(unit, rings=_HOLE_FILL_PX, beyond=_FAR_VALUE)),
            guide=self._tensor(fine),
        )

    def _tensor(self, values: NDArray[np.float32]) -> Tensor:
        return torch.tensor(values, device=self.device)[None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Fusion(SceneRun):
    """Coarse bands on the grid of their guide."""

    reading: Reading
    groups: tuple[Coarse, ...]
    sharpeners: tuple[Sharpener, ...]  # one a group
    through: Mapping[int, int]  # product bands that are the guide's own: which of its bands
    precision: PrecisionChoice
    consistent: bool
    bound: float | None
    label: str  # the scene as the person named it

    @property
    def name(self) -> str:
        """The scene as the person named it."""
        return self.label

    @property
    def device(self) -> torch.device:
        """Where tiles are computed."""
        return self.reading.device

    @property
    def minimum(self) -> int:
        """Any size will do: borders are mirrored."""
        return 1

    def predict(self, window: Window) -> Image | None:
        """Make one tile in unit values; None where guide or bands hold no data."""
        guide = self.reading.guide_at(window)
        if not guide.valid.any():
            return None
        values = np.full((self.band_count, window.height, window.width), np.nan, np.float32)
        for place, band in self.through.items():
            values[place] = guide.values[band]
        for group, sharpener in zip(self.groups, self.sharpeners, strict=True):
            with self._memory(window):
                values[list(group.places)] = self._sharpened(window, group, sharpener, guide)
        return Image(
            values=values,
            valid=any_data(values),
            bands=tuple(facts.band for facts in self.layout.facts.bands),
            grid=self.layout.grid.window(window),
            radiometry=UNIT,
        )

    def _sharpened(
        self, window: Window, group: Coarse, sharpener: Sharpener, guide: Image
    ) -> NDArray[np.float32]:
        """Sharpen the bands of a group (C,H,W), NaN where they or the guide have no data."""
        seen = self.reading.seen(window, group, guide)
        rows = seen.meeting.down.under(window.height)
        columns = seen.meeting.across.under(window.width)
        unit = seen.coarse.in_unit().values
        missing = np.isnan(unit)[:, rows][:, :, columns]
        missing |= np.isnan(guide.values[list(self.reading.looked)]).any(0)
        if missing.all():
            return np.full(missing.shape, np.nan, np.float32)
        sensors = group.sensors(seen.meeting)
        with torch.inference_mode():
            with mixed(self.device, self.precision):
                answer = sharpener(seen.lr, seen.guide, sensors)
            if self.consistent:
                every = Observation(
                    mtf=group.optics.mtf,
                    down=seen.meeting.down.axis,
                    across=seen.meeting.across.axis,
                )
                answer = every.consistent(answer, seen.lr, steps=CONSISTENT_STEPS)
            answer = self._held(answer[0], unit, seen.coarse, (rows, columns))
        values: NDArray[np.float32] = answer.cpu().numpy()
        values[missing] = np.nan
        return values

    def _held(
        self,
        answer: Tensor,
        unit: NDArray[np.float32],
        coarse: Image,
        under: tuple[Sequence[int], Sequence[int]],
    ) -> Tensor:
        """Hold an answer (C,H,W) within what the coarse pixels around each pixel allow."""
        if self.bound is None:
            return answer
        lr = torch.tensor(unit, device=self.device)
        around = Bound.around(lr, margin=self.bound, floor=coarse.radiometry.floor())
        return around.under(*under).clamp(answer, 1)

    @contextmanager
    def _memory(self, window: Window) -> Iterator[None]:
        """Turn running out of memory into an error that names the tile."""
        try:
            yield
        except (RuntimeError, MemoryError) as error:
            if not is_lack_of_memory(error):
                raise
            raise OutOfMemoryError(
                f"{self.label}: a tile of {window.width} x {window.height} pixels needs more "
                f"memory than {self.device} has; choose a smaller tile"
            ) from None
