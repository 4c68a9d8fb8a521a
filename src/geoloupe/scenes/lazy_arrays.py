"""Dask arrays through a network that looks near: chunk by chunk, on demand."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoloupe.imagery.grid import Window
from geoloupe.imagery.image import Image
from geoloupe.models.predictor import Predictor
from geoloupe.rasters.planes import Layout
from geoloupe.scenes.scene import Enlargement


def is_lazy(values: Any) -> bool:
    """Return whether values are a Dask array."""
    return hasattr(values, "dask") and hasattr(values, "rechunk")


def enlarged_lazily(values: Any, scene: Enlargement) -> Any:
    """Return the Dask array (B,H*scale,W*scale) that `scene` makes of a Dask array (B,H,W).

    Each chunk is read with the margin that a tile would discard: a chunk is a tile.
    """
    import dask.array
    from dask.delayed import delayed

    chosen = values[list(scene.source.indexes)]
    (_, tall, wide), scale = chosen.chunks, scene.scale
    layout = scene.layout
    made = delayed(_made, pure=True)
    # Once in the graph, not once per chunk.
    ready = delayed(replace(scene, source=replace(scene.source, reader=_NOTHING)), pure=False)
    rows = [
        [
            dask.array.from_delayed(
                made(ready, chosen[(slice(None), *around.slices)], inner),
                shape=(len(chosen), inner.height * scale, inner.width * scale),
                dtype=layout.radiometry.dtype,
            )
            for around, inner in (
                _windows(down, across, chosen.shape, scene.plan.margin) for across in _spans(wide)
            )
        ]
        for down in _spans(tall)
    ]
    return dask.array.block(rows)


class _Nothing:
    """Stands in for a reader on workers, which are given pixels."""

    def read(self, indexes: Sequence[int], window: Window) -> tuple[NDArray[Any], None]:
        """Refuse: never called."""
        raise AssertionError("pixels come with the chunk")

    def close(self) -> None:
        """Hold nothing open."""


_NOTHING = _Nothing()


def _made(scene: Enlargement, values: NDArray[Any], inner: Window) -> NDArray[Any]:
    """Enlarge a chunk (B,h,w) with what is around it; `inner` is the chunk in it."""
    source, predictor, layout = scene.source, scene.predictor, scene.layout
    image = Image.of(np.asarray(values), radiometry=source.radiometry, bands=source.bands)
    return _stored(predictor, image, inner, layout)


def _stored(predictor: Predictor, image: Image, inner: Window, layout: Layout) -> NDArray[Any]:
    fine = inner.finer(predictor.signature.scale)
    if not image.valid.any():
        missing = np.full((len(image.bands), fine.height, fine.width), np.nan, np.float32)
        unit = replace(image.in_unit().crop(inner), values=missing)
        return unit.in_radiometry(layout.radiometry).values
    return predictor.predict(image).crop(fine).in_radiometry(layout.radiometry).values


def _spans(lengths: Sequence[int]) -> list[tuple[int, int]]:
    """Return where chunks of these lengths begin and end."""
    return list(pairwise(accumulate(lengths, initial=0)))


def _windows(
    down: tuple[int, int], across: tuple[int, int], shape: Sequence[int], margin: int
) -> tuple[Window, Window]:
    """Return a chunk with its margin, as far as pixels exist, and the chunk within it."""
    (top, bottom), (left, right) = down, across
    first, start = max(top - margin, 0), max(left - margin, 0)
    around = Window(
        top=first,
        left=start,
        height=min(bottom + margin, shape[1]) - first,
        width=min(right + margin, shape[2]) - start,
    )
    inner = Window(top=top - first, left=left - start, height=bottom - top, width=right - left)
    return around, inner
