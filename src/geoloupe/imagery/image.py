"""The one value that crosses every border: pixels that know what they are."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from geoloupe.imagery.grid import Grid, Window
from geoloupe.imagery.radiometry import UNIT, Radiometry
from geoloupe.imagery.resize import symmetric_index
from geoloupe.imagery.spectra import Band


@dataclass(frozen=True, kw_only=True, eq=False)
class Image:
    """Values (B,H,W) with a mask (H,W) that is True where any band holds data.

    A band can be missing in a pixel that has others: `present` tells, because such a value is
    nodata or NaN. The arrays are read-only; every method returns a new image.
    """

    values: NDArray[Any]
    valid: NDArray[np.bool_]
    bands: tuple[Band, ...]
    grid: Grid
    radiometry: Radiometry

    def __post_init__(self) -> None:
        shape = (len(self.bands), self.grid.height, self.grid.width)
        assert self.values.shape == shape, f"values {self.values.shape}, expected {shape}"
        assert self.valid.shape == shape[1:], f"valid {self.valid.shape}, expected {shape[1:]}"
        for name in ("values", "valid"):
            view = getattr(self, name).view()
            view.flags.writeable = False
            object.__setattr__(self, name, view)

    @classmethod
    def of(
        cls,
        values: NDArray[Any],
        *,
        radiometry: Radiometry,
        grid: Grid | None = None,
        bands: Sequence[Band] = (),
    ) -> Self:
        """Make an image of (B,H,W) values whose radiometry tells what is missing."""
        band_count, height, width = values.shape
        return cls(
            values=values,
            valid=np.any(~radiometry.missing(values), axis=0),
            bands=tuple(bands) or (Band(),) * band_count,
            grid=grid or Grid(crs=None, height=height, width=width),
            radiometry=radiometry,
        )

    @property
    def present(self) -> NDArray[np.bool_]:
        """Where each band holds data, (B,H,W)."""
        return self.valid & ~self.radiometry.missing(self.values)

    def in_unit(self) -> Self:
        """Return unit values, float32, with NaN where data are missing."""
        unit = self.radiometry.to_unit(self.values)
        unit[:, ~self.valid] = np.nan
        return replace(self, values=unit, radiometry=UNIT)

    def in_radiometry(self, radiometry: Radiometry) -> Self:
        """Return the stored values of another radiometry; what is missing stays missing."""
        unit = self.values if self.radiometry == UNIT else self.in_unit().values
        return replace(self, values=radiometry.from_unit(unit), radiometry=radiometry)

    def crop(self, window: Window) -> Self:
        """Cut out a window that lies inside."""
        return replace(
            self,
            values=self.values[:, *window.slices],
            valid=self.valid[window.slices],
            grid=self.grid.window(window),
        )

    def select(self, indexes: Sequence[int]) -> Self:
        """Keep the bands at these positions (from 0), in this order."""
        values = self.values[list(indexes)]
        radiometry = self.radiometry.select(indexes)
        return replace(
            self,
            values=values,
            valid=self.valid & np.any(~radiometry.missing(values), axis=0),
            bands=tuple(self.bands[index] for index in indexes),
            radiometry=radiometry,
        )

    def repeated(self, scale: int) -> Self:
        """Show every pixel as `scale` x `scale` of them."""
        return replace(
            self,
            values=self.values.repeat(scale, axis=1).repeat(scale, axis=2),
            valid=self.valid.repeat(scale, axis=0).repeat(scale, axis=1),
            grid=self.grid.finer(scale),
        )

    def pad(self, *, bottom: int, right: int) -> Self:
        """Extend by mirrored pixels, the edge pixel repeated, by any amount."""
        _, height, width = self.values.shape
        rows, columns = symmetric_index(height, 0, bottom), symmetric_index(width, 0, right)
        whole = Window(top=0, left=0, height=height + bottom, width=width + right)
        return replace(
            self,
            values=self.values[:, rows[:, None], columns],
            valid=self.valid[rows[:, None], columns],
            grid=self.grid.window(whole),
        )
