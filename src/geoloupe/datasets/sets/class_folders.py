"""Archives of small RGB pictures in a folder for each class, or already split."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Self

import numpy as np

from geoloupe.datasets.scenes import DataCard, Scene
from geoloupe.datasets.sets.rasters import raster_part
from geoloupe.datasets.splits import SPLITS, PerClass
from geoloupe.errors import InputError
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import Radiometry
from geoloupe.rasters.product import write_image
from geoloupe.storage.tree import Tree


@dataclass(frozen=True, kw_only=True)
class ClassFolders:
    """Pictures named after their class with a number: beach07.tif, beach_7.jpg, beach_007.jpg."""

    card: DataCard
    classes: Mapping[str, int]  # number of pictures of each class, by its name in lower case
    suffixes: tuple[str, ...]  # the first is that of the published archive
    sides: tuple[int, int]  # the smallest and the usual

    def tiny(self) -> Self:
        """Expect two classes of twelve pictures of 30 x 30."""
        rule = next(iter(self.card.rules.values()))
        if isinstance(rule, PerClass):
            rule = PerClass(train=6, val=2, test=4)
        card = replace(self.card, rules=dict(self.card.rules) | {next(iter(self.card.rules)): rule})
        classes = dict.fromkeys(list(self.classes)[:2], 12)
        return replace(self, card=card, classes=classes, sides=(30, 30))

    def scenes(self, tree: Tree) -> Sequence[Scene]:
        """List the pictures; an incomplete class is an InputError, unless already split."""
        found = [scene for name in tree.names if (scene := self._scene(tree, name))]
        given = [scene for scene in found if scene.split]
        scenes = sorted(given or found, key=lambda scene: scene.id)
        if not scenes:
            raise InputError(f"{tree.root}: holds no {self.card.name}; expected {self.card.layout}")
        ids = Counter(scene.id for scene in scenes)
        twice = [name for name, count in ids.items() if count > 1]
        if twice:
            raise InputError(f"{tree.root}: holds {twice[0]} twice")
        if not given:
            self._refuse_incomplete(tree, scenes)
        return scenes

    def fake(self, root: Path) -> None:
        """Write the published archive's names, all with the same tiny picture."""
        side = self.sides[0]
        values = np.random.default_rng(0).integers(0, 256, (3, side, side)).astype(np.uint8)
        root.mkdir(parents=True, exist_ok=True)
        # Pictures may be of another kind than their suffix says, but a .tif is a .tif.
        sample = root / ("sample.tif" if self.suffixes[0] == ".tif" else "sample.png")
        write_image(sample, Image.of(values, radiometry=Radiometry(dtype="uint8", high=(255.0,))))
        content = sample.read_bytes()
        sample.unlink()
        for label, count in self.classes.items():
            (root / label).mkdir()
            for number in range(count):
                (root / label / f"{label}_{number + 1}{self.suffixes[0]}").write_bytes(content)

    def _scene(self, tree: Tree, name: str) -> Scene | None:
        path = PurePosixPath(name)
        named = re.fullmatch(r"([a-z_]+?)_?(\d+)", path.stem.lower())
        folders = {part.lower() for part in path.parts[:-1]}
        if path.suffix.lower() not in self.suffixes or named is None:
            return None
        label = named[1]
        if label not in self.classes or any(part.startswith("lr") for part in folders):
            return None
        split = next((split for split in SPLITS if split in folders), None)
        if split is None and label not in folders:
            return None
        part = raster_part(tree, name, band_count=3, dtype="uint8", sides=self.sides)
        return Scene(
            id=path.stem, label=label, split=split, file=tree.place(name), parts={"hr": part}
        )

    def _refuse_incomplete(self, tree: Tree, scenes: Sequence[Scene]) -> None:
        counts = Counter(scene.label for scene in scenes)
        for label, expected in self.classes.items():
            if counts[label] != expected:
                raise InputError(
                    f"{tree.root}: class {label} has {counts[label]} pictures where {expected} "
                    f"are expected; {self._gap(label, expected, scenes)}"
                )

    @staticmethod
    def _gap(label: str, expected: int, scenes: Sequence[Scene]) -> str:
        there = {int(re.sub(r"\D", "", scene.id)) for scene in scenes if scene.label == label}
        first = 0 if 0 in there else 1
        gaps = sorted(set(range(first, first + expected)) - there)
        return f"number {gaps[0]} is missing" if gaps else "there are too many"
