"""The sets of BasicRSISR: AID900, DOTA and DIOR1000 at x4, with the LR pictures they came with."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self

import numpy as np

from geoloupe.datasets.scenes import DataCard, Scene
from geoloupe.datasets.sets.rasters import SUFFIXES, coarser_part, raster_part
from geoloupe.datasets.splits import Archived
from geoloupe.errors import InputError
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import Radiometry
from geoloupe.rasters.product import write_image
from geoloupe.storage.tree import Tree

_SCALE = 4
_SIDES = {"gt": "hr", "lr": "lr"}
_TRAIN = "train"


@dataclass(frozen=True, kw_only=True)
class TruthAndLR:
    """Folders GT and LR whose pictures pair by name, in `train` and in the test set's folder."""

    card: DataCard
    folder: str  # the test set's, in lower case

    def tiny(self) -> Self:
        """Change nothing: any number and size will do."""
        return self

    def scenes(self, tree: Tree) -> Sequence[Scene]:
        """List the pairs; a picture without a partner is an InputError."""
        found: dict[tuple[str, str, str], dict[str, str]] = {}
        for name in tree.names:
            place = self._place(tree, name)
            if place is not None:
                side, *key = place
                found.setdefault((key[0], key[1], key[2]), {})[side] = name
        if not found:
            raise InputError(f"{tree.root}: holds no {self.card.name}; expected {self.card.layout}")
        for files in found.values():
            if len(files) == 1:
                ((side, name),) = files.items()
                other = "LR" if side == "hr" else "GT"
                raise InputError(f"{tree.place(name)}: has no partner of the same name in {other}")
        return [
            _scene(tree, split, label, stem, files) for (split, label, stem), files in found.items()
        ]

    def fake(self, root: Path) -> None:
        """Write six pairs to train on and three to test."""
        rng = np.random.default_rng(0)
        byte = Radiometry(dtype="uint8", high=(255.0,))
        for split, count in ((_TRAIN, 6), (f"test/{self.folder.upper()}", 3)):
            for number in range(count):
                hr = rng.integers(0, 256, (3, 40, 48)).astype(np.uint8)
                lr = hr.reshape(3, 10, _SCALE, 12, _SCALE).mean(axis=(2, 4)).astype(np.uint8)
                for side, values in (("GT", hr), ("LR", lr)):
                    folder = root / split / side
                    folder.mkdir(parents=True, exist_ok=True)
                    write_image(folder / f"{number}.png", Image.of(values, radiometry=byte))

    def _place(self, tree: Tree, name: str) -> tuple[str, str, str, str] | None:
        """Return the side, the split, the class and the name of a picture, or None."""
        path = PurePosixPath(name)
        folders = [part.lower() for part in path.parts[:-1]]
        sides = [number for number, part in enumerate(folders) if part in _SIDES]
        if path.suffix.lower() not in SUFFIXES or len(sides) != 1:
            return None
        at = sides[0]
        above = folders[at - 1] if at else tree.root.name.lower()
        if above not in (_TRAIN, self.folder) and at:
            return None  # another of the test sets
        split = _TRAIN if above == _TRAIN else "test"
        return _SIDES[folders[at]], split, "/".join(path.parts[at + 1 : -1]), path.stem


def _scene(tree: Tree, split: str, label: str, stem: str, files: dict[str, str]) -> Scene:
    hr, lr = (raster_part(tree, files[side], band_count=3, dtype="uint8") for side in ("hr", "lr"))
    return Scene(
        id="/".join(part for part in (split, label, stem) if part),
        label=label,
        split=split,
        file=tree.place(files["hr"]),
        parts={"hr": hr, "lr": coarser_part(lr, hr, tree.place(files["lr"]))},
    )


def _set(folder: str, about: str) -> TruthAndLR:
    return TruthAndLR(
        card=DataCard(
            name=folder.lower(),
            about=about,
            source="https://github.com/fyzhang2024/BasicRSISR",
            terms="those of AID, DOTA and DIOR: for research",
            cite="Zhang et al., Reliability-Aware and Self-Competitive Dictionary Refinement, 2026",
            layout=f"train/GT and train/LR, test/{folder}/GT and test/{folder}/LR, or GT and LR",
            rules={"archive": Archived()},
        ),
        folder=folder.lower(),
    )


AID900 = _set("AID900", "900 pictures of AID with their LR pictures, x4")
DOTA = _set("DOTA", "BasicRSISR's pictures of DOTA with their LR pictures, x4")
DIOR1000 = _set("DIOR1000", "1000 pictures of DIOR with their LR pictures, x4")
