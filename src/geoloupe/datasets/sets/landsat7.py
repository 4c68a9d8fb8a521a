"""Landsat-7 ETM+: real pairs of six bands at 30 m and the panchromatic band at 15 m."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Self

import numpy as np
import scipy.io
from numpy.typing import NDArray

from geoloupe.datasets.scenes import DataCard, Scene, SceneArray
from geoloupe.datasets.sets.cubes import array_part
from geoloupe.datasets.splits import Archived, InOrder
from geoloupe.errors import InputError, errors_named
from geoloupe.imagery.spectra import Band
from geoloupe.rasters.matlab import open_mat
from geoloupe.storage.tree import Tree

_BANDS = (
    Band("red", 661),
    Band("green", 561),
    Band("blue", 483),
    Band("nir", 835),
    Band("swir1", 1650),
    Band("swir2", 2208),
)
_PAN = (Band("panchromatic", 706),)
_SPLITS = {"train": range(1, 9), "val": range(9, 11), "test": range(11, 13)}
_FINER = 2
# The archive's panchromatic images lie one pixel up and left of the others.
_OFFSET = (1, 1)


@dataclass(frozen=True, kw_only=True)
class Landsat7:
    """Files 1_ms.mat and 1_pan.mat and so on; the panchromatic image is moved into place."""

    card: DataCard
    side: int  # of the multispectral image

    def tiny(self) -> Self:
        """Expect images of 24 x 24."""
        return replace(self, side=24)

    def scenes(self, tree: Tree) -> Sequence[Scene]:
        """List the pairs; a missing file is an InputError."""
        found = {PurePosixPath(name).name.lower(): name for name in tree.names}
        scenes = []
        for split, numbers in _SPLITS.items():
            for number in numbers:
                for kind in ("ms", "pan"):
                    if f"{number}_{kind}.mat" not in found:
                        raise InputError(
                            f"{tree.root}: {number}_{kind}.mat is missing; expected "
                            f"{self.card.layout}"
                        )
                ms, pan = (found[f"{number}_{kind}.mat"] for kind in ("ms", "pan"))
                scenes.append(
                    Scene(
                        id=f"{number:02}",
                        split=split,
                        file=tree.place(ms),
                        parts={"hr": self._ms(tree, ms), "guide": self._pan(tree, pan)},
                    )
                )
        return scenes

    def fake(self, root: Path) -> None:
        """Write images of noise, the panchromatic ones displaced like the real ones."""
        root.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(0)
        for number in range(1, 13):
            ms = rng.integers(1, 256, (self.side, self.side, len(_BANDS))).astype(np.uint8)
            pan = ms[..., :3].mean(axis=2).repeat(_FINER, axis=0).repeat(_FINER, axis=1)
            pan = np.roll(pan, tuple(-step for step in _OFFSET), axis=(0, 1)).astype(np.uint8)
            scipy.io.savemat(root / f"{number}_ms.mat", {"cropped_im": ms})
            scipy.io.savemat(root / f"{number}_pan.mat", {"cropped_gray": pan})

    def _ms(self, tree: Tree, name: str) -> Callable[[], SceneArray]:
        def open_part() -> SceneArray:
            values = _read(tree, name, "cropped_im", (len(_BANDS), self.side, self.side))
            return array_part(values, bands=_BANDS, high=255.0)

        return open_part

    def _pan(self, tree: Tree, name: str) -> Callable[[], SceneArray]:
        def open_part() -> SceneArray:
            side = self.side * _FINER
            values = _read(tree, name, "cropped_gray", (1, side, side))
            moved = np.roll(values, _OFFSET, axis=(1, 2))
            return array_part(moved, bands=_PAN, high=255.0)

        return open_part


def _read(tree: Tree, name: str, key: str, shape: tuple[int, int, int]) -> NDArray[Any]:
    """Read an array (B,H,W) of bytes; anything else is an InputError."""
    place = tree.place(name)
    with open_mat(tree.open(name), place) as file, errors_named(place):
        if key not in file.shapes:
            raise InputError(f"has no array {key}; it has {', '.join(file.shapes) or 'none'}")
        values = file.read(key)
        if values.shape != shape or values.dtype != np.uint8:
            raise InputError(
                f"{key} holds {values.shape} of {values.dtype} where {shape} of uint8 (bands, "
                "rows, columns) is expected"
            )
        return values


LANDSAT7 = Landsat7(
    card=DataCard(
        name="landsat7",
        about="Landsat-7 ETM+: 12 real pairs of 6 bands at 30 m, 400 x 400, and PAN at 15 m",
        source="https://earthexplorer.usgs.gov",
        terms="public domain (USGS)",
        cite="USGS, Landsat-7 ETM+",
        layout="1_ms.mat (cropped_im) and 1_pan.mat (cropped_gray) up to 12",
        rules={"archive": Archived(), "order": InOrder(train=8, val=2)},
    ),
    side=400,
)
