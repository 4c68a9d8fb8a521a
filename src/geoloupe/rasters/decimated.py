"""A scene in coarser pixels, without reading all of it: from overviews where they exist."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.windows import Window as RasterioWindow

from geoloupe.imagery.grid import Window
from geoloupe.rasters.raster import RasterReader, gdal_errors_as_input_errors, is_raster, reader_of
from geoloupe.rasters.source import Reader, Source


def decimated(source: Source, factor: int) -> Source:
    """Return an open scene whose pixels are `factor` x `factor` of its own; both close together.

    Rows and columns left over at the end are dropped. GDAL averages, from overviews where they
    exist; where it does not know which pixels are missing, and in files it does not read, one
    pixel stands for each cell.
    """
    if factor == 1:
        return source
    if is_raster(source):
        reader = reader_of(source)
        declared = reader.dataset.nodata
        known = source.radiometry.nodata is None or source.radiometry.nodata == declared
        coarse: Reader = OverviewReader(reader, factor, average=known)
    else:
        coarse = SampledReader(source.reader, factor)
    return replace(source, grid=source.grid.coarser(factor), reader=coarse)


@dataclass(frozen=True)
class OverviewReader:
    """Reads a GDAL dataset in coarser pixels."""

    reader: RasterReader
    factor: int
    average: bool

    def read(
        self, indexes: Sequence[int], window: Window
    ) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        """Read these bands of a window of coarse pixels."""
        fine, shape = window.finer(self.factor), (window.height, window.width)
        place = RasterioWindow(fine.left, fine.top, fine.width, fine.height)
        with gdal_errors_as_input_errors(self.reader.name):
            values = self.reader.dataset.read(
                [self.reader.numbers[index] for index in indexes],
                window=place,
                out_shape=(len(indexes), *shape),
                resampling=Resampling.average if self.average else Resampling.nearest,
            )
            return values, self.reader.valid(window=place, out_shape=shape)

    def close(self) -> None:
        """Close the dataset."""
        self.reader.close()


@dataclass(frozen=True)
class SampledReader:
    """Reads the middle pixel of every cell, a row of cells at a time."""

    reader: Reader
    factor: int

    def read(
        self, indexes: Sequence[int], window: Window
    ) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        """Read these bands of a window of coarse pixels."""
        rows, masks = [], []
        middle = self.factor // 2
        fine = window.finer(self.factor)
        for row in range(window.height):
            top = fine.top + row * self.factor + middle
            line = Window(top=top, left=fine.left, height=1, width=fine.width)
            values, valid = self.reader.read(indexes, line)
            rows.append(values[:, :, middle :: self.factor])
            masks.append(None if valid is None else valid[:, middle :: self.factor])
        seen = [mask for mask in masks if mask is not None]
        return np.concatenate(rows, axis=1), np.concatenate(seen) if seen else None

    def close(self) -> None:
        """Close what is open."""
        self.reader.close()
