"""How often `geoloupe inspect` calls a seam or invented texture where there is one, and where not.

    python -m benchmarks.trust texture data/ucmerced/test/*.webp
    python -m benchmarks.trust seams data/scenes/*.tif --grids 200

Texture: what loupe-x4 makes of good and of poor LR images of these photographs. Seams: grids of
tiles laid over products of one tile, which have none, and steps planted along them.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from geoloupe.degradations.jpeg import compress
from geoloupe.imagery.grid import Grid, Window
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT, Radiometry
from geoloupe.imagery.resize import imresize
from geoloupe.metrics.texture import find_strokes, texture
from geoloupe.models.model import load
from geoloupe.models.predictor import Predictor
from geoloupe.rasters.opening import open_source
from geoloupe.rasters.source import Source
from geoloupe.scenes.inspection import LIMITS
from geoloupe.scenes.plan import Span, spans
from geoloupe.scenes.seams import seam_steps

SCALE = 4
BYTE = Radiometry(dtype="uint8", high=(255.0,))
SIDE = 384  # pixels of a scene that are used

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Held:
    """An image in memory that is read like a file."""

    image: Image

    @property
    def grid(self) -> Grid:
        """The place and the size of all of it."""
        return self.image.grid

    def read(self, window: Window) -> Image:
        """Read a window that lies inside."""
        return self.image.crop(window)


def held(values: NDArray[np.floating]) -> Source:
    """Hold unit values (B,H,W)."""
    image = Image.of(np.ascontiguousarray(values, np.float32), radiometry=UNIT)
    return cast("Source", Held(image))


def contrast(values: NDArray[np.floating]) -> float:
    """Return what lies between the darkest and the brightest two per cent."""
    dark, bright = np.nanpercentile(values, (2, 98))
    return float(bright - dark)


def with_steps(
    sr: NDArray[np.floating], size: float, parts: Sequence[Sequence[Span]], *, hard: bool
) -> Values:
    """Make every second tile brighter and the others darker: steps of `size` between them."""
    weights = []
    for side, axis in zip(sr.shape[1:], parts, strict=True):
        ramps = [_faded(part, side // SCALE) for part in axis]
        weights.append([np.round(ramp) if hard else ramp for ramp in ramps])
    planted = sr.astype(np.float64)
    for row, down in enumerate(weights[0]):
        for column, across in enumerate(weights[1]):
            planted += size * (0.5 if (row + column) % 2 else -0.5) * np.outer(down, across)
    return planted


def _faded(part: Span, length: int) -> Values:
    """Return the weight of a part of an axis along the product, as tiles are blended."""
    place = (np.arange(length * SCALE) + 0.5) / SCALE
    weight = np.ones(len(place))
    if part.full:
        weight *= np.clip((place - part.enter) / max(part.full - part.enter, 1e-9), 0, 1)
    if part.leave < length:
        weight *= np.clip((part.end - place) / max(part.end - part.leave, 1e-9), 0, 1)
    return weight


def _poor(hr: Values, rng: np.random.Generator) -> dict[str, Values]:
    """Make LR images of a photograph (B,H,W) as cameras and careless resampling make them."""
    fine = imresize(hr, 1 / SCALE)
    aliased = hr[:, 1::SCALE, 1::SCALE]
    half = imresize(hr, 2 / SCALE)[:, ::2, ::2]
    sharpened = half + 1.5 * (half - ndimage.gaussian_filter(half, (0, 1, 1)))

    def noisy(values: Values, deviation: float) -> Values:
        return values + rng.normal(0, deviation, values.shape)

    return {
        "loupe-x4": fine,
        "loupe-x4, JPEG 40": compress(fine, 40),
        "loupe-x4, noise 4 %": noisy(fine, 0.04),
        "loupe-x4, every fourth pixel": aliased,
        "loupe-x4, every fourth pixel, noise 2 %, JPEG 50": compress(noisy(aliased, 0.02), 50),
        "loupe-x4, sharpened, noise 2 %, JPEG 50": compress(noisy(sharpened, 0.02), 50),
    }


def _textures(paths: Sequence[str]) -> dict[str, list[float]]:
    rng = np.random.default_rng(0)
    loupe, plain = (Predictor.of(model) for model in (load("loupe-x4"), load("bicubic", scale=4)))
    found: dict[str, list[float]] = defaultdict(list)

    def look(name: str, lr: Image, sr: Image) -> None:
        share = texture([find_strokes(lr, sr, SCALE)])
        if share is not None:
            found[name].append(share)

    for path in paths:
        with open_source(path) as source:
            values = source.read().in_unit().values[:3].astype(np.float64)
        rows, columns = (side // SCALE * SCALE for side in values.shape[1:])
        hr = values[:, :rows, :columns]
        lr = _stored(imresize(hr, 1 / SCALE))
        look("the photograph itself", lr, _stored(hr))
        look("bicubic", lr, plain.super_resolve(lr))
        for name, coarse in _poor(hr, rng).items():
            lr = _stored(coarse)
            look(name, lr, loupe.super_resolve(lr))
    return found


def _stored(values: Values) -> Image:
    return Image.of(BYTE.from_unit(values.clip(0, 1).astype(np.float32)), radiometry=BYTE)


def _seams(paths: Sequence[str], count: int) -> dict[str, list[float]]:
    rng = np.random.default_rng(0)
    found: dict[str, list[float]] = defaultdict(list)
    cases = list(product(paths, (load("loupe-x4"), load("bicubic", scale=SCALE))))
    for path, model in cases:
        scene = _part(path)
        lr = scene.in_unit().values
        sr = Predictor.of(model).super_resolve(scene).in_unit().values
        for _ in range(-(-count // len(cases))):
            margin = int(rng.choice([0, 4, 15, 24]))
            tile = int(rng.integers(max(64, 4 * margin), 220))
            tags = {
                "GEOLOUPE_TILE": f"{tile}",
                "GEOLOUPE_MARGIN": f"{margin}",
                "GEOLOUPE_REACH": "local",
            }
            parts = [spans(side, tile=tile, margin=margin, fit=True) for side in lr.shape[1:]]
            for name, planted in _planted(sr, contrast(lr), parts):
                step = seam_steps(held(planted), held(lr), tags, SCALE)
                if step is not None:
                    found[name].append(step)
    return found


def _planted(
    sr: NDArray[np.floating], whole: float, parts: Sequence[Sequence[Span]]
) -> Iterator[tuple[str, NDArray[np.floating]]]:
    """Return a product as it is, and with steps of 1 and 2 % of the contrast along its tiles."""
    height = sr.shape[1] // SCALE
    columns = (spans(height, tile=height, margin=0), parts[1])
    yield "nothing planted", sr
    for share in (0.01, 0.02):
        size = share * whole
        yield f"hard steps of {share:.0%}", with_steps(sr, size, parts, hard=True)
        yield f"faded steps of {share:.0%}", with_steps(sr, size, parts, hard=False)
        yield f"columns, hard steps of {share:.0%}", with_steps(sr, size, columns, hard=True)


def _part(path: str) -> Image:
    """Read the middle of a scene."""
    with open_source(path) as source:
        height, width = (min(side, SIDE) for side in (source.grid.height, source.grid.width))
        top, left = (source.grid.height - height) // 2, (source.grid.width - width) // 2
        return source.read(Window(top=top, left=left, height=height, width=width))


def _rows(found: dict[str, list[float]], limit: float, good: Sequence[str]) -> Iterator[str]:
    """Return the lines of a table: how large, how often above the limit, how far from the good."""
    known = np.concatenate([found[name] for name in good])
    for name, values in found.items():
        middle, high = np.percentile(values, (50, 90))
        above = float((np.array(values) > limit).mean())
        area = np.mean([(known < value).mean() + (known == value).mean() / 2 for value in values])
        told = "" if name in good else f"{area:.2f}"
        yield f"| {name} | {len(values)} | {middle:.4f} | {high:.4f} | {above:.1%} | {told} |"


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("measure", choices=["texture", "seams"])
    parser.add_argument("paths", nargs="+", help="images, or scenes")
    parser.add_argument("--grids", type=int, default=200, help="grids of tiles laid over scenes")
    words = parser.parse_args()
    if words.measure == "texture":
        found, good = _textures(words.paths), ["the photograph itself", "bicubic", "loupe-x4"]
    else:
        found, good = _seams(words.paths, words.grids), ["nothing planted"]
    limit = LIMITS[words.measure]
    print(f"| product | number | median | 90 % | above {limit:g} | area under the curve |")
    print("|---|---:|---:|---:|---:|---:|")
    sys.stdout.writelines(f"{row}\n" for row in _rows(found, limit, good))


if __name__ == "__main__":
    main()
