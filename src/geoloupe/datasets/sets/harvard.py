"""Harvard: real-world scenes of 31 bands, a .mat file each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Self

import numpy as np
import scipy.io

from geoloupe.datasets.scenes import DataCard, Scene, SceneArray
from geoloupe.datasets.sets.cubes import MatCube, even_bands
from geoloupe.datasets.splits import Shares
from geoloupe.errors import InputError
from geoloupe.storage.tree import Tree

_BANDS = even_bands(420, 720, 31)


@dataclass(frozen=True, kw_only=True)
class Harvard:
    """Files with a cube `ref`; the mask `lbl` of moved pixels is not used, as in publications."""

    card: DataCard
    counts: tuple[int, ...]  # of scenes in one archive or both
    size: tuple[int, int]

    def tiny(self) -> Self:
        """Expect five scenes of 20 x 24."""
        return replace(self, counts=(5,), size=(20, 24))

    def scenes(self, tree: Tree) -> Sequence[Scene]:
        """List the scenes; a wrong number of them is an InputError."""
        names = [name for name in tree.names if name.lower().endswith(".mat")]
        names = [name for name in names if PurePosixPath(name).stem.lower() != "calib"]
        if len(names) not in self.counts:
            raise InputError(
                f"{tree.root}: holds {len(names)} .mat files where "
                f"{' or '.join(map(str, self.counts))} are expected: {self.card.layout}"
            )
        return [
            Scene(
                id=PurePosixPath(name).stem,
                file=tree.place(name),
                parts={"hr": self._part(tree, name)},
            )
            for name in names
        ]

    def fake(self, root: Path) -> None:
        """Write cubes of noise."""
        root.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(0)
        for number in range(self.counts[0]):
            cube = rng.random((*self.size, len(_BANDS))) * 0.08
            mask = np.ones(self.size, np.uint8)
            scipy.io.savemat(root / f"img{number}.mat", {"ref": cube, "lbl": mask})

    def _part(self, tree: Tree, name: str) -> Callable[[], SceneArray]:
        # Each scene is divided by its own maximum, as in all papers on this set.
        cube = MatCube(tree=tree, name=name, keys=("ref",), bands=_BANDS, size=self.size)
        return cube.part


HARVARD = Harvard(
    card=DataCard(
        name="harvard",
        about="Harvard: 50 real-world scenes of 1392 x 1040, 31 bands from 420 to 720 nm",
        source="http://vision.seas.harvard.edu/hyperspec/",
        terms="free for research; cite the paper",
        cite="Chakrabarti and Zickler, Statistics of Real-World Hyperspectral Images, CVPR 2011",
        layout="the 50 .mat files of CZ_hsdb, or with CZ_hsdbi all 77",
        rules={"mulsr": Shares(train=0.8, val=0.0, test=0.2)},
    ),
    counts=(50, 77),
    size=(1040, 1392),
)
