"""What a person chooses of a result's file: format, type, packing, and what lies beside it."""

import math
from dataclasses import dataclass, replace

from geoloupe.rasters.planes import Layout
from geoloupe.rasters.storing import Compression, FileFormat, Packing, StoredType, retyped


@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """How a result is stored."""

    format: FileFormat | None = None  # None: as its suffix says, a .tif being a COG
    dtype: StoredType | None = None  # None: the scene's
    # What one step of a stored value means, and what zero does. None: as before where the type
    # holds the scene's values, else dark to bright is spread over it and the tags say how
    dtype_scale: float | None = None
    dtype_offset: float | None = None
    compress: Compression | None = None  # None: deflate in a GeoTIFF, zstd in Zarr
    blocksize: int | None = None  # pixels of a side of the file's blocks; None: 512, fewer of many
    stac: bool = False  # a STAC item beside the result: what it is and how it was made

    def __post_init__(self) -> None:
        self.packing  # noqa: B018 - which refuses what does not fit
        scale, offset = self.dtype_scale, self.dtype_offset
        if scale is not None and not 0 < scale < math.inf:
            raise ValueError(f"dtype_scale is what one step means, above 0, not {scale:g}")
        if offset is not None and not math.isfinite(offset):
            raise ValueError(f"dtype_offset is what zero means, not {offset:g}")

    @property
    def packing(self) -> Packing:
        """What files it becomes."""
        return Packing(
            format=self.format,
            compress=self.compress,
            blocksize=self.blocksize,
            item=self.stac,
        )

    def stored(self, layout: Layout) -> Layout:
        """Return a layout with its values and its file as they were asked for."""
        changed = retyped(layout, self.dtype, scale=self.dtype_scale, offset=self.dtype_offset)
        return replace(changed, packing=self.packing)
