"""Real pairs of two sensors: matching rasters in a folder of LR and a folder of HR images."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil, floor
from pathlib import Path, PurePosixPath
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from geoloupe.datasets.scenes import DataCard, Scene, SceneArray
from geoloupe.datasets.sets.rasters import SUFFIXES, raster_part
from geoloupe.datasets.splits import Archived, Shares
from geoloupe.errors import InputError
from geoloupe.imagery.grid import Grid, Window
from geoloupe.imagery.image import Image
from geoloupe.imagery.meeting import Meeting, Side
from geoloupe.imagery.radiometry import Radiometry
from geoloupe.rasters.product import write_image
from geoloupe.storage.tree import Tree

_ALIGNED_PX = 0.05  # HR pixels by which pixels of a pair may miss each other
_SIDES = {
    "lr": {"lr", "low", "oli", "landsat", "landsat8", "l8"},
    "hr": {"hr", "high", "msi", "sentinel", "sentinel2", "s2"},
}
_SPLIT_WORDS = {"train": "train", "val": "val", "valid": "val", "test": "test"}
_WORDS = set().union(*_SIDES.values(), _SPLIT_WORDS)


@dataclass(frozen=True, kw_only=True)
class RasterPairs:
    """Folders such as train_lr and train_hr, or lr and hr; files pair by name."""

    card: DataCard

    def tiny(self) -> Self:
        """Change nothing: any number and size will do."""
        return self

    def scenes(self, tree: Tree) -> Sequence[Scene]:
        """List the pairs; a file without a partner is an InputError."""
        found: dict[tuple[str, str | None], dict[str, str]] = {}
        for name in tree.names:
            if name.lower().endswith(SUFFIXES) and (place := _place(name)) is not None:
                side, split, scene = place
                files = found.setdefault((scene, split), {})
                if side in files:
                    raise InputError(
                        f"{tree.place(name)}: pairs as {tree.place(files[side])} does; rename one"
                    )
                files[side] = name
        if not found:
            raise InputError(
                f"{tree.root}: holds no folders of LR and HR rasters; expected {self.card.layout}"
            )
        for files in found.values():
            if len(files) == 1:
                ((side, name),) = files.items()
                other = "HR" if side == "lr" else "LR"
                raise InputError(f"{tree.place(name)}: has no {other} image of the same name")
        names = [scene for scene, _ in found]
        return [
            Scene(
                id=scene if names.count(scene) == 1 else f"{split}/{scene}",
                split=split,
                file=tree.place(files["hr"]),
                parts={
                    "hr": _common(tree, files["lr"], files["hr"], coarse=False),
                    "lr": _common(tree, files["lr"], files["hr"], coarse=True),
                },
            )
            for (scene, split), files in found.items()
        ]

    def fake(self, root: Path) -> None:
        """Write OLI2MSI's layout with noise of factor 3."""
        rng = np.random.default_rng(0)
        for split, count in (("train", 6), ("test", 2)):
            for number in range(count):
                hr = rng.integers(1, 4000, (3, 36, 36)).astype(np.uint16)
                lr = hr.reshape(3, 12, 3, 12, 3).mean(axis=(2, 4)).astype(np.uint16)
                for side, values, pixel in (("hr", hr, 10.0), ("lr", lr, 30.0)):
                    folder = root / f"{split}_{side}"
                    folder.mkdir(parents=True, exist_ok=True)
                    grid = Grid(
                        crs=None,
                        transform=(pixel, 0, 5e5, 0, -pixel, 4e6),
                        height=values.shape[1],
                        width=values.shape[2],
                    )
                    image = Image.of(
                        values, radiometry=Radiometry(dtype="uint16", high=(10000.0,)), grid=grid
                    )
                    write_image(folder / f"{number:03}.tif", image)


def _place(name: str) -> tuple[str, str | None, str] | None:
    """Return the side, the split and the common name of a pair's files, or None."""
    path = PurePosixPath(name)
    words = [word for part in path.parts[:-1] for word in _words(part)]
    sides = {side for side, known in _SIDES.items() if known & set(words)}
    if len(sides) != 1:
        return None
    split = next((_SPLIT_WORDS[word] for word in words if word in _SPLIT_WORDS), None)
    kept = [word for word in re.split(r"[_\-]", path.stem) if word.lower() not in _WORDS]
    return sides.pop(), split, "_".join(kept) or path.stem


def _common(tree: Tree, lr: str, hr: str, *, coarse: bool) -> Callable[[], SceneArray]:
    """Promise one side of a pair, cut to the LR pixels that both images show whole."""

    def open_part() -> SceneArray:
        low, high = raster_part(tree, lr)(), raster_part(tree, hr)()
        if len(low.bands) != len(high.bands):
            raise InputError(
                f"{tree.place(lr)}: has {len(low.bands)} bands, and the HR image has "
                f"{len(high.bands)}"
            )
        try:
            one, other = _shared(low, high)
        except InputError as error:
            raise InputError(
                f"{tree.place(lr)}: has {low.width} x {low.height} pixels, and the HR image has "
                f"{high.width} x {high.height}: not an integer factor, and {error}"
            ) from None
        return _cut(low, one) if coarse else _cut(high, other)

    return open_part


def _shared(low: SceneArray, high: SceneArray) -> tuple[Window, Window]:
    """Return what both images of a pair show: all if the sizes fit, else by where they lie."""
    factor = max(high.height // low.height, 1)
    if (low.height * factor, low.width * factor) == (high.height, high.width):
        return _whole(low), _whole(high)
    coarse, fine = low.grid, high.grid
    if coarse is None or fine is None or not coarse.crs or coarse.crs != fine.crs:
        raise InputError("they do not lie in one coordinate system")
    meeting = Meeting.of(coarse, fine)
    if meeting is None:
        raise InputError("one is rotated against the other")
    sides = (meeting.down, high.height), (meeting.across, high.width)
    factor = round(meeting.ratio)
    spans = [_span(side, factor, length) for side, length in sides]
    (top, height, above), (left, width, before) = spans
    one = Window(top=top, left=left, height=height, width=width)
    return one, Window(top=above, left=before, height=height * factor, width=width * factor)


def _span(side: Side, factor: int, length: int) -> tuple[int, int, int]:
    """Return along one axis the first shared LR pixel, how many are, and the first HR pixel."""
    ratio, offset = side.axis.ratio, side.axis.offset
    away = abs(ratio - factor) * side.count + abs(offset - round(offset))
    if factor < 2:
        raise InputError("by where they lie, LR pixels are not twice as wide as HR pixels or more")
    if away > _ALIGNED_PX:
        raise InputError(
            f"their pixels do not coincide: LR pixels are {ratio:.4g} HR pixels wide and begin "
            f"{offset - floor(offset):.2g} off one; resample the LR image with gdalwarp, to whole "
            "HR pixels"
        )
    first = max(ceil(-round(offset) / factor), 0)
    count = min((length - round(offset)) // factor, side.count) - first
    if count < 1:
        raise InputError("they show different places")
    return first, count, round(offset) + first * factor


def _cut(part: SceneArray, window: Window) -> SceneArray:
    """Return a window of an array, read as far as it reaches."""
    rows, columns = window.slices

    def blocks() -> Iterator[NDArray[Any]]:
        top = 0
        for block in part.blocks():
            begin, end = max(rows.start - top, 0), min(rows.stop - top, block.shape[1])
            top += block.shape[1]
            if begin < end:
                yield block[:, begin:end, columns]

    grid = part.grid.window(window) if part.grid is not None else None
    return replace(part, height=window.height, width=window.width, blocks=blocks, grid=grid)


def _whole(part: SceneArray) -> Window:
    return Window(top=0, left=0, height=part.height, width=part.width)


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[^a-z0-9]+", text.lower()) if word]


PAIRS = RasterPairs(
    card=DataCard(
        name="pairs",
        about="real pairs of two sensors, such as OLI2MSI (Landsat-8 and Sentinel-2, x3)",
        source="https://github.com/wjwjww/OLI2MSI, for OLI2MSI",
        terms="those of your files",
        cite="Wang et al., Multisensor Remote Sensing Imagery Super-Resolution, RSE 2021",
        layout="train_lr/001.tif and train_hr/001.tif and so on, or lr/ and hr/",
        rules={
            "shares": Shares(train=0.8, val=0.1, test=0.1),
            "archive": Archived(),
            "held-out": Archived(val=0.02),  # for OLI2MSI, which has no images to validate with
        },
    )
)
