"""Sound files of every kind that the program reads, to be damaged: each in a folder of its own."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import rasterio.shutil
import scipy.io
import torch
from rasterio.windows import Window

import geoloupe
from geoloupe.models.card import Card
from geoloupe.models.model import Model, save
from geoloupe.networks import build
from geoloupe.scenes import plan as planning
from geoloupe.training.recipe import read_recipe, recipe_text
from tests.datasets.small import PLACE, picture
from tests.datasets.small import random as noise
from tests.fuzz.products import products
from tests.rasters.test_sentinel2 import product
from tests.real_data import DATA
from tests.training.scenes import prepared

SCENE, PRODUCT, WEIGHTS, CHECKPOINT, RECIPE, JOB, DATASET = (
    *("scene", "product", "weights", "checkpoint", "recipe"),
    *("job", "dataset"),
)


CASE = "case"  # the folder in which a damaged copy of a seed is judged
JOB_OPTIONS: dict[str, Any] = {"model": "bicubic", "scale": 2, "tile": 32}


@contextmanager
def small_blocks() -> Iterator[None]:
    """Make several blocks of a small scene."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planning, "_BLOCK_BYTES", 2**15)
        yield


@dataclass(frozen=True)
class Seed:
    """A folder with the file that is to be damaged, and what kind of thing the folder is."""

    kind: str
    folder: Path
    file: str


def seeds(folder: Path) -> dict[str, list[Seed]]:
    """Make sound files, and cut small parts out of real ones."""
    folder.mkdir()
    return {
        SCENE: list(_scenes(folder)),
        PRODUCT: [Seed(PRODUCT, *made) for made in products(folder / "products")],
        WEIGHTS: list(_weights(folder / "weights")),
        CHECKPOINT: list(_checkpoints(folder)),
        RECIPE: list(_recipes(folder)),
        JOB: list(_jobs(folder / "job", folder.parent / CASE)),
        DATASET: list(_datasets(folder)),
    }


def _scenes(root: Path) -> Iterator[Seed]:
    values = noise(3, 40, 48)
    for name in ("a.png", "a.tif"):
        path = picture(root / name.replace(".", "-") / name, values)
        yield Seed(SCENE, path.parent, name)
    profile = {"count": 3, "height": 40, "width": 48, "dtype": "uint16", "nodata": 0}
    for number, options in enumerate(
        (
            {"compress": "deflate", "tiled": True, "blockxsize": 16, "blockysize": 16},
            {"compress": "lzw", "predictor": 2, "interleave": "pixel"},
            {"driver": "ENVI"},
            {"driver": "JP2OpenJPEG", "reversible": True, "quality": 100},
        )
    ):
        suffix = {"ENVI": ".img", "JP2OpenJPEG": ".jp2"}.get(str(options.get("driver")), ".tif")
        path = root / f"b{number}" / f"b{number}{suffix}"
        path.parent.mkdir()
        with rasterio.open(
            path, "w", crs="EPSG:32631", transform=PLACE, **profile | options
        ) as out:
            out.write(noise(3, 40, 48).astype(np.uint16) + 1)
        for file in path.parent.iterdir():
            yield Seed(SCENE, path.parent, file.name)
    (root / "v").mkdir()
    shutil.copy(root / "a-tif" / "a.tif", root / "v" / "inner.tif")
    rasterio.shutil.copy(root / "v" / "inner.tif", root / "v" / "v.vrt", driver="VRT")
    yield Seed(SCENE, root / "v", "v.vrt")
    safe = product(root / "s")
    for path in (safe / "MTD_MSIL2A.xml", next(safe.rglob("*B03_10m.jp2"))):
        yield Seed(SCENE, root / "s", path.relative_to(root / "s").as_posix())
    (root / "c").mkdir()
    scipy.io.savemat(root / "c" / "c.mat", {"data": noise(20, 24, 5), "map": noise(20, 24)})
    yield Seed(SCENE, root / "c", "c.mat")
    for path in sorted((DATA / "scenes").glob("*.tif")) if DATA.is_dir() else []:
        yield _part_of(path, root / path.stem)


def _part_of(path: Path, folder: Path) -> Seed:
    folder.mkdir()
    with rasterio.open(path) as real:
        height, width = min(real.height, 48), min(real.width, 48)
        cut = real.profile | {"height": height, "width": width, "tiled": False}
        cut = {key: value for key, value in cut.items() if not key.startswith("block")}
        with rasterio.open(folder / path.name, "w", **cut) as out:
            out.write(real.read(window=Window(0, 0, width, height)))
    return Seed(SCENE, folder, path.name)


def _weights(folder: Path) -> Iterator[Seed]:
    settings = {"scale": 2, "features": 6, "blocks": 1}
    card = Card(name="mine", network="loupe", settings=settings, not_for="maps")
    save(Model(build("loupe", **settings), card), folder)
    for file in folder.iterdir():
        yield Seed(WEIGHTS, folder, file.name)


def _checkpoints(root: Path) -> Iterator[Seed]:
    state = {"body.weight": torch.rand(4, 3, 3, 3), "body.bias": torch.rand(4)}
    for name, content, zipped in (
        ("new.pt", {"params": state, "step": 7}, True),
        ("old.pth", state, False),
    ):
        folder = root / name.replace(".", "-")
        folder.mkdir()
        torch.save(content, folder / name, _use_new_zipfile_serialization=zipped)
        yield Seed(CHECKPOINT, folder, name)


def _recipes(root: Path) -> Iterator[Seed]:
    for name in ("smoke", "mulsr-cave", "sspsr-chikusei"):
        folder = root / f"recipe-{name}"
        folder.mkdir()
        (folder / "recipe.toml").write_text(recipe_text(read_recipe(name)))
        yield Seed(RECIPE, folder, "recipe.toml")


def _jobs(folder: Path, home: Path) -> Iterator[Seed]:
    """Leave a job unfinished, one of its two shards done; it knows by its path what it enlarges."""
    picture(home / "in.tif", noise(3, 64, 80))
    with small_blocks():
        for name, shard in (("clean.tif", None), ("out.tif", "1/2")):
            geoloupe.upscale(home / "in.tif", home / name, shard=shard, **JOB_OPTIONS)
    shutil.move(home, folder)
    for path in sorted(item for item in (folder / ".out.tif.work").rglob("*") if item.is_file()):
        yield Seed(JOB, folder, path.relative_to(folder).as_posix())


def _datasets(root: Path) -> Iterator[Seed]:
    folder = prepared(root / "dataset", 4)
    shutil.rmtree(folder.parent / "images")
    for name in ("dataset.json", "index.jsonl"):
        yield Seed(DATASET, folder, name)
