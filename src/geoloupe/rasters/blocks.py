"""Files are read in whole blocks: whether those fit in memory."""

from typing import Any

import numpy as np
from rasterio.enums import Interleaving

from geoloupe.errors import InputError
from geoloupe.storage.sizes import size_text
from geoloupe.system.memory import available


def refuse_large_blocks(name: str, dataset: Any) -> None:
    """Refuse an open dataset of which not even one block fits in memory."""
    (rows, columns), stored = dataset.block_shapes[0], dataset.dtypes[0]
    dtype = "complex64" if stored == "complex_int16" else stored  # as read
    together = dataset.count if dataset.interleaving is Interleaving.pixel else 1
    size, free = rows * columns * together * np.dtype(dtype).itemsize, available()
    if size > free:
        raise InputError(
            f"{name}: is stored in blocks of {columns} x {rows} pixels, which take "
            f"{size_text(size)} of memory each, and {size_text(free)} are free; store it in "
            "smaller ones, as with gdal_translate -co TILED=YES"
        )
