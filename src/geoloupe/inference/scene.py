"""A scene through a network, strip by strip: source -> plan -> predictor -> blend -> product.

Memory holds one strip of tiles at most, whatever the height of the scene.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from geoloupe.errors import RunError
from geoloupe.files.product import Product
from geoloupe.files.source import Source
from geoloupe.imagery.grid import Window
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT
from geoloupe.inference.blend import Array, Blender
from geoloupe.inference.plan import Plan
from geoloupe.inference.predictor import Predictor

Progress = Callable[[int, int], None]
"""Called with the number of finished tiles and the number of all."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What goes in: a source, its guide on the grid of the result, and what is done to them."""

    source: Source
    guide: Source | None
    predictor: Predictor
    plan: Plan

    def predict(self, window: Window) -> Image | None:
        """Enlarge one tile; None where it holds no data."""
        image = self.source.read(window)
        if not image.valid.any():
            return None
        scale = self.predictor.signature.scale
        try:
            guide = None if self.guide is None else self.guide.read(window.finer(scale))
            return self.predictor.predict(image, guide)
        except RunError as error:
            corner = f"the tile at row {window.top}, column {window.left}"
            raise RunError(f"{self.source.name}: in {corner}: {error}") from None


def write_scene(scene: Scene, product: Product, *, progress: Progress) -> int:
    """Make every strip of a product from the top down; give the number of tiles without data."""
    plan, scale = scene.plan, scene.predictor.signature.scale
    blender = Blender(plan=plan, scale=scale, band_count=len(scene.source.bands))
    done = skipped = 0
    for row in range(len(plan.rows)):
        blender.begin(row)
        for tile in plan.strip(row):
            answer = scene.predict(tile.window)
            if answer is None:
                skipped += 1
            else:
                blender.paint(row, tile.column, answer.values)
            done += 1
            progress(done, plan.count)
        top, values = blender.finish(row)
        product.write(_strip(scene, product, top, values), top=top)
    return skipped


def _strip(scene: Scene, product: Product, top: int, values: Array) -> Image:
    """Make an image of finished unit values (B,h,W), stored as the product stores them."""
    height, width = values.shape[1:]
    grid = product.layout.grid.window(Window(top=top, left=0, height=height, width=width))
    unit = Image(
        values=values,
        valid=np.any(~np.isnan(values), axis=0),
        bands=scene.source.bands,
        grid=grid,
        radiometry=UNIT,
    )
    return unit.in_radiometry(product.layout.radiometry)
