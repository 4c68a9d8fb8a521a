"""Single large cubes that papers cut into areas: Chikusei and Pavia Centre."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Self

import h5py
import numpy as np

from geoloupe.datasets.scenes import DataCard, Scene
from geoloupe.datasets.sets.cubes import MatCube, even_bands
from geoloupe.datasets.splits import Archived
from geoloupe.errors import InputError
from geoloupe.imagery.grid import Window
from geoloupe.imagery.spectra import Band
from geoloupe.storage.tree import Tree


@dataclass(frozen=True, kw_only=True)
class Airborne:
    """One .mat file with one cube, whose areas train, validate and test."""

    card: DataCard
    keys: tuple[str, ...]
    bands: tuple[Band, ...]
    size: tuple[int, int]  # of the whole cube
    crop: Window  # what is used of it
    high: float | None  # stored value of unit 1; None: the maximum inside the crop
    areas: Mapping[str, Window]  # by split and number, inside the crop: "test-1"
    shrink: int  # how many times smaller the tests' version is

    def tiny(self) -> Self:
        """Expect the same areas many times smaller."""

        def small(window: Window) -> Window:
            sides = (window.top, window.left, window.height, window.width)
            top, left, height, width = (side // self.shrink for side in sides)
            return Window(top=top, left=left, height=height, width=width)

        return replace(
            self,
            size=(self.size[0] // self.shrink + 1, self.size[1] // self.shrink + 1),
            crop=small(self.crop),
            areas={name: small(window) for name, window in self.areas.items()},
        )

    def scenes(self, tree: Tree) -> Sequence[Scene]:
        """List the areas; anything but one .mat file is an InputError."""
        names = [name for name in tree.names if name.lower().endswith(".mat")]
        if len(names) > 1:
            likely = [name for name in names if self.card.name in name.lower()]
            names = [name for name in likely if "gt" not in name.lower()] or names
        if len(names) != 1:
            raise InputError(
                f"{tree.root}: holds {len(names)} .mat files where one is expected: "
                f"{self.card.layout}"
            )
        cube = MatCube(
            tree=tree,
            name=names[0],
            keys=self.keys,
            bands=self.bands,
            size=self.size,
            crop=self.crop,
            high=self.high,
        )
        return [
            Scene(
                id=f"{self.card.name}-{name}",
                split=name.partition("-")[0],
                file=tree.place(names[0]),
                parts={"hr": partial(cube.part, window)},
            )
            for name, window in self.areas.items()
        ]

    def fake(self, root: Path) -> None:
        """Write a cube of noise as version 7.3 stores it, with reversed axes."""
        root.mkdir(parents=True, exist_ok=True)
        shape = (len(self.bands), self.size[1], self.size[0])
        values = np.random.default_rng(0).integers(0, 8000, shape).astype(np.uint16)
        with h5py.File(root / f"{self.card.name}.mat", "w", userblock_size=512) as file:
            file.create_dataset(self.keys[0], data=values, chunks=True, compression="gzip")


CHIKUSEI = Airborne(
    card=DataCard(
        name="chikusei",
        about="Chikusei: one airborne scene of 128 bands from 363 to 1018 nm, four test tiles",
        source="https://naotoyokoya.com/Download.html",
        terms="free for research; cite the paper",
        cite="Yokoya and Iwasaki, Airborne hyperspectral data over Chikusei, 2016",
        layout="HyperspecVNIR_Chikusei_20140729.mat with the cube chikusei, 2517 x 2335 x 128",
        rules={"archive": Archived()},
    ),
    keys=("chikusei",),
    bands=even_bands(363, 1018, 128),
    size=(2517, 2335),
    crop=Window(top=106, left=143, height=2304, width=2048),
    high=None,
    areas={
        "train-1": Window(top=512, left=0, height=1600, width=2048),
        "val-1": Window(top=2112, left=0, height=192, width=2048),
        **{
            f"test-{number + 1}": Window(top=0, left=512 * number, height=512, width=512)
            for number in range(4)
        },
    },
    shrink=64,
)

PAVIA = Airborne(
    card=DataCard(
        name="pavia",
        about="Pavia Centre: one airborne scene of 102 bands from 430 to 860 nm, four test tiles",
        source="https://www.ehu.eus/ccwintco/index.php/Hyperspectral_Remote_Sensing_Scenes",
        terms="free for research; Prof. Paolo Gamba, University of Pavia",
        cite="Jiang et al., SSPSR, IEEE TCI 2020, for its use in super-resolution",
        layout="Pavia.mat with the cube pavia, 1096 x 715 x 102",
        rules={"archive": Archived()},
    ),
    keys=("pavia",),
    bands=even_bands(430, 860, 102),
    size=(1096, 715),
    crop=Window(top=0, left=0, height=1096, width=715),
    high=8000.0,
    areas={
        "train-1": Window(top=0, left=224, height=1096, width=427),
        "val-1": Window(top=0, left=651, height=1096, width=64),
        **{
            f"test-{number + 1}": Window(top=224 * number, left=0, height=224, width=224)
            for number in range(4)
        },
    },
    shrink=16,
)
