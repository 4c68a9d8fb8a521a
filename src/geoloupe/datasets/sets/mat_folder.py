"""Any .mat cubes, such as those of the ABU anomaly sets and of unmixing scenes: each is a scene."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self

import numpy as np
import scipy.io

from geoloupe.datasets.scenes import DataCard, Scene, SceneArray
from geoloupe.datasets.sets.cubes import MatCube, array_part
from geoloupe.datasets.splits import Archived, Shares
from geoloupe.errors import InputError, errors_named
from geoloupe.imagery.spectra import Band
from geoloupe.rasters.matlab import open_mat
from geoloupe.storage.tree import Tree

_KEYS = ("data", "ref", "cube", "hsi", "img")
WAVELENGTHS = "wavelengths.txt"
_MAX_FILE_BYTES = 1_000_000  # most bytes of that file
_MAX_NM = 1e6  # nm


@dataclass(frozen=True, kw_only=True)
class MatFolder:
    """Files with a cube, or with a matrix `Y` of bands x pixels and its `nRow` and `nCol`."""

    card: DataCard

    def tiny(self) -> Self:
        """Change nothing: any number and size will do."""
        return self

    def scenes(self, tree: Tree) -> Sequence[Scene]:
        """List the files; each is divided by its own maximum."""
        names = [name for name in tree.names if name.lower().endswith(".mat")]
        if not names:
            raise InputError(f"{tree.root}: holds no .mat file; expected {self.card.layout}")
        return [
            Scene(
                id=PurePosixPath(name).with_suffix("").as_posix(),
                file=tree.place(name),
                parts={"hr": _part(tree, name, _bands(tree, name))},
            )
            for name in names
        ]

    def fake(self, root: Path) -> None:
        """Write nine cubes and a matrix of noise."""
        root.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(0)
        for number in range(9):
            cube = rng.integers(0, 5000, (20, 24, 7)).astype(np.int16)
            scipy.io.savemat(root / f"abu-{number}.mat", {"data": cube, "map": cube[..., 0] > 4999})
        matrix = rng.integers(0, 5000, (7, 20 * 18)).astype(np.uint16)
        scipy.io.savemat(root / "unmixing.mat", {"Y": matrix, "nRow": 20, "nCol": 18})


def _bands(tree: Tree, name: str) -> tuple[Band, ...]:
    """Read the wavelengths beside a cube, if present."""
    beside = (PurePosixPath(name).parent / WAVELENGTHS).as_posix()
    if beside not in tree.names:
        return ()
    with tree.open(beside) as file:
        words = file.read(_MAX_FILE_BYTES).decode("utf-8", "replace").replace(",", " ").split()
    try:
        lengths = [float(word) for word in words]
    except ValueError as error:
        raise InputError(f"{tree.place(beside)}: holds more than numbers ({error})") from None
    if not all(0 < length < _MAX_NM for length in lengths):
        raise InputError(f"{tree.place(beside)}: wavelengths are in nm, above 0")
    return tuple(Band(nm=length) for length in lengths)


def _part(tree: Tree, name: str, bands: tuple[Band, ...]) -> Callable[[], SceneArray]:
    def open_part() -> SceneArray:
        with open_mat(tree.open(name), tree.place(name)) as file, errors_named(tree.place(name)):
            values = file.matrix()
            if values is None:
                return MatCube(tree=tree, name=name, keys=_KEYS, bands=bands).part()
            if len(bands) not in (0, len(values)):
                raise InputError(f"has {len(values)} bands, and {WAVELENGTHS} {len(bands)} numbers")
            return array_part(values, bands=bands, high=float(values.max()) or 1.0)

    return open_part


CUBES = MatFolder(
    card=DataCard(
        name="cubes",
        about="any .mat cubes, such as ABU's airports and cities, or Jasper Ridge",
        source="http://xudongkang.weebly.com/data-sets.html, for ABU",
        terms="those of your files",
        cite="Kang et al., Hyperspectral Anomaly Detection, IEEE TGRS 2017, for ABU",
        layout=".mat files with one cube (rows x columns x bands) each, and perhaps beside them "
        "wavelengths.txt, a number in nm for each band",
        rules={"shares": Shares(train=0.8, val=0.1, test=0.1), "archive": Archived()},
    )
)
