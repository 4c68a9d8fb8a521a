"""Roman Colosseum: a WorldView-2 scene of eight bands with an RGB image four times finer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np
import scipy.io

from geoloupe.datasets.scenes import DataCard, Scene
from geoloupe.datasets.sets.cubes import MatCube
from geoloupe.datasets.splits import Archived
from geoloupe.errors import InputError
from geoloupe.imagery.grid import Window
from geoloupe.imagery.spectra import Band
from geoloupe.rasters.matlab import open_mat
from geoloupe.storage.tree import Tree

_BANDS = tuple(
    Band(name, nm)
    for name, nm in (
        *(("coastal", 427), ("blue", 478), ("green", 546), ("yellow", 608)),
        *(("red", 659), ("red edge", 724), ("nir", 833), ("nir2", 949)),
    )
)
_COLOURS = (Band("red", 659), Band("green", 546), Band("blue", 478))
_FINER = 4


@dataclass(frozen=True, kw_only=True)
class Colosseum:
    """A cube of 8 bands and one of 3 that is four times finer, under any names, in .mat files."""

    card: DataCard
    size: tuple[int, int]

    def tiny(self) -> Self:
        """Expect 24 x 40 pixels."""
        return replace(self, size=(24, 40))

    def scenes(self, tree: Tree) -> Sequence[Scene]:
        """Return the left three quarters for training and the rest for tests."""
        height, width = self.size
        cube = self._find(tree, _BANDS, 1)
        guide = self._find(tree, _COLOURS, _FINER)
        edge = 3 * width // 4
        return [
            Scene(
                id=f"colosseum-{split}",
                split=split,
                file=tree.place(cube.name),
                parts={
                    "hr": partial(cube.part, window),
                    "guide": partial(guide.part, window.finer(_FINER)),
                },
            )
            for split, window in (
                ("train", Window(top=0, left=0, height=height, width=edge)),
                ("test", Window(top=0, left=edge, height=height, width=width - edge)),
            )
        ]

    def fake(self, root: Path) -> None:
        """Write one file with two cubes of noise."""
        root.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(0)
        height, width = self.size
        rgb = (height * _FINER, width * _FINER, len(_COLOURS))
        content = {
            "MS": rng.integers(1, 2048, (height, width, len(_BANDS))).astype(np.uint16),
            "RGB": rng.integers(1, 2048, rgb).astype(np.uint16),
        }
        scipy.io.savemat(root / "Roman_Colosseum.mat", content)

    def _find(self, tree: Tree, bands: tuple[Band, ...], finer: int) -> MatCube:
        size = (self.size[0] * finer, self.size[1] * finer)
        for name in tree.names:
            if not name.lower().endswith(".mat"):
                continue
            with open_mat(tree.open(name), tree.place(name)) as file:
                for key, shape in file.shapes.items():
                    if shape == (*size, len(bands)):
                        return MatCube(tree=tree, name=name, keys=(key,), bands=bands)
        raise InputError(
            f"{tree.root}: holds no .mat file with a cube of {size[0]} x {size[1]} x {len(bands)}; "
            f"expected {self.card.layout}"
        )


COLOSSEUM = Colosseum(
    card=DataCard(
        name="colosseum",
        about="Roman Colosseum: a WorldView-2 scene of 8 bands, 658 x 419, with RGB 4 times finer",
        source="https://github.com/qianngli/MulSR",
        terms="a sample of Maxar's; for research",
        cite="Li, Yuan and Wang, MulSR, IEEE TGRS 2023, for its use in super-resolution",
        layout="one or two .mat files with cubes of 419 x 658 x 8 and 1676 x 2632 x 3",
        rules={"archive": Archived()},
    ),
    size=(419, 658),
)
