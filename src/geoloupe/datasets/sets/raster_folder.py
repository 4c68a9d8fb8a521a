"""A plain folder of images or rasters: each is a scene, a folder is its class."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self

import numpy as np

from geoloupe.datasets.scenes import DataCard, Scene
from geoloupe.datasets.sets.rasters import SUFFIXES, raster_part
from geoloupe.datasets.splits import SPLITS, Archived, Shares
from geoloupe.errors import InputError
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import Radiometry
from geoloupe.rasters.product import write_image
from geoloupe.storage.tree import Tree


@dataclass(frozen=True, kw_only=True)
class RasterFolder:
    """Whatever GDAL reads, in folders that may be called train, val and test."""

    card: DataCard

    def tiny(self) -> Self:
        """Change nothing: any number and size will do."""
        return self

    def scenes(self, tree: Tree) -> Sequence[Scene]:
        """List the rasters by their path without the suffix."""
        names = [name for name in tree.names if name.lower().endswith(SUFFIXES)]
        if not names:
            raise InputError(f"{tree.root}: holds no raster; expected {self.card.layout}")
        scenes = [_scene(tree, name) for name in names]
        undecided = [scene for scene in scenes if scene.split is None]
        if undecided and len(undecided) < len(scenes):
            raise InputError(
                f"{undecided[0].file}: is in none of train/, val/ and test/, but others are; move "
                "it into one of them, or write a list and name it with split="
            )
        ids: dict[str, str] = {}
        for scene in scenes:
            if ids.setdefault(scene.id, scene.file) != scene.file:
                raise InputError(f"{scene.file}: has the same name as {ids[scene.id]}; rename one")
        return scenes

    def fake(self, root: Path) -> None:
        """Write ten pictures of noise in two classes."""
        rng = np.random.default_rng(0)
        for label in ("land", "water"):
            (root / label).mkdir(parents=True)
            for number in range(5):
                values = rng.integers(0, 256, (3, 30, 34)).astype(np.uint8)
                image = Image.of(values, radiometry=Radiometry(dtype="uint8", high=(255.0,)))
                write_image(root / label / f"{number}.png", image)


def _scene(tree: Tree, name: str) -> Scene:
    path = PurePosixPath(name)
    folders = path.parts[:-1]
    split = next((part.lower() for part in folders if part.lower() in SPLITS), None)
    labels = [part for part in folders if part.lower() not in SPLITS]
    return Scene(
        id=path.with_suffix("").as_posix(),
        label=labels[-1] if labels else "",
        split=split,
        file=tree.place(name),
        parts={"hr": raster_part(tree, name)},
    )


FOLDER = RasterFolder(
    card=DataCard(
        name="folder",
        about="any folder of images or rasters",
        source="you",
        terms="those of your files",
        cite="",
        layout="GeoTIFF, PNG, JPEG 2000, ENVI and so on, perhaps in train/, val/ and test/",
        rules={"shares": Shares(train=0.8, val=0.1, test=0.1), "archive": Archived()},
    )
)
