"""A small data set for tests: any folder of rasters."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import rasterio
from rasterio.transform import Affine

from geoloupe import catalog
from geoloupe.datasets.preparation.prepare import prepare
from geoloupe.datasets.preparation.prepared import PreparedDataset
from geoloupe.datasets.scenes import DataCard, Scene, SceneArray
from geoloupe.datasets.sets.rasters import raster_part
from geoloupe.datasets.splits import Archived, InOrder, Shares
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import Radiometry
from geoloupe.rasters.product import write_image
from geoloupe.storage.tree import Tree

PLACE = Affine(10.0, 0.0, 500_000.0, 0.0, -10.0, 4_000_000.0)


class Small:
    """Rasters called ID.tif or ID.png; files of that name in folders are parts such as lr/."""

    card = DataCard(
        name="small",
        about="rasters of a test",
        source="nowhere",
        terms="none",
        cite="none",
        layout="rasters",
        rules={
            "order": InOrder(train=4, val=2),
            "shares": Shares(train=0.5, val=0.25, test=0.25),
            "archive": Archived(),
        },
    )
    pause = 0.0  # seconds in the middle of every part

    def scenes(self, tree: Tree) -> Sequence[Scene]:
        parts: dict[str, dict[str, Callable[[], SceneArray]]] = {}
        files: dict[str, str] = {}
        for name in tree.names:
            path = PurePosixPath(name)
            kind = path.parent.name or "hr"
            files.setdefault(path.stem, tree.place(name))
            parts.setdefault(path.stem, {})[kind] = self._slow(raster_part(tree, name))
        return [Scene(id=name, file=files[name], parts=p) for name, p in parts.items()]

    def _slow(self, open_part: Callable[[], SceneArray]) -> Callable[[], SceneArray]:
        def blocks(part: SceneArray) -> Iterator[Any]:
            for block in part.blocks():
                half = block.shape[1] // 2
                yield block[:, :half]
                time.sleep(self.pause)
                yield block[:, half:]

        def opened() -> SceneArray:
            part = open_part()
            return replace(part, blocks=lambda: blocks(part))

        return opened


SMALL = Small()


def picture(path: Path, values: Any) -> Path:
    """Write (3,H,W) bytes as a .png, or anything as a placed .tif."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".png":
        write_image(path, Image.of(values, radiometry=Radiometry(dtype="uint8", high=(255.0,))))
        return path
    count, height, width = values.shape
    profile = {"count": count, "height": height, "width": width, "dtype": values.dtype}
    with rasterio.open(path, "w", crs="EPSG:32631", transform=PLACE, **profile) as out:
        out.write(values)
    return path


def random(*shape: int, dtype: str = "uint8", seed: int = 0) -> Any:
    """Make (B,H,W) values."""
    values = np.random.default_rng(seed).random(shape, np.float32)
    return values if dtype == "float32" else (values * 255).astype(dtype)


def enter(monkeypatch: Any) -> None:
    """Put the data set into the catalog."""
    rows = catalog.CATALOG["dataset"] | {"small": "tests.datasets.small:SMALL"}
    monkeypatch.setitem(catalog.CATALOG, "dataset", rows)
    catalog.targets.cache_clear()


def prepared(folder: Path, scenes: dict[str, Any]) -> PreparedDataset:
    """Prepare arrays by their path, all of them for training."""
    for name, values in scenes.items():
        picture(folder / "in" / name, values)
    words = "".join(f"train {Path(name).stem}\n" for name in scenes)
    (folder / "list").write_text(words)
    return prepare("small", folder / "in", folder / "out", split=str(folder / "list")).prepared
